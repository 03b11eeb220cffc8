"""Labels as TIFF, PNG and BMP: kept as they are, or refused with the remedy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.io import imread

from napari_qsa.errors import QsaError
from napari_qsa.formats import LABEL_FORMATS, fit_numbers, save_labels
from napari_qsa.formats.labels import HIGHEST, format_of
from napari_qsa.images.labels import read_labels
from napari_qsa.images.predictions import ANNOTATION, PREDICTION, is_prediction, marker_of
from napari_qsa.images.reading import read_image

SUFFIX = {"tiff16": ".tif", "tiff32": ".tif", "png": ".png", "bmp": ".bmp"}


@pytest.mark.parametrize("form", LABEL_FORMATS)
def test_the_whole_range_reads_back(tmp_path: Path, form) -> None:
    labels = np.zeros((5, 7), np.int64)
    labels[1, 1:5] = [1, 2, 200, HIGHEST[form]]
    path = tmp_path / f"a{SUFFIX[form]}"
    save_labels(path, labels, form, 0.5, ANNOTATION)
    np.testing.assert_array_equal(imread(path), labels)
    assert marker_of(path) == ANNOTATION
    assert not is_prediction(path)
    if form != "tiff32":  # beyond what labels are read as
        np.testing.assert_array_equal(read_labels(path), labels)
        assert read_image(path).pixel_size == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("form", LABEL_FORMATS)
def test_a_number_too_high_is_refused_and_leaves_nothing(tmp_path: Path, form) -> None:
    labels = np.full((3, 3), HIGHEST[form] + 1)
    with pytest.raises(QsaError, match=f"from 0 to {HIGHEST[form]}"):
        save_labels(tmp_path / f"a{SUFFIX[form]}", labels, form)
    with pytest.raises(QsaError, match="from 0 to"):
        save_labels(tmp_path / f"a{SUFFIX[form]}", -labels, form)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", LABEL_FORMATS)
@pytest.mark.parametrize("labels", [np.zeros((2, 2, 3), int), np.zeros((2, 2)), np.zeros((0, 4))])
def test_what_are_no_labels_is_refused(tmp_path: Path, form, labels) -> None:
    with pytest.raises(QsaError, match="2-D image of whole numbers"):
        save_labels(tmp_path / "a.tif", labels, form)


@pytest.mark.parametrize("form", LABEL_FORMATS)
def test_the_same_labels_give_the_same_bytes(tmp_path: Path, form) -> None:
    labels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    for name in "ab":
        save_labels(tmp_path / name, labels, form, 0.62, PREDICTION)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_the_marker_is_lost_when_another_program_saves_the_file(tmp_path: Path, form) -> None:
    path = tmp_path / f"a{SUFFIX[form]}"
    save_labels(path, np.ones((3, 3), np.uint8), form, description=PREDICTION)
    assert is_prediction(path)
    with Image.open(path) as image:
        pixels = np.array(image)
    Image.fromarray(pixels).save(path)
    assert marker_of(path) is None


@pytest.mark.parametrize("form", LABEL_FORMATS)
def test_without_a_description_there_is_no_marker(tmp_path: Path, form) -> None:
    path = tmp_path / f"a{SUFFIX[form]}"
    save_labels(path, np.ones((3, 3), np.uint8), form)
    assert marker_of(path) is None


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.txt"])
@pytest.mark.parametrize("data", [b"", b"BM", b"\x89PNG\r\n\x1a\n"])
def test_damaged_and_missing_files_carry_no_marker(tmp_path: Path, name, data) -> None:
    assert marker_of(tmp_path / name) is None
    (tmp_path / name).write_bytes(data)
    assert marker_of(tmp_path / name) is None


@given(arrays(np.uint32, (6, 8), elements=st.integers(0, 70000)), st.sampled_from(LABEL_FORMATS))
def test_numbers_that_fit_stay_and_others_keep_the_glands_apart(labels, form) -> None:
    fitted = fit_numbers(labels, form, "it")
    assert fitted.max() <= HIGHEST[form]
    if labels.max() <= HIGHEST[form]:
        assert fitted is labels
    pairs = set(zip(labels.ravel().tolist(), fitted.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(fitted))
    assert ((labels == 0) == (fitted == 0)).all()


def test_more_glands_than_numbers_are_refused_with_the_remedy() -> None:
    labels = np.arange(400).reshape(20, 20)
    assert fit_numbers(labels, "png", "slide") is labels
    with pytest.raises(QsaError, match=r"slide has 399 glands.*255 at most: choose TIFF or PNG"):
        fit_numbers(labels, "bmp", "slide")
    labels = np.arange(70000).reshape(100, 700)
    with pytest.raises(QsaError, match="65535 at most: choose 32-bit TIFF"):
        fit_numbers(labels, "png", "slide")


def test_the_format_follows_from_the_name() -> None:
    assert [format_of(f"a.{s}", 300) for s in ("tif", "TIFF", "png", "bmp", "jpg")] == [
        "tiff16",
        "tiff16",
        "png",
        "bmp",
        None,
    ]
    assert format_of("a.tif", 70000) == "tiff32"
