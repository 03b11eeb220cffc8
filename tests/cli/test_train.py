"""``napari-qsa train``."""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble.card import read_card
from napari_qsa.ensemble.training import member
from napari_qsa.ensemble.training.budget import Pace
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import TrainingError
from napari_qsa.images.identity import sha256
from napari_qsa.jobs import training
from napari_qsa.jobs.training_progress import MemberProgress, TrainingProgress
from napari_qsa.session import training as session_training

SMALL = ("--network", "unet", "--network-option", "width=2", "--device", "cpu")


@pytest.fixture(autouse=True)
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin runs with less in an iteration than is of use: what it learns is not asked here."""
    begin = session_training.begin_run

    def begin_small(
        folder: Path, data: Path, part: str, options: TrainingOptions, *more: Any, **tell: Any
    ) -> TrainingRun:
        usual = TrainingOptions()
        wanted = {"batch": 4, "crop": 64}  # unless the command says otherwise
        small = {k: v for k, v in wanted.items() if getattr(options, k) == getattr(usual, k)}
        return begin(folder, data, part, replace(options, **small), *more, **tell)

    monkeypatch.setattr(session_training, "begin_run", begin_small)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Train members here, hastily, instead of in processes; tell what was asked for."""
    asked: list[dict[str, Any]] = []

    def train(
        run: TrainingRun,
        workers: int | None = None,
        device: str = "auto",
        start_from: Path | None = None,
        report: Callable[[Any], None] = lambda progress: None,
    ) -> None:
        asked.append({"run": run, "workers": workers, "device": device, "start_from": start_from})
        for number in run.pending():
            run.train_member(number, start_from=start_from)
            report(TrainingProgress((MemberProgress(number, 1, 2, "float", 0.5),), 1))

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(member, "CALIBRATION_BATCHES", 1)
    monkeypatch.setattr(member, "STATISTICS_BATCHES", 1)
    return asked


def stopping(error: BaseException) -> Callable[..., None]:
    def train(*arguments: Any, **options: Any) -> None:
        raise error

    return train


@pytest.mark.slow
def test_from_images_to_a_file_that_segments(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    """In worker processes, with the true quantizers: the whole way."""
    file = tmp_path / "mine.safetensors"
    ran = run(
        *("train", glas, "--out", file, *SMALL, "--role", "suggestive", "--members", 2),
        *("--iterations", 8, "--seed", 3, "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.document["file"] == str(file)
    assert ran.document["members"] == 2
    card = read_card(file)
    assert (card.role, card.weights, card.activations) == ("suggestive", "inq4", "u8")
    assert [image.name for image in card.training] == ["train_1", "train_2", "train_3"]
    assert (tmp_path / "mine.safetensors.run" / "run.json").exists()
    out = tmp_path / "out"
    assert run("segment", glas / "testA_1.bmp", "--out", out, "--ensemble", file).code == 0


def test_folds_make_members(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    file = tmp_path / "folds.safetensors"
    ran = run("train", glas, "--out", file, *SMALL, "--folds", 3, "--iterations", 8)
    assert ran.code == 0, ran.err
    card = read_card(file)
    assert (card.members, card.folds) == (3, 3)
    assert {image.fold for image in card.training} == {0, 1, 2}
    assert all(card.held_out_member(image.sha256) == image.fold for image in card.training)
    assert "3 members, 8 iterations each" in ran.out


def test_what_is_left_out_is_said(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(glas, data)
    (data / "train_9.bmp").write_bytes(b"no image")
    ran = run(
        *("train", data, "--out", tmp_path / "f", *SMALL, "--members", 1, "--iterations", 1),
        *("--weights", "float", "--activations", "float"),
    )
    assert ran.code == 0, ran.err
    assert "train_9.bmp" in ran.err


def test_the_card_says_the_pixel_size_of_the_images(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for end in ("", "_anno"):
        shutil.copy(glas / f"train_1{end}.bmp", data / f"mine{end}.bmp")
    short = ("--members", 1, "--iterations", 1, "--weights", "float", "--activations", "float")
    ran = run("train", data, "--out", tmp_path / "a", *SMALL, *short)
    assert "1 of 1 images is unknown: 0.62 µm is assumed" in ran.err
    assert read_card(tmp_path / "a").source_pixel_size == 0.62
    given = ("train", data, "--out", tmp_path / "b", *SMALL, *short, "--pixel-size", 0.4)
    ran = run(*given)
    assert ran.code == 0, ran.err
    assert "assumed" not in ran.err
    assert read_card(tmp_path / "b").source_pixel_size == 0.4
    assert run(*given, "--resume").code == 0
    other = run("train", data, "--out", tmp_path / "b", "--resume", "--pixel-size", 0.5)
    assert (other.code, "'--pixel-size'" in other.err) == (2, True)


def test_the_ensemble_is_assembled_on_the_device_asked_for(
    run: Callable[..., Any],
    glas: Path,
    tmp_path: Path,
    in_process: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    assemble = TrainingRun.assemble
    monkeypatch.setattr(
        TrainingRun, "assemble", lambda run, device: asked.append(device) or assemble(run, device)
    )
    short = ("--members", 1, "--iterations", 1, "--weights", "float", "--activations", "float")
    assert run("train", glas, "--out", tmp_path / "f", *SMALL, *short).code == 0
    assert asked == ["cpu"]


def test_one_fold_is_left_out(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    file = tmp_path / "fold.safetensors"
    ran = run(
        *("train", glas, "--out", file, *SMALL, "--folds", 3, "--fold", 1, "--members", 1),
        *("--weights", "float", "--activations", "float", "--iterations", 1, "--workers", 7),
    )
    assert ran.code == 0, ran.err
    card = read_card(file)
    assert (card.members, card.folds) == (1, 0)
    assert len(card.training) == 2
    assert in_process[0]["workers"] == 7


def test_minutes_become_iterations_once(
    run: Callable[..., Any],
    glas: Path,
    tmp_path: Path,
    in_process: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        training, "measure_pace", lambda *a: Pace(start=5, fixed=5, plain=2, quantized=2)
    )
    monkeypatch.setattr(TrainingRun, "train_member", stopping(TrainingError("enough")))
    ran = run("train", glas, "--out", tmp_path / "f", *SMALL, "--minutes", 30, "--workers", 5)
    assert ran.code == 1
    iterations = TrainingRun.open(tmp_path / "f.run").options.iterations
    # 1800 s, less 5 to begin, 5 for the workers, 5 beside the iterations, 5 iterations to end.
    assert iterations in (886, 887)
    assert f"{iterations} iterations of each member fit into 30 minutes" in ran.err


def test_too_few_minutes(
    run: Callable[..., Any], glas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        training, "measure_pace", lambda *a: Pace(start=5, fixed=50, plain=2, quantized=2)
    )
    ran = run("train", glas, "--out", tmp_path / "f", *SMALL, "--minutes", 1)
    assert ran.code == 1
    assert "too few" in ran.err
    assert not (tmp_path / "f.run").exists()


def test_a_training_that_is_told_to_end_says_how_to_go_on(
    run: Callable[..., Any], glas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def end(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal comes first")

    monkeypatch.setattr(training, "train", end)
    ran = run("train", glas, "--out", tmp_path / "f.safetensors", *SMALL)
    assert ran.code == 143
    assert "Stopped; what is trained is kept in" in ran.err
    assert "--resume goes on with it" in ran.err
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("error", [TrainingError("The machine is tired."), KeyboardInterrupt()])
def test_a_run_that_ends_early_leaves_the_earlier_file(
    error: BaseException,
    run: Callable[..., Any],
    glas: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "f.safetensors"
    file.write_bytes(b"an earlier ensemble")
    monkeypatch.setattr(training, "train", stopping(error))
    ran = run("train", glas, "--out", file, *SMALL)
    if isinstance(error, KeyboardInterrupt):
        assert ran.code == 130
        assert "--resume" in ran.err
    else:
        assert ran.code == 1
        assert ran.err.endswith("Error: The machine is tired.\n")
    assert file.read_bytes() == b"an earlier ensemble"


def test_resume_goes_on_with_what_the_run_began_with(
    run: Callable[..., Any],
    glas: Path,
    tmp_path: Path,
    in_process: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "f.safetensors"
    first = ("train", glas, "--out", file, *SMALL, "--members", 1, "--iterations", 8)
    with monkeypatch.context() as broken:
        broken.setattr(training, "train", stopping(TrainingError("Power cut.")))
        assert run(*first).code == 1
    again = run(*first)
    assert again.code == 1
    assert "--resume" in again.err
    wrong = run("train", glas, "--out", file, "--resume", "--members", 2)
    assert wrong.code == 2
    assert "'--members'" in wrong.err
    timed = run("train", glas, "--out", file, "--resume", "--minutes", 5)
    assert (timed.code, "'--minutes'" in timed.err) == (2, True)
    elsewhere = run("train", tmp_path, "--out", file, "--resume")
    assert elsewhere.code == 2
    assert "'DATA'" in elsewhere.err
    # The same command, or the bare one, goes on.
    assert run(*first, "--resume").code == 0
    card = read_card(file)
    assert (card.members, card.network_options) == (1, {"width": 2})
    assert run("train", glas, "--out", file, "--resume").code == 0


def test_options_without_a_flag_are_set_by_name(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    common = ("train", glas, *SMALL, "--members", 1)
    settings = ("--set", "separator_reach=6", "--set", "batch=2")
    ran = run(*common, "--iterations", 8, "--out", tmp_path / "a", *settings)
    assert ran.code == 0, ran.err
    options = in_process[0]["run"].options
    assert (options.separator_reach, options.batch) == (6.0, 2)
    other = run(*common, "--out", tmp_path / "a", "--resume", "--set", "batch=3")
    assert other.code == 2
    assert "'--set'" in other.err
    assert "began with --set batch=2" in " ".join(other.err.split())
    for wrong in ("depth=3", "batch=2.5", "stain"):
        bad = run(*common, "--out", tmp_path / "b", "--set", wrong)
        assert bad.code == 2
        assert wrong.partition("=")[0] in bad.err
    out_of_range = run(*common, "--out", tmp_path / "b", "--set", "ema=1")
    assert out_of_range.code == 2
    assert "ema" in out_of_range.err


def test_first_and_last_are_recorded_by_name(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    layers = ("--layer", "last=float", "--layer", "first=float/float")
    command = ("train", glas, *SMALL, "--members", 1, "--out", tmp_path / "a", *layers)
    ran = run(*command, "--iterations", 9)
    assert ran.code == 0, ran.err
    named = {"head": "float", "down.0.0.0": "float/float"}
    assert in_process[0]["run"].options.layers == named
    assert read_card(tmp_path / "a").layers == named
    told = run("info", tmp_path / "a").out
    assert "head float, down.0.0.0 float/float" in told
    assert run(*command, "--resume").code == 0


def test_nothing_to_resume(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    ran = run("train", glas, "--out", tmp_path / "f", "--resume")
    assert ran.code == 1
    assert "no training run" in ran.err


def test_float_phase_from_another_run(
    run: Callable[..., Any], glas: Path, tmp_path: Path, in_process: list[dict[str, Any]]
) -> None:
    common = ("train", glas, *SMALL, "--members", 1)
    first = run(*common, "--out", tmp_path / "a", "--iterations", 9)
    assert first.code == 0, first.err
    source = tmp_path / "a.run"
    second = run(
        *(*common, "--out", tmp_path / "b", "--weights", "float-restarts"),
        *("--start-from", source),
    )
    assert second.code == 0, second.err
    assert in_process[1]["start_from"] == source
    assert in_process[1]["run"].options.iterations == 9
    bad = run(*common, "--out", tmp_path / "c", "--start-from", source, "--minutes", 5)
    assert bad.code == 2


def test_a_relative_start_is_found_from_another_folder(
    run: Callable[..., Any],
    glas: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    in_process: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "f.safetensors"
    first = ("train", glas, "--out", file, "--members", 1, "--iterations", 1, "--device", "cpu")
    first += ("--weights", "float", "--activations", "float")
    monkeypatch.chdir(tiny_ensemble.parent)
    with monkeypatch.context() as broken:
        broken.setattr(training, "train", stopping(TrainingError("Power cut.")))
        ran = run(*first, "--start", tiny_ensemble.name)
        assert "Power cut." in ran.err
    begun = TrainingRun.open(tmp_path / "f.safetensors.run")
    assert begun.options.start == str(tiny_ensemble.resolve())
    assert begun.start_sha256 == sha256(tiny_ensemble)
    assert run(*first, "--start", tiny_ensemble.name, "--resume").code == 0
    file.unlink()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.safetensors.run" / "members" / "0" / "member.safetensors").unlink()
    (tmp_path / "f.safetensors.run" / "members" / "0" / "checkpoint.safetensors").unlink(True)
    ran = run("train", glas, "--out", file, "--resume", "--device", "cpu")
    assert ran.code == 0, ran.err
