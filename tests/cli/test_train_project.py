"""``napari-qsa train`` on a project."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imsave

from napari_qsa.cli import console
from napari_qsa.ensemble.card import read_card
from napari_qsa.images import open_dataset
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.jobs import project_training
from napari_qsa.project import Project

SLOTS = ("suggestive", "segmentation")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path: Path, ensemble_maker: Callable[..., Path]) -> Path:
    """A project of two accepted images, with tiny models in use."""
    made = list(synthetic_glas(2, seed=4, shape=(72, 88)))
    (tmp_path / "pictures").mkdir()
    for number, (pixels, _, _) in enumerate(made):
        imsave(tmp_path / "pictures" / f"{number}.png", pixels, check_contrast=False)
    with Project.create(tmp_path / "glands.qsa", "Glands", pixel_size=0.62) as project:
        project.add_images(open_dataset(tmp_path / "pictures"))
        for image_id, (_, labels, _) in zip(list(project.images), made, strict=True):
            project.accept(image_id, labels, np.ones(labels.shape, np.uint8))
        project.set_role(project.images, "train")
        for slot in SLOTS:
            file = ensemble_maker(tmp_path / f"{slot}.safetensors", role=slot, members=1)
            project.use_model(slot, project.add_model(file))
    return tmp_path / "glands.qsa"


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch, ensemble_maker: Callable[..., Path]) -> list[Any]:
    """Instead of a process: a training that is seen at work once, and then is done."""
    started: list[Any] = []
    looks: list[Path] = []

    def start(folder: Path, keep_running: bool) -> None:
        job = project_training.read_job(folder)
        started.append((job, keep_running))
        looks.clear()
        project_training.write_state(folder, project_training.RunState("running", "Busy", 0.4))

    def is_running(folder: Path) -> bool:
        looks.append(folder)
        if not started or (folder / "cancel").exists() or len(looks) > 2:
            if started and not (folder / "cancel").exists():
                for number, slot in enumerate(SLOTS):
                    file = folder / f"{slot}.safetensors"
                    ensemble_maker(file, role=slot, members=2 + number)
            return False
        return True

    monkeypatch.setattr(project_training, "start", start)
    monkeypatch.setattr(project_training, "is_running", is_running)
    return started


@pytest.mark.slow
@pytest.mark.usefixtures("small_crops")
def test_a_project_is_trained_and_its_models_are_adopted(run, folder: Path) -> None:
    ran = run("train", folder, "--iterations", 10, "--members", 1, "--adopt", "--json")
    assert ran.code == 0, ran.err
    found = ran.document
    assert (found["status"], found["images"], found["fraction"]) == ("adopted", 2, 1.0)
    assert found["options"]["iterations"] == 10
    with Project.open(folder) as project:
        assert [run.id for run in project.runs()] == [found["run"]]
        for slot in SLOTS:
            card = read_card(project.model_path(project.model_in(slot)))
            assert (card.role, card.members) == (slot, 1)
    told = run("train", folder, "--status")
    assert told.code == 0
    assert f"Run {found['run']}: adopted, 100%" in told.out
    assert run("train", folder, "--status", "--json").document == found


def test_options_make_the_job(run, folder: Path, instant: list[Any]) -> None:
    ran = run(
        *("train", folder, "--minutes", 3, "--members", 2, "--weights", "inq5", "--seed", 9),
        *("--activations", "float", "--from-scratch", "--workers", 3, "--json"),
    )
    assert ran.code == 0, ran.err
    ((job, keep_running),) = instant
    assert not keep_running
    assert (job.minutes, job.workers) == (3, 3)
    for stage, share in zip(job.stages, (0.25, 0.75), strict=True):
        options = stage.options
        assert (options.members, options.weights, options.seed) == (2, "inq5", 9)
        assert (options.activations, options.start, stage.share) == ("float", None, share)
        assert options.network == "efficient_fcn"
    assert ran.document["status"] == "finished"


def test_in_the_background_nobody_waits(run, folder: Path, instant: list[Any]) -> None:
    ran = run("train", folder, "--background")
    assert ran.code == 0, ran.err
    assert ": running, 40%" in ran.out
    assert [keep for _, keep in instant] == [True]


def test_a_training_is_stopped_while_its_project_is_open_elsewhere(
    run, folder: Path, instant: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("train", folder, "--background").code == 0
    monkeypatch.setattr(project_training, "is_running", lambda run: not (run / "cancel").exists())
    with Project.open(folder):
        assert ": running" in run("train", folder, "--status").out
        ran = run("train", folder, "--cancel")
        assert ": interrupted" in ran.out
        assert f"`napari-qsa train {folder} --resume` goes on" in ran.out
        again = run("train", folder, "--cancel")
        told = run("project", "status", folder)
    assert again.code == 1
    assert "nothing to stop" in again.err
    assert f"(interrupted at 40%); `napari-qsa train {folder} --resume` goes on" in told.out


def test_a_training_that_is_told_to_end_is_kept(
    run, folder: Path, instant: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def update(bar: Any, *_: Any) -> None:
        if bar._title == "Training" and not killed:
            killed.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    killed: list[bool] = []
    monkeypatch.setattr(console.Bar, "update", update)
    monkeypatch.setattr(project_training, "is_running", lambda run: not (run / "cancel").exists())
    ran = run("train", folder)
    assert ran.code == 143
    assert f"Stopped; what is trained is kept: `napari-qsa train {folder} --resume`" in ran.err


def test_without_a_run_there_is_nothing_to_tell(run, folder: Path) -> None:
    for flag, words in (("--status", "has no training run"), ("--resume", "was stopped")):
        ran = run("train", folder, flag)
        assert ran.code == 1
        assert words in ran.err


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("--out", "x.safetensors"), "--out"),
        (("--folds", 3), "--folds"),
        (("--status", "--minutes", 3), "--minutes"),
        (("--resume", "--iterations", 3), "--iterations"),
        (("--minutes", 3, "--iterations", 3), "--iterations"),
        (("--background", "--adopt"), "--adopt"),
    ],
)
def test_options_that_do_not_go_with_a_project(run, folder: Path, arguments, wrong: str) -> None:
    ran = run("train", folder, *arguments)
    assert ran.code == 2
    assert wrong in ran.err
    with Project.open(folder) as project:
        assert project.runs() == []


def test_options_of_projects_need_one(run, glas: Path, tmp_path: Path) -> None:
    ran = run("train", glas, "--out", tmp_path / "x.safetensors", "--status")
    assert ran.code == 2
    assert "is no project" in ran.err
    ran = run("train", glas)
    assert ran.code == 2
    assert "which file to make" in ran.err


def test_what_a_project_takes_is_said(run: Callable[..., Any], folder: Path) -> None:
    ran = run("train", folder, "--set", "batch=1", "--network", "unet")
    assert ran.code == 2
    told = " ".join(ran.err.replace("│", " ").split())
    assert "'--set', '--network': a training on a project takes" in told
    assert "takes --minutes, --iterations, --members" in told
    for flags, words in (
        (("--resume", "--minutes", 3), "--resume goes with --background and --adopt only"),
        (("--status", "--adopt"), "--status goes with no other option"),
    ):
        ran = run("train", folder, *flags)
        assert ran.code == 2
        assert words in " ".join(ran.err.replace("│", " ").split())
