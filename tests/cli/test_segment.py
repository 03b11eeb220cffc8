"""``napari-qsa segment``."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.images import read_image


def test_a_folder_with_a_bad_file(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = run("segment", plain_images, "--out", out, "--ensemble", tiny_ensemble)
    assert ran.code == 1
    assert "im9.png" in ran.err
    assert "pixel size of 3 of 4 images is unknown: 0.62 µm is assumed" in ran.err
    assert "3 of 4 segmented" in ran.out
    prediction = Ensemble.load(tiny_ensemble).predict(read_image(plain_images / "im1.png"))
    for kind, expected in (
        ("labels", prediction.labels),
        ("probability", prediction.probability),
        ("uncertainty", prediction.uncertainty),
    ):
        written = tifffile.imread(out / f"im1_{kind}.tif")
        assert np.array_equal(written, expected)
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["error"]) for row in rows] == [False, False, False, True]


def test_json_is_all_there_is_on_standard_output(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    images = [plain_images / "im0.png", plain_images / "im2.png"]
    ran = run(
        *("segment", *images, "--out", tmp_path / "out", "--ensemble", tiny_ensemble),
        *("--pixel-size", 1.0, "--tta", "--device", "cpu", "--engine", "torch", "--json"),
    )
    assert ran.code == 0
    assert ran.err == ""
    document = ran.document
    assert [row["name"] for row in document["images"]] == ["im0", "im2"]
    assert document["images"][0]["pixel_size_um"] == 1
    assert document["images"][0]["pixel_size_assumed"] is False
    assert document["failed"] == []
    assert sum(row["faint"] for row in document["images"]) > 0
    assert (document["engine"], document["device"]) == ("torch", "cpu")
    assert Path(document["summary"]).exists()


def test_what_is_left_out_is_said_and_can_be_kept(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("segment", plain_images / "im0.png", "--ensemble", tiny_ensemble)
    told = run(*command, "--out", tmp_path / "told", "--pixel-size", 1.0)
    assert "left out because no member is sure of them" in told.err
    kept = run(*command, "--out", tmp_path / "kept", "--pixel-size", 1.0, "--min-confidence", 0)
    assert "left out" not in kept.err
    found = [
        int(tifffile.imread(tmp_path / name / "im0_labels.tif").max()) for name in ("told", "kept")
    ]
    assert found[1] > found[0]


def test_only_bad_files(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    ran = run(
        *("segment", plain_images / "im9.png", "--out", tmp_path, "--ensemble", tiny_ensemble),
        "--json",
    )
    assert ran.code == 1
    assert ran.document["images"] == []
    assert len(ran.document["failed"]) == 1


def test_an_unknown_device_is_bad_input(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    ran = run(
        *("segment", plain_images, "--out", tmp_path, "--ensemble", tiny_ensemble),
        *("--device", "abacus"),
    )
    assert ran.code == 1
    assert "'abacus'" in ran.err


@pytest.mark.parametrize("name", ["im0.png", "im1.png"])
def test_results_beside_the_images_leave_the_images_alone(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, name: str
) -> None:
    before = (plain_images / name).read_bytes()
    command = ("segment", plain_images / name, "--out", plain_images, "--ensemble", tiny_ensemble)
    assert run(*command).code == 0
    again = run(*command)
    assert again.code == 0
    # Labels that somebody has edited and saved beside the image are not replaced.
    labels = plain_images / f"{name[:-4]}_labels.tif"
    tifffile.imwrite(labels, tifffile.imread(labels))
    again = run(*command)
    assert again.code == 1
    assert "another folder" in again.err
    assert (plain_images / name).read_bytes() == before
