"""``napari-qsa evaluate``."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_qsa.ensemble import card as cards
from napari_qsa.images import open_dataset, sha256


@pytest.fixture
def predictions(glas: Path, tmp_path: Path) -> Path:
    """The truth as predictions, but nothing found in train_2."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    for item in open_dataset(glas).items:
        labels = item.read_labels() * (item.name != "train_2")
        tifffile.imwrite(folder / f"{item.name}_labels.tif", labels.astype(np.uint16))
    return folder


def test_given_labels(run: Callable[..., Any], glas: Path, predictions: Path) -> None:
    ran = run("evaluate", glas, "--predictions", predictions, "--json")
    assert ran.code == 0
    assert ran.err == ""
    groups = {each["group"]: each for each in ran.document["summaries"]}
    assert {"all", "train", "testA", "train benign", "train malignant"} <= groups.keys()
    assert groups["testA"]["pooled"]["object_dice"] == 1
    assert groups["train"]["image_mean"]["f1"] == pytest.approx(2 / 3)
    assert groups["train"]["pooled"]["f1"] != groups["train"]["image_mean"]["f1"]
    assert groups["all"]["images"] == 4
    assert groups["all"]["error_auroc"] is None
    by_name = {row["name"]: row for row in ran.document["images"]}
    assert by_name["train_2"]["f1"] == 0
    assert by_name["train_2"]["object_hausdorff"] == pytest.approx(np.hypot(80, 96))


def test_what_was_segmented_is_no_truth(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path
) -> None:
    run("segment", plain_images, "--out", plain_images, "--ensemble", tiny_ensemble)
    ran = run("evaluate", plain_images, "--predictions", plain_images)
    assert ran.code == 1
    assert "no labelled image" in ran.err
    assert "im0_labels.tif" in ran.err
    for name in ("im0", "im1", "im2"):
        labels = tifffile.imread(plain_images / f"{name}_labels.tif")
        tifffile.imwrite(plain_images / f"{name}_anno.tif", labels)
    # Asked for by --predictions, they are read, and score as what they are.
    ran = run("evaluate", plain_images, "--predictions", plain_images, "--json")
    assert [row["f1"] for row in ran.document["images"]] == [1, 1, 1]
    assert ran.document["failed"] == []


def test_tables(run: Callable[..., Any], glas: Path, predictions: Path) -> None:
    ran = run("evaluate", glas, "--predictions", predictions, "--part", "train", "--images")
    lines = ran.out.splitlines()
    assert "object Hausdorff (px)" in lines[0]
    assert lines[2].split()[:2] == ["all", "pooled"]
    assert lines[3].split()[:3] == ["all", "image", "mean"]
    images = lines[next(i for i, line in enumerate(lines) if line.startswith("name")) + 2 :]
    assert images[0].startswith("train_2")  # the worst first
    assert len(images) == 3
    markdown = run("evaluate", glas, "--predictions", predictions, "--markdown").out
    assert markdown.startswith("| group | scores |")


def test_missing_predictions(run: Callable[..., Any], glas: Path, predictions: Path) -> None:
    (predictions / "train_3_labels.tif").unlink()
    ran = run("evaluate", glas, "--predictions", predictions)
    assert ran.code == 1
    assert ran.out == ""
    assert "train_3" in ran.err
    assert run("evaluate", glas, "--predictions", predictions, "--part", "testA").code == 0


def training(glas: Path, folds: list[int | None]) -> tuple[cards.TrainingImage, ...]:
    return tuple(
        cards.TrainingImage(f"train_{i}", sha256(glas / f"train_{i}.bmp"), fold)
        for i, fold in enumerate(folds, start=1)
    )


def test_cross_validated_ensemble_is_scored_out_of_fold(
    run: Callable[..., Any], glas: Path, ensemble_maker: Callable[..., Path], tmp_path: Path
) -> None:
    file = ensemble_maker(tmp_path / "e.safetensors", folds=2, training=training(glas, [0, 1, 1]))
    ran = run("evaluate", glas, "--ensemble", file, "--json")
    assert ran.code == 0
    rows = {row["name"]: row for row in ran.document["images"]}
    assert [rows[f"train_{i}"]["member"] for i in (1, 2, 3)] == [0, 1, 1]
    assert rows["train_1"]["source"] == "out of fold"
    assert rows["testA_1"]["source"] == "ensemble"
    assert rows["testA_1"]["uncertainty"] > 0
    assert "out of fold" in ran.document["notes"][0]
    text = run("evaluate", glas, "--ensemble", file, "--part", "train").out
    assert "3 of 3 images are training images and were scored out of fold" in text
    assert "Expected calibration error" in text


def test_images_seen_in_training_are_flagged(
    run: Callable[..., Any], glas: Path, ensemble_maker: Callable[..., Path], tmp_path: Path
) -> None:
    file = ensemble_maker(tmp_path / "e.safetensors", training=training(glas, [None] * 3))
    ran = run("evaluate", glas, "--ensemble", file)
    assert ran.code == 0
    assert "3 of 4 images were seen in training" in ran.out


def test_a_bad_label_file_is_named_and_the_rest_goes_on(
    run: Callable[..., Any], glas: Path, predictions: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(glas, copy)
    tifffile.imwrite(predictions / "train_1_labels.tif", np.zeros((3, 3), np.uint8))
    ran = run("evaluate", copy, "--predictions", predictions, "--json")
    assert ran.code == 1
    assert "train_1_labels.tif" in ran.err
    assert [each["name"] for each in ran.document["failed"]] == ["train_1"]
    assert len(ran.document["images"]) == 3
