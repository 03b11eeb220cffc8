"""Training runs: frozen inputs, and what becomes of their result."""

import json
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import ProjectError
from napari_qsa.images import open_dataset, sha256
from napari_qsa.project import Project

SHAPE = (24, 32)


@pytest.fixture
def trainable(project: Project, drawing) -> Project:
    ids = list(project.images)
    for seed, image in enumerate(ids[:4]):
        project.accept(image, *drawing(seed))
    project.save_draft(ids[0], *drawing(9))
    project.set_role([ids[1]], "validation")
    project.set_role([ids[2]], "excluded")
    return project


def test_run_freezes_its_inputs(trainable: Project, drawing, pictures: Path) -> None:
    ids = list(trainable.images)
    (pictures / "P1_3.png").unlink()
    run = trainable.new_run({"iterations": 7})
    assert [(i.image, i.revision, i.role) for i in run.inputs] == [
        (ids[0], 1, "train"),
        (ids[1], 1, "validation"),
    ]
    tif = trainable.folder / "annotations" / ids[0] / "000001.tif"
    assert run.inputs[0].sha256 == sha256(tif)
    assert run.inputs[0].group == trainable.image(ids[0]).group
    assert len(run.left_out) == 1
    assert "P1_3" in run.left_out[0]
    assert "is missing" in run.left_out[0]
    trainable.accept(ids[0], *drawing(30))
    trainable.set_role([ids[0]], "excluded")
    assert trainable.runs() == [run]
    document = json.loads((run.folder / "inputs.json").read_text())
    assert document["project"] == trainable.facts.id
    assert document["options"] == {"iterations": 7}
    assert len(document["inputs"]) == 2


def test_a_run_lists_its_images_as_a_data_set(trainable: Project, drawing, tmp_path) -> None:
    run = trainable.new_run({})
    ids = list(trainable.images)
    moved = trainable.folder.parent.rename(trainable.folder.parent.with_name("moved"))
    folder = moved / run.folder.relative_to(tmp_path)
    for name, wanted in (("train", [ids[0], ids[3]]), ("validation", [ids[1]])):
        dataset = open_dataset(folder / f"{name}.json")
        assert [item.name for item in dataset.items] == wanted
        for item in dataset.items:
            glands, region = drawing(ids.index(item.name))
            assert item.patient == trainable.image(item.name).group
            assert item.read().pixel_size == 0.5
            np.testing.assert_array_equal(item.read_labels(SHAPE), glands)
            np.testing.assert_array_equal(
                item.read_reviewed(SHAPE), np.where(region == 0, 1, region) == 1
            )


def test_a_run_from_start_to_adoption(trainable: Project, tmp_path: Path, ensemble_writer) -> None:
    run = trainable.new_run({})
    assert run.state == "new"
    with pytest.raises(ProjectError, match="is not finished"):
        trainable.adopt(run.id)
    ensemble_writer(run.result("suggestive"), 4, "suggestive")
    assert trainable.run(run.id).state == "new"
    ensemble_writer(run.result("segmentation"), 5)
    trainable.close()
    with Project.open(trainable.folder) as again:
        assert [r.state for r in again.runs()] == ["finished"]
        keys = again.adopt(run.id)
        assert again.models() == tuple(sorted(keys.values()))
        for slot in ("suggestive", "segmentation"):
            assert again.model_in(slot) == keys[slot]
            assert again.facts.slots[slot][0].run == run.id
            assert sha256(again.model_path(keys[slot])) == sha256(run.result(slot))
        assert [r.state for r in again.runs()] == ["adopted"]
        for change in (again.adopt, again.discard):
            with pytest.raises(ProjectError, match="was adopted"):
                change(run.id)


def test_a_discarded_run_can_be_adopted_after_all(trainable: Project, ensemble_writer) -> None:
    run = trainable.new_run({})
    for slot in ("suggestive", "segmentation"):
        ensemble_writer(run.result(slot), 4, slot)
    trainable.discard(run.id)
    trainable.discard(run.id)
    assert trainable.runs()[0].state == "discarded"
    assert trainable.facts.discarded == (run.id,)
    trainable.adopt(run.id)
    assert trainable.runs()[0].state == "adopted"
    assert trainable.facts.discarded == ()


def test_runs_that_are_none(trainable: Project) -> None:
    run = trainable.new_run({})
    (trainable.folder / "runs" / "begun").mkdir()
    (trainable.folder / "runs" / "torn").mkdir()
    (trainable.folder / "runs" / "torn" / "inputs.json").write_text('{"schema": 1, "id')
    (trainable.folder / "runs" / "copy").mkdir()
    (trainable.folder / "runs" / "copy" / "inputs.json").write_bytes(
        (run.folder / "inputs.json").read_bytes()
    )
    assert trainable.runs() == [run]
    assert len(trainable.problems()) == 2
    for name in ("begun", "nowhere", "../project"):
        with pytest.raises(ProjectError, match="has no run"):
            trainable.adopt(name)


def test_nothing_to_train_on(project: Project, drawing) -> None:
    image = next(iter(project.images))
    project.save_draft(image, *drawing(1))
    with pytest.raises(ProjectError, match="accept one first"):
        project.new_run({})
    project.accept(image, *drawing(1))
    project.set_role([image], "validation")
    with pytest.raises(ProjectError, match="accept one first"):
        project.new_run({})
    assert not (project.folder / "runs").exists()
