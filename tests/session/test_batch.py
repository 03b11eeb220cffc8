"""Files out of a batch: what is written, named, refused and survived."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.errors import EngineError, QsaError
from napari_qsa.images import Image, open_dataset, open_images
from napari_qsa.session.annotated import annotated_names
from napari_qsa.session.batch import segment_batch

ASSUMED = 0.62


class Half:
    """Finds one gland in the left half of every image; sure of it above, unsure below."""

    def __init__(self, fails_on: str = "") -> None:
        self.fails_on = fails_on
        self.asked: list[tuple[str, float | None, bool]] = []

    def predict(
        self,
        image: Image,
        pixel_size: float | None = None,
        tta: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        assert image.path is not None
        if image.path.stem == self.fails_on:
            raise EngineError("The engine gave up.")
        self.asked.append((image.path.stem, pixel_size, tta))
        assert progress is not None
        progress(1, 2)
        height, width = image.pixels.shape[:2]
        labels = np.zeros((height, width), np.int32)
        labels[:, : width // 2] = 1
        uncertainty = np.zeros((height, width), np.float32)
        uncertainty[height // 2 :] = 0.25
        probability = (0.2 + 0.6 * (labels > 0)).astype(np.float32)
        used = pixel_size or ASSUMED
        return Prediction(probability, uncertainty, probability, labels, np.ones(3), used)


def save(path: Path, shape: tuple[int, ...] = (10, 20, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, np.full(shape, 200, np.uint8), check_contrast=False)
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_image_gets_its_files_and_its_row(tmp_path: Path) -> None:
    images = [save(tmp_path / "a.png"), save(tmp_path / "b.tif", (30, 40, 3))]
    out = tmp_path / "new" / "out"
    told: list[tuple[float, str]] = []
    predictor = Half()
    dataset = open_images(images)
    found = segment_batch(dataset, predictor, out, 0.5, True, lambda *t: told.append(t))
    assert predictor.asked == [("a", 0.5, True), ("b", 0.5, True)]
    assert sorted(file.name for file in out.iterdir()) == [
        *(f"{n}_{kind}.tif" for n in "ab" for kind in ("labels", "probability", "uncertainty")),
        "summary.csv",
    ]
    labels = tifffile.imread(out / "b_labels.tif")
    assert labels.shape == (30, 40)
    assert labels.dtype == np.uint16
    assert np.unique(labels).tolist() == [0, 1]
    assert tifffile.imread(out / "b_probability.tif").dtype == np.float32
    uncertainty = tifffile.imread(out / "b_uncertainty.tif")
    assert uncertainty.max() == np.float32(0.25)
    with tifffile.TiffFile(out / "b_labels.tif") as file:
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[
            1
        ] == pytest.approx(10_000 / 0.5)
    row = rows(out)[1]
    assert row["name"] == "b"
    assert row["file"] == str(images[1])
    assert (row["width"], row["height"]) == ("40", "30")
    assert (row["pixel_size_um"], row["pixel_size_assumed"]) == ("0.5", "no")
    assert row["glands"] == "1"
    assert float(row["gland_area_share"]) == 0.5
    assert float(row["mean_uncertainty"]) == 0.125
    assert row["error"] == row["page"] == ""
    assert [each.glands for each in found] == [1, 1]
    assert told == [(0.25, "a"), (0.75, "b")]


def test_an_assumed_pixel_size_is_said_and_not_written_into_the_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (found,) = segment_batch(open_images([save(tmp_path / "a.png")]), Half(), out)
    assert (found.pixel_size_um, found.pixel_size_assumed) == (ASSUMED, True)
    assert rows(out)[0]["pixel_size_assumed"] == "yes"
    with tifffile.TiffFile(out / "a_labels.tif") as file:
        assert file.pages[0].tags["ResolutionUnit"].value != 3  # not per centimetre


def test_a_known_pixel_size_of_the_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((8, 8, 3), np.uint8),
        photometric="rgb",
        resolution=(1e4 / 0.25, 1e4 / 0.25),
        resolutionunit="CENTIMETER",
    )
    (found,) = segment_batch(open_images([path]), Half(), tmp_path / "out")
    assert found.pixel_size_um == pytest.approx(0.25)
    assert not found.pixel_size_assumed


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    good, bad, fails = (tmp_path / f"{name}.png" for name in ("good", "bad", "fails"))
    save(good)
    save(fails)
    bad.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    dataset = open_images([bad, fails, good, tmp_path / "missing.png"])
    found = segment_batch(dataset, Half(fails_on="fails"), tmp_path / "out")
    errors = {Path(row.file).name: row.error for row in found if row.file}
    assert errors["good.png"] == ""
    assert errors["fails.png"] == "The engine gave up."
    everything = " ".join(row.error for row in found)
    assert "bad.png" in everything
    assert "missing.png" in everything
    written = {row["name"]: row["error"] for row in rows(tmp_path / "out")}
    assert len(rows(tmp_path / "out")) == 4
    assert written["good"] == ""


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    images = [save(tmp_path / "one" / "x.png"), save(tmp_path / "two" / "x.png", (12, 16, 3))]
    found = segment_batch(open_images(images), Half(), tmp_path / "out")
    assert len({row.name for row in found}) == 2
    files = [tmp_path / "out" / f"{row.name}_labels.tif" for row in found]
    assert {tifffile.imread(file).shape for file in files} == {(10, 20), (12, 16)}


def test_pages_of_a_stack_are_images_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((3, 16, 18, 3), np.uint8), photometric="rgb")
    found = segment_batch(open_images([path]), Half(), tmp_path / "out")
    assert [row.page for row in found] == [1, 2, 3]
    assert len(list((tmp_path / "out").glob("stack*_labels.tif"))) == 3


@pytest.mark.parametrize(
    ("name", "suffix"), [("a", "labels"), ("a", "probability"), ("b", "uncertainty")]
)
def test_no_file_of_somebody_else_is_replaced(tmp_path: Path, name: str, suffix: str) -> None:
    image, other = save(tmp_path / "a.png"), save(tmp_path / "b.png")
    for path in (tmp_path / "a_anno.tif", theirs := tmp_path / f"{name}_{suffix}.tif"):
        tifffile.imwrite(path, np.ones((3, 10, 20), np.uint8), photometric="minisblack")
    if name == "b":
        theirs.write_bytes(b"no TIFF file")
    before = theirs.read_bytes()
    predictor = Half()
    found = segment_batch(open_images([image, other]), predictor, tmp_path)
    assert theirs.read_bytes() == before
    errors = {row.name: row.error for row in found if row.name and row.error}
    assert list(errors) == [name]
    assert errors[name].startswith(str(theirs))
    assert [asked for asked, *_ in predictor.asked] == ["b" if name == "a" else "a"]
    assert not (tmp_path / f"{name}_mask.tif").exists()
    assert len(list(tmp_path.glob(f"{name}_*.tif"))) == (2 if name == "a" else 1)


@pytest.mark.parametrize("text", ["name,age\nJo,3\n", "", "name,file\n"])
def test_a_summary_of_somebody_else_is_not_replaced(tmp_path: Path, text: str) -> None:
    dataset = open_images([save(tmp_path / "a.png")])
    (tmp_path / "summary.csv").write_text(text)
    predictor = Half()
    with pytest.raises(QsaError, match=r"summary\.csv is no result"):
        segment_batch(dataset, predictor, tmp_path)
    assert (tmp_path / "summary.csv").read_text() == text
    assert predictor.asked == []


def test_results_beside_the_images_are_no_annotations(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    for _ in range(2):  # a second batch finds what the first one found, and replaces its files
        dataset = open_images([tmp_path])
        assert [item.name for item in dataset.items] == ["a", "b"]
        assert [item.label for item in dataset.items] == [None, None]
        assert dataset.problems == ()
        (tmp_path / "b_labels.tif").unlink(missing_ok=True)
        assert [row.error for row in segment_batch(dataset, Half(), tmp_path)] == ["", ""]
        assert (tmp_path / "b_labels.tif").exists()
    assert annotated_names(open_dataset(tmp_path)) == frozenset()
    (noted,) = open_images([tmp_path]).notes
    assert "a_labels.tif" in noted
    assert "and 3 more" in noted
    # What somebody edits and saves is an annotation, and is kept.
    tifffile.imwrite(tmp_path / "a_labels.tif", tifffile.imread(tmp_path / "a_labels.tif"))
    dataset = open_images([tmp_path])
    assert [item.label for item in dataset.items] == [tmp_path / "a_labels.tif", None]
    assert "a_labels.tif" in segment_batch(dataset, Half(), tmp_path)[0].error


def test_results_in_a_folder_among_the_images_are_no_images(tmp_path: Path) -> None:
    save(tmp_path / "one" / "a.png")
    save(tmp_path / "two" / "b.png")
    for _ in range(2):
        dataset = open_images([tmp_path])
        assert [item.name for item in dataset.items] == ["a", "b"]
        assert dataset.problems == ()
        segment_batch(dataset, Half(), tmp_path / "results")
    files = sorted((tmp_path / "results").glob("*.tif"))
    assert len(files) == 6
    assert open_images(files).items == ()
    (problem,) = open_images([tmp_path / "results"]).problems
    assert "nothing but predictions" in problem


def test_images_and_their_labels_are_never_replaced(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png")
    labels = tmp_path / "a_labels.tif"
    tifffile.imwrite(labels, np.ones((10, 20), np.uint8))
    before = labels.read_bytes()
    other = save(tmp_path / "b.png")
    found = segment_batch(open_images([image, other]), Half(), tmp_path)
    assert labels.read_bytes() == before
    assert "a_labels.tif" in found[0].error
    assert "another folder" in found[0].error
    assert found[1].error == ""
    # Not through another spelling of the folder either.
    (tmp_path / "sub").mkdir()
    again = segment_batch(open_images([image]), Half(), tmp_path / "sub" / "..")
    assert again[0].error
    assert labels.read_bytes() == before


def test_results_of_an_earlier_batch_are_replaced(tmp_path: Path) -> None:
    dataset = open_images([save(tmp_path / "a.png")])
    out = tmp_path / "out"
    segment_batch(dataset, Half(), out)
    save(tmp_path / "a.png", (12, 16, 3))
    assert segment_batch(dataset, Half(), out)[0].error == ""
    for kind in ("labels", "probability", "uncertainty"):
        assert tifffile.imread(out / f"a_{kind}.tif").shape == (12, 16)
    assert rows(out)[0]["width"] == "16"


def test_an_interrupted_batch_still_has_its_summary(tmp_path: Path) -> None:
    images = [save(tmp_path / "a.png"), save(tmp_path / "b.png")]

    def stop(fraction: float, name: str) -> None:
        if name == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_batch(open_images(images), Half(), tmp_path / "out", report=stop)
    assert [row["name"] for row in rows(tmp_path / "out")] == ["a"]
    assert not (tmp_path / "out" / "b_labels.tif").exists()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(QsaError, match="cannot be made"):
        segment_batch(open_images([save(tmp_path / "a.png")]), Half(), tmp_path / "file")
