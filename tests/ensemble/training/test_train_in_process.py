"""`Ensemble.train` from Python: the whole way, stopped and resumed, to a file that loads."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_qsa.ensemble import ensemble as ensemble_module
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training import schedule
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.images.synthetic import write_synthetic_glas

OPTIONS = TrainingOptions(
    network="unet",
    network_options={"width": 4},
    members=2,
    iterations=12,
    batch=2,
    crop=64,
)


SHORT = replace(OPTIONS, weights="float", activations="float", iterations=1)


class Stop(Exception):
    """Ends a run from its report."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glas")
    write_synthetic_glas(folder, 3, seed=5, shape=(160, 200))
    return folder


def weights(ensemble: Ensemble) -> list[torch.Tensor]:
    return [value for network in ensemble.networks() for value in network.state_dict().values()]


def test_trains_saves_and_predicts(data: Path, tmp_path: Path) -> None:
    ensemble = Ensemble.train(data, OPTIONS)
    assert ensemble.card.members == 2
    assert ensemble.card.weights == "inq4"
    assert len(ensemble.card.training) == 3
    first, second = ensemble.networks()
    assert not torch.equal(first.head.weight, second.head.weight)
    ensemble.save(tmp_path / "small.safetensors")
    again = Ensemble.load(tmp_path / "small.safetensors")
    for saved, loaded in zip(weights(ensemble), weights(again), strict=True):
        assert torch.equal(saved, loaded)
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)
    prediction = again.predict(image, pixel_size=0.62)
    assert prediction.probability.shape == (90, 110)
    assert 0 <= prediction.uncertainty.min() <= prediction.uncertainty.max() <= 0.5


def test_stopped_and_resumed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole = Ensemble.train(data, OPTIONS, tmp_path / "whole")

    def stop(event: dict[str, object]) -> None:
        if event["member"] == 1 and event["event"] == "phase" and event["phase"] == "stage 2":
            raise Stop

    with pytest.raises(Stop):
        Ensemble.train(data, OPTIONS, tmp_path / "parts", report=stop)
    resumed = Ensemble.train(data, folder=tmp_path / "parts", resume=True)
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "inq9"}, "no weight scheme 'inq9'"),
        ({"activations": "u9"}, "no activation scheme 'u9'"),
        ({"network": "vnet"}, "no network 'vnet'"),
        ({"network_options": {"depth": 3}}, "does not take these options"),
    ],
)
def test_unknown_names_are_refused_before_any_image_is_read(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(QsaError, match=message):  # there is no image to be read
        Ensemble.train(tmp_path / "nowhere", replace(OPTIONS, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_a_kill_left_while_writing_is_removed(data: Path, tmp_path: Path) -> None:
    torn = tmp_path / "run" / "members" / "0" / ".checkpoint.safetensors.0a1b2c3d.tmp"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"half")
    Ensemble.train(data, replace(OPTIONS, members=1), tmp_path / "run")
    assert not torn.exists()


def test_only_what_is_returned_goes_to_the_device(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    create = ensemble_module.create_engine

    def create_engine(networks: Any, engine: str, device: str) -> Any:
        asked.append(device)
        return create(networks, engine, "cpu")

    monkeypatch.setattr(ensemble_module, "create_engine", create_engine)
    Ensemble.train(data, replace(SHORT, members=1), device="auto")
    assert asked == ["cpu", "cpu", "auto"]  # to save the member, to assemble, to be returned


def test_the_threads_of_the_process_are_left_as_they_were(data: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Ensemble.train(data, replace(SHORT, members=1, threads=1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_folder_that_cannot_be_is_refused_before_any_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(TrainingError, match="cannot be made or written to"):
            Ensemble.train(tmp_path / "nowhere", OPTIONS, folder)
    with pytest.raises(TrainingError, match="holds no training run"):
        Ensemble.train(tmp_path, folder=tmp_path / "file" / "run", resume=True)
    with pytest.raises(QsaError, match="does not exist"):
        Ensemble.train(tmp_path / "nowhere", OPTIONS, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(TrainingError, match=r"written to \(Permission denied\)"):
        TrainingRun.create(tmp_path, tmp_path / "nowhere", OPTIONS)


def test_the_card_has_the_day_the_run_began(data: Path, tmp_path: Path) -> None:
    options = replace(SHORT, members=1)
    TrainingRun.create(tmp_path / "run", data, options)
    path = tmp_path / "run" / "run.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"started": "2001-02-03T04:05:06+00:00"}))
    ensemble = Ensemble.train(data, folder=tmp_path / "run", resume=True)
    assert ensemble.card.date == "2001-02-03"


def test_a_run_keeps_its_plan(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(OPTIONS, iterations=24)
    run = TrainingRun.create(tmp_path / "run", data, options)
    monkeypatch.setattr(schedule, "ACTIVATION_SHARE", 0.3)  # another version of the software
    seen: list[int] = []

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "phase":
            seen.append(event["iteration"])
            if event["phase"] == "stage 1":
                raise Stop

    with pytest.raises(Stop):
        TrainingRun.open(tmp_path / "run").train_member(0, stop)
    assert seen == [0, run.plan[0].stop, run.plan[1].stop]
    assert run.plan[1].stop != phases(options)[1].stop


def test_a_run_of_before_plans_were_kept_opens(data: Path, tmp_path: Path) -> None:
    run = TrainingRun.create(tmp_path / "run", data, OPTIONS)
    path = tmp_path / "run" / "run.json"
    values = json.loads(path.read_text())
    for name in ("notes", "phases"):
        del values[name]
    del values["options"]["source_pixel_size"]
    path.write_text(json.dumps(values))
    before = TrainingRun.open(tmp_path / "run")
    assert before.options == run.options
    assert before.plan == ()


def test_what_is_left_out_is_told_and_recorded(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    (folder / "train_1_anno.bmp").unlink()
    (folder / "train_9.bmp").write_bytes(b"no image")
    Ensemble.train(folder, replace(OPTIONS, members=1), tmp_path / "run")
    notes = json.loads((tmp_path / "run" / "run.json").read_text())["notes"]
    assert "train_9.bmp" in notes[0]
    assert notes[1:] == ["1 of 3 images have no labels: they are not trained on."]
    assert caplog.messages == notes
    assert list(TrainingRun.open(tmp_path / "run").notes) == notes


def test_says_what_is_wrong(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no run to resume"):
        Ensemble.train(data, resume=True)
    with pytest.raises(TrainingError, match="holds no training run"):
        Ensemble.train(data, folder=tmp_path, resume=True)
    Ensemble.train(data, OPTIONS, tmp_path / "run")
    with pytest.raises(TrainingError, match="already holds a training run"):
        Ensemble.train(data, OPTIONS, tmp_path / "run")


def test_the_terms_of_the_start_are_kept(data: Path, tmp_path: Path, ensemble_maker) -> None:
    start = ensemble_maker(tmp_path / "start.safetensors", notes=("No commercial use.",))
    run = TrainingRun.create(tmp_path / "run", data, replace(SHORT, start=str(start), members=1))
    start.rename(tmp_path / "kept.safetensors")
    again = TrainingRun.open(run.folder)
    assert again.terms == ("No commercial use.",)
    (tmp_path / "kept.safetensors").rename(start)
    again.train_member(0)
    assert again.assemble("cpu").card.notes == ("No commercial use.",)
