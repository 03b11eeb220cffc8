"""Going back to the model before, to the very first one: that is the one that is shipped."""

import pytest

from napari_qsa.session.trainer import Trainer


@pytest.mark.parametrize("slot", ["segmentation", "suggestive"])
def test_before_the_first_model_there_was_the_shipped_one(room, ensemble_maker, tmp_path, slot):
    project = room.desk.project
    keys = [
        project.add_model(ensemble_maker(tmp_path / f"{n}.safetensors", role=slot, seeds=(n, n)))
        for n in range(2)
    ]
    for key in keys:
        project.use_model(slot, key)
    trainer = Trainer(room.desk)
    for expected in (keys[0], f"glas-{slot}"):
        trainer.back(slot)
        assert trainer.flush(30)
        assert project.model_in(slot) == expected
    trainer.close()
