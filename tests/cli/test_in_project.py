"""``suggest``, ``segment`` and ``export`` where the folder is a project."""

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imread

from napari_qsa.cli import console
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.images import read_image
from napari_qsa.project import Project


@pytest.fixture
def folder(run: Callable[..., Any], glas: Path, tiny_ensemble: Path, tmp_path: Path) -> Path:
    """A project of four images that uses the tiny ensemble for both."""
    assert run("project", "new", tmp_path / "a.qsa", glas, "--seed", 1).code == 0
    for slot in ("suggestive", "segmentation"):
        assert run("model", "use", tmp_path / "a.qsa", tiny_ensemble, "--for", slot).code == 0
    return tmp_path / "a.qsa"


@pytest.mark.usefixtures("engine_here")
def test_a_round_and_what_comes_next(run: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    ran = run("suggest", folder, "-k", 2, "--out", tmp_path / "ranking.csv", "--json")
    assert ran.code == 0
    assert "0 images are accepted, and below 8 a model cannot judge" in ran.err
    first = ran.document
    assert (first["round"], first["cold_start"], len(first["picks"])) == (1, True, 2)
    assert [row["rank"] for row in first["images"]] == [1, 2, 3]
    assert [row["id"] for row in first["images"] if row["picked"]] == first["picks"]
    assert len(first["validate"]) == 1
    with (tmp_path / "ranking.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [row["id"] for row in first["images"]]
    following = run("project", "next", folder, "--json").document["next"]
    assert (following["id"], following["rank"]) == (first["picks"][0], 1)
    assert following["why"] == first["images"][0]["why"] != ""
    status = run("project", "status", folder, "--json").document
    assert sorted(status["asked_for"]["annotate"]) == sorted(first["picks"])
    assert status["asked_for"]["validate"] == first["validate"]
    assert sorted(row["uncertainty"] for row in status["images"] if row["role"] == "train") == (
        sorted(row["uncertainty"] for row in first["images"])
    )
    warm = run("suggest", folder, "-k", 1, "--candidates", 1, "--he-glands", "--json").document
    assert warm["round"] == 2
    most = max(first["images"], key=lambda row: row["uncertainty"])
    assert warm["picks"] == [most["id"]]


@pytest.mark.usefixtures("engine_here")
def test_nothing_left_to_suggest(run: Callable[..., Any], folder: Path, glas: Path) -> None:
    run("project", "import", folder, glas, "--accept-labels")
    ran = run("suggest", folder)
    assert ran.code == 1
    assert "Nothing is left to ask for" in ran.err
    assert ran.out == ""


def test_predictions_stay_and_are_written(
    run: Callable[..., Any], folder: Path, glas: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    ran = run("segment", folder, "--image", "train_1", "--json")
    assert ran.code == 0
    assert [row["name"] for row in ran.document["images"]] == ["train_1"]
    assert len(ran.document["new"]) == 1
    out = tmp_path / "out"
    ran = run("segment", folder, "--out", out, "--json")
    assert ran.code == 0
    assert len(ran.document["images"]) == 4
    assert len(ran.document["new"]) == 3
    with ThreadPoolExecutor(1) as fresh:  # a training may have left this thread one core only
        ensemble, image = Ensemble.load(tiny_ensemble), read_image(glas / "train_1.bmp")
        expected = fresh.submit(ensemble.predict, image, 0.62).result()
    assert np.array_equal(tifffile.imread(out / "train_1_labels.tif"), expected.labels)
    assert np.array_equal(tifffile.imread(out / "train_1_uncertainty.tif"), expected.uncertainty)
    row = next(row for row in ran.document["images"] if row["name"] == "train_1")
    assert row["glands"] == expected.labels.max()
    assert row["mean_uncertainty"] == pytest.approx(expected.image_uncertainty)
    told = run("segment", folder)
    assert "4 of 4 are segmented" in told.out
    assert "0 of them now" in told.out


@pytest.mark.usefixtures("engine_here")
def test_a_bad_image_does_not_stop_the_others(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (plain_images / "im9.png").unlink()
    run("project", "new", tmp_path / "b.qsa", plain_images)
    run("model", "use", tmp_path / "b.qsa", tiny_ensemble)
    (plain_images / "im1.png").unlink()
    ran = run("segment", tmp_path / "b.qsa", "--image", "im*", "--json")
    assert ran.code == 1
    assert [row["name"] for row in ran.document["images"]] == ["im0", "im2"]
    assert "im1.png is missing" in ran.err
    ran = run("segment", tmp_path / "b.qsa")  # all that are there
    assert ran.code == 0
    assert "1 image is missing or changed and is left out." in ran.err


def test_an_unknown_model_is_named(run: Callable[..., Any], folder: Path) -> None:
    ran = run("segment", folder, "--ensemble", "best")
    assert ran.code == 1
    assert "no model 'best'" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["suggest", "--ensemble", "glas-suggestive"],
        ["suggest", "--paper"],
        ["suggest", "--device", "cpu"],
        ["segment", "--pixel-size", "1"],
        ["segment", "--min-confidence", "0"],
    ],
    ids=" ".join,
)
def test_what_a_project_knows_itself(
    arguments: list[str], run: Callable[..., Any], tmp_path: Path
) -> None:
    Project.create(tmp_path / "a.qsa", "A").close()
    command, *rest = arguments
    ran = run(command, tmp_path / "a.qsa", *rest)
    assert ran.code == 2
    assert rest[0] in ran.err


@pytest.mark.parametrize(
    ("form", "suffix"), [("tiff32", "_labels.tif"), ("png", "_labels.png"), ("bmp", "_anno.bmp")]
)
def test_masks_of_what_is_accepted(
    form: str, suffix: str, run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas, "--accept-labels")
    out = tmp_path / "masks"
    ran = run("export", folder, "--out", out, "--format", form, "--region", "--json")
    assert ran.code == 0
    assert [row["source"] for row in ran.document["images"]] == ["accepted"] * 4
    for row in ran.document["images"]:
        expected = imread(glas / f"{row['name']}_anno.bmp")
        assert np.array_equal(imread(out / f"{row['name']}{suffix}"), expected)
        assert (tifffile.imread(out / f"{row['name']}_region.tif") == 1).all()
        with (out / f"{row['name']}_glands.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == row["glands"]
    assert len(list(out.glob("*.csv"))) == 5


def test_an_export_needs_no_folder_and_can_be_of_one_image(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas)
    nothing = run("export", folder)
    assert nothing.code == 1
    assert "No annotation is accepted yet" in nothing.err
    run("annotation", "accept", folder, "train_1", glas / "train_1_anno.bmp")
    with Project.open(folder):  # as by a window
        ran = run("export", folder, "--image", "train_[12]", "--no-table")
    assert ran.code == 1
    assert "train_2 is not annotated" in ran.err
    written = sorted(path.name for path in (tmp_path / "a export").iterdir())
    assert written == ["export.csv", "train_1_labels.tif"]


def test_what_holds_for_many_images_is_said_once(
    run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    run("project", "new", tmp_path / "a.qsa", glas, "--accept-labels")
    ran = run("export", tmp_path / "a.qsa")
    assert ran.err == "4 images: There is no uncertainty: not segmented by glas-segmentation.\n"


def test_files_of_others_stay(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "a.qsa", tmp_path / "out"
    run("project", "new", folder, glas, "--accept-labels")
    out.mkdir()
    (out / "train_1_labels.tif").write_bytes(b"mine")
    ran = run("export", folder, "--out", out, "--json")
    assert ran.code == 1
    assert [row["name"] for row in ran.document["failed"]] == ["train_1"]
    assert (out / "train_1_labels.tif").read_bytes() == b"mine"


@pytest.mark.parametrize("command", ["suggest", "segment"])
def test_an_interrupt_keeps_what_is_there(
    command: str, run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ["Scoring", "Segmenting"]

    def update(bar: Any, fraction: float, message: str = "", left: float | None = None) -> None:
        if bar._title in titles and fraction >= 0.5:  # of four images one or two are done
            titles.clear()
            raise KeyboardInterrupt

    monkeypatch.setattr(console.Bar, "update", update)
    ran = run(command, folder)
    assert (ran.code, ran.out, ran.err) == (130, "", "Stopped.\n")
    with Project.open(folder) as project:
        model = str(project.model_in("segmentation"))
        known = project.read_scores(model) if command == "suggest" else project.predictions(model)
        assert len(known) in (1, 2)
        assert project.round == 0
    done = run(command, folder, "--json")
    assert done.code == 0
    if command == "segment":
        assert len(done.document["new"]) == 4 - len(known)
