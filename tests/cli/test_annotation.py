"""``napari-qsa annotation``: labels from elsewhere, drafts, history and the way back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from napari_qsa.project import Project


@pytest.fixture
def folder(run: Callable[..., Any], glas: Path, tmp_path: Path) -> Path:
    """A project of the four images, nothing annotated."""
    assert run("project", "new", tmp_path / "a.qsa", glas).code == 0
    return tmp_path / "a.qsa"


def read(folder: Path, name: str, revision: int | None = None) -> Any:
    with Project.open(folder, read_only=True) as project:
        (image_id,) = [record.id for record in project.images.values() if record.name == name]
        return project.read(image_id, revision)


@pytest.mark.parametrize("suffix", ["tif", "png", "bmp"])
def test_labels_painted_elsewhere(
    suffix: str, run: Callable[..., Any], folder: Path, glas: Path, tmp_path: Path
) -> None:
    labels = imread(glas / "train_1_anno.bmp")
    file = tmp_path / f"mine.{suffix}"
    imsave(file, labels, check_contrast=False)
    ran = run("annotation", "accept", folder, "train_1", file, "--json")
    assert ran.code == 0
    document = ran.document
    assert (document["accepted"], document["new"]) == (True, True)
    assert (document["revision"]["state"], document["revision"]["revision"]) == ("accepted", 1)
    assert document["revision"]["glands"] == len(np.unique(labels)) - 1
    found = read(folder, "train_1")
    assert np.array_equal(found.glands, labels)
    assert (found.region == 1).all()


def test_the_same_labels_make_no_new_revision(
    run: Callable[..., Any], folder: Path, glas: Path
) -> None:
    command = ("annotation", "accept", folder, "train_1", glas / "train_1_anno.bmp")
    assert run(*command, "--json").document["new"] is True
    assert run(*command, "--json").document["new"] is False
    assert "accepted already as revision 1" in run(*command).out


def test_a_mask_is_one_gland_for_each_part(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    mask = np.zeros((80, 96), np.uint8)
    mask[5:30, 5:30] = mask[40:70, 50:80] = 255
    imsave(tmp_path / "mask.png", mask, check_contrast=False)
    ran = run("annotation", "accept", folder, "train_2", tmp_path / "mask.png", "--json")
    assert ran.document["revision"]["glands"] == 2


def test_large_numbers_become_small_ones(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    labels = np.zeros((80, 96), np.uint32)
    labels[5:30, 5:30], labels[40:70, 50:80] = 70_000, 90_000
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    assert run("annotation", "accept", folder, "train_2", tmp_path / "labels.tif").code == 0
    expected = np.zeros_like(labels)
    expected[5:30, 5:30], expected[40:70, 50:80] = 1, 2
    assert np.array_equal(read(folder, "train_2").glands, expected)


def test_a_draft_is_accepted(run: Callable[..., Any], folder: Path) -> None:
    with Project.open(folder) as project:
        image = next(iter(project.images.values()))
        glands = np.zeros(image.shape, np.uint16)
        glands[10:40, 10:40] = 3
        region = np.zeros(image.shape, np.uint8)
        region[:20], region[60:] = 1, 2
        project.save_draft(image.id, glands, region)
    ran = run("annotation", "accept", folder, image.name, "--keep-region", "--json")
    assert ran.document["revision"]["state"] == "accepted"
    assert np.array_equal(read(folder, image.name).region, region)
    run("annotation", "accept", folder, image.name)
    found = read(folder, image.name)
    assert np.array_equal(found.glands, glands)
    assert np.array_equal(found.region, np.maximum(region, 1))


def test_nothing_painted_is_nothing_to_accept(run: Callable[..., Any], folder: Path) -> None:
    ran = run("annotation", "accept", folder, "train_1")
    assert ran.code == 1
    assert "train_1 has no draft" in ran.err


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_strict_keeps_a_draft(
    keep: bool, run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    labels = np.zeros((80, 96), np.uint8)
    labels[5:30, 5:30], labels[60:64, 60:63], labels[40:55, 5:30] = 1, 2, 1
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    more = ["--strict"] if keep else []
    command = ("annotation", "accept", folder, "train_1", tmp_path / "labels.tif", *more)
    ran = run(*command, "--json")
    assert ran.code == int(keep)
    kinds = [(finding["label"], finding["kind"]) for finding in ran.document["findings"]]
    assert kinds == [(1, "pieces"), (2, "speck")]
    assert ran.document["accepted"] is not keep
    assert ran.document["revision"]["state"] == ("draft" if keep else "accepted")
    assert np.array_equal(read(folder, "train_1").glands, labels)
    assert "Gland 1 is in 2 pieces" in ran.err


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((9, 9), np.uint8), "9 x 9 pixels"),
        (np.ones((80, 96), np.float32), "float32"),
        (None, "no.tif"),
    ],
    ids=["size", "floats", "missing"],
)
def test_what_are_no_labels(
    values: Any, reason: str, run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "no.tif"
    if values is not None:
        tifffile.imwrite(file, values)
    ran = run("annotation", "accept", folder, "train_1", file)
    assert ran.code == 1
    assert reason in ran.err
    assert run("project", "status", folder, "--json").document["counts"]["none"] == 4


def test_history_and_the_way_back(run: Callable[..., Any], folder: Path, glas: Path) -> None:
    assert "has no annotation" in run("annotation", "history", folder, "train_1").out
    for number in (1, 2):
        run("annotation", "accept", folder, "train_1", glas / f"train_{number}_anno.bmp")
    ran = run("annotation", "restore", folder, "train_1", 1, "--json")
    assert ran.code == 0
    assert (ran.document["revision"]["revision"], ran.document["revision"]["parent"]) == (3, 1)
    rows = run("annotation", "history", folder, "train_1", "--json").document["revisions"]
    assert [row["state"] for row in rows] == ["accepted", "accepted", "draft"]
    assert len(run("annotation", "history", folder, "train_1").out.splitlines()) == 5
    assert np.array_equal(read(folder, "train_1").glands, imread(glas / "train_1_anno.bmp"))
    missing = run("annotation", "restore", folder, "train_1", 9)
    assert missing.code == 1
    assert "no revision 9" in missing.err


def test_a_missing_image_is_named(
    run: Callable[..., Any], plain_images: Path, tmp_path: Path
) -> None:
    run("project", "new", tmp_path / "b.qsa", plain_images / "im0.png")
    (plain_images / "im0.png").unlink()
    labels = np.ones((64, 72), np.uint8)
    imsave(tmp_path / "labels.png", labels, check_contrast=False)
    ran = run("annotation", "accept", tmp_path / "b.qsa", "im0", tmp_path / "labels.png")
    assert ran.code == 1
    assert "is missing" in ran.err
    document = run("project", "status", tmp_path / "b.qsa", "--json").document
    assert document["counts"]["missing"] == 1
