"""``napari-qsa simulate``: a study begun, gone on with, and reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.cli import console
from napari_qsa.images.synthetic import write_synthetic_glas
from napari_qsa.jobs import progress
from napari_qsa.simulation import working
from napari_qsa.simulation.run import DONE
from napari_qsa.simulation.study import SCHEMA, Study, write_json

Run = Callable[..., Any]
PLAN = ("--rounds", 2, "--start", 2, "--add", 2, "--folds", 3, "--iterations", 9)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_synthetic_glas(tmp_path / "data", 8, seed=4, shape=(64, 72))
    return tmp_path / "data"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is run; results are made up: the score is the share of the pool, plus the seed."""
    runs: list[tuple[str, int]] = []

    def run(folder: str, name: str, seed: int) -> str:
        runs.append((name, seed))
        study = Study.open(Path(folder))
        place = study.run_folder(name, seed)
        place.mkdir(parents=True)
        for number in range(1, study.rounds_of(name) + 1):
            pooled = dict.fromkeys(("object_dice", "f1", "pixel_dice"), 0.1 * number + seed / 100)
            pooled["object_hausdorff"] = 50.0
            values = {"schema": SCHEMA, "scores": {"pooled": pooled}}
            write_json(place / f"round-{number}.json", values)
        return DONE

    monkeypatch.setattr(working, "run", run)
    return runs


def test_a_study_is_begun_and_gone_on_with(
    run: Run, data: Path, tmp_path: Path, told: list[tuple[str, int]]
) -> None:
    study = tmp_path / "study"
    first = run("simulate", data, "--study", study, "--strategy", "random", "--seeds", 1, *PLAN)
    assert first.code == 0, first.err
    assert told == [("random", 0), ("full", 0)]
    plan = Study.open(study).plan
    assert (plan.rounds, plan.start, plan.folds) == (2, 2, 3)
    assert (plan.suggestive.iterations, plan.segmentation.iterations) == (9, 27)
    told.clear()
    arms = ("--arm", "random", "--arm", "QSA=suggestive:inq4")
    again = run("simulate", data, "--study", study, *arms, "--seeds", 2, "--json")
    assert told == [("QSA", 0), ("random", 1), ("QSA", 1), ("full", 1)]
    means = again.document["scores"]["f1"]["arms"]["QSA"]["rounds"]
    assert [mean["value"] for mean in means] == pytest.approx([0.105, 0.205])
    assert json.loads((study / "report" / "report.json").read_text()) == again.document


def test_an_arm_without_full_supervision(
    run: Run, data: Path, tmp_path: Path, told: list[tuple[str, int]]
) -> None:
    study = tmp_path / "study"
    arm = ("--strategy", "uncertainty", "--weights", "inq7", "--no-full", "--seeds", 1)
    assert run("simulate", data, "--study", study, *arm, *PLAN).code == 0
    assert told == [("uncertainty-inq7", 0)]


def test_the_report_alone_runs_nothing(
    run: Run, data: Path, tmp_path: Path, told: list[tuple[str, int]]
) -> None:
    study = tmp_path / "study"
    assert run("simulate", data, "--study", study, "--arm", "random", "--seeds", 1, *PLAN).code == 0
    told.clear()
    (study / "report" / "report.md").unlink()
    assert run("simulate", "--study", study, "--report").code == 0
    assert (study / "report" / "report.md").exists()
    assert told == []


@pytest.mark.parametrize(
    "option", [("--rounds", 3), ("--iterations", 10), ("--batch", 8), ("--stain", 1.0)]
)
def test_a_study_keeps_its_plan(
    run: Run, data: Path, tmp_path: Path, told: list[tuple[str, int]], option: tuple[str, Any]
) -> None:
    study = tmp_path / "study"
    assert run("simulate", data, "--study", study, "--arm", "random", "--seeds", 0, *PLAN).code == 0
    same = run("simulate", "--study", study, "--arm", "random", "--seeds", 0, *PLAN)
    assert same.code == 0, same.err
    other = run("simulate", "--study", study, "--arm", "random", *option)
    assert other.code == 2
    assert option[0] in other.err
    began = {"--rounds": 2, "--iterations": 9, "--batch": 4, "--stain": 0.3}
    said = f"began with {option[0]} {began[option[0]]}: leave it out"
    assert said in " ".join(other.err.replace("│", " ").split())


def test_images_without_labels(run: Run, plain_images: Path, tmp_path: Path) -> None:
    arguments = ("--study", tmp_path / "study", "--arm", "random", "--part", "all", *PLAN)
    ran = run("simulate", plain_images, *arguments)
    assert ran.code == 1
    assert "holds no labelled image: put NAME_anno.bmp" in ran.err
    assert not (tmp_path / "study").exists()


def test_a_folder_of_images_becomes_no_study(
    run: Run, data: Path, told: list[tuple[str, int]]
) -> None:
    before = sorted(data.rglob("*"))
    ran = run("simulate", data, "--study", data, "--arm", "random", "--seeds", 1, *PLAN)
    assert ran.code == 1
    assert "holds images: give a study a folder of its own" in ran.err
    assert sorted(data.rglob("*")) == before
    assert told == []


def test_what_a_stop_leaves_is_said(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(working, "run", stop)
    study = tmp_path / "study"
    ran = run("simulate", data, "--study", study, "--arm", "random", "--seeds", 1, *PLAN)
    assert ran.code == 130
    assert f"what is done is kept in {study}: the same command goes on with it" in ran.err


def test_progress_of_a_run_is_told_without_a_terminal(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(*_: Any) -> str:
        progress.report(0.5, "round 1")
        return DONE

    monkeypatch.setattr(working, "run", half)
    monkeypatch.setattr(console, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    study = tmp_path / "study"
    arms = ("--arm", "random", "--no-full", "--seeds", 1)
    assert "Simulating: 50%" in run("simulate", data, "--study", study, *arms, *PLAN).err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--arm", "best"),
        ("--arm", "random:inq44"),
        ("--strategy", "best"),
        ("--activations", "u44"),
        ("--segmentation-weights", "u4"),
    ],
)
def test_wrong_options_are_named(run: Run, data: Path, tmp_path: Path, arguments: Any) -> None:
    ran = run("simulate", data, "--study", tmp_path / "none", "--seeds", 0, *arguments)
    assert ran.code == 2
    assert f"'{arguments[0]}'" in ran.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--arm", "best"), "There is no strategy 'best'"),
        (("--arm", "A=random", "--arm", "A=uncertainty"), "two arms have one name"),
        (("--weights", "inq4"), "it goes with --strategy"),
        (("--arm", "random", "--budget-minutes", 5, "--iterations", 5), "give one of the two"),
        (("--arm", "random"), "a new study needs it"),
        (("--report",), "holds no study"),
        (("--arm", "uncertainty", "--members", 1), "'--members'"),
    ],
)
def test_what_makes_no_sense_is_said(
    run: Run, tmp_path: Path, arguments: tuple[Any, ...], said: str
) -> None:
    ran = run("simulate", "--study", tmp_path / "none", *arguments)
    assert ran.code != 0
    assert said in " ".join(ran.err.replace("│", " ").split())
