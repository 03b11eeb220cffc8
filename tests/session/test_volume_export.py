"""Slices put together as label volumes."""

import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_qsa.formats import save_labels
from napari_qsa.images.nifti import open_volume
from napari_qsa.images.predictions import ANNOTATION, PREDICTION, marker_of
from napari_qsa.session.exported import Row
from napari_qsa.session.volume_export import write_volumes

SHAPE = (6, 7, 5)
FIRST_COLUMN = 280
"""Where the affine begins in a header of NIfTI-1."""


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "ct" / "case.nii"
    path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([-0.5, 0.5, 3, 1])), path)
    (tmp_path / "out").mkdir()
    return path


def rows(volume: Path, out: Path, *pages: int, source: str = "accepted") -> list[Row]:
    """Slices as an export writes them, each with one object that has its page as number."""
    made = []
    for page in pages:
        labels = np.zeros((SHAPE[1], SHAPE[0]), np.uint16)
        labels[1:3, page] = page
        name = f"case_p{page:04d}_labels.tif"
        save_labels(out / name, labels, "tiff16", None, ANNOTATION)
        made.append(Row(name, str(page), str(volume), page, name, source))
    return made


def test_they_lie_where_the_volume_does(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (written,), problems = write_volumes(rows(volume, out, 1, 4), out)
    assert problems == []
    stack = open_volume(written).stack
    assert [np.unique(page).tolist() for page in stack] == [[0, 1], [0], [0], [0, 4], [0]]
    assert stack[3, 1:3, 4].tolist() == [4, 4]
    ours, theirs = nibabel.load(written), nibabel.load(volume)
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    for field in ("qform_code", "sform_code", "xyzt_units", "pixdim"):
        np.testing.assert_array_equal(ours.header[field], theirs.header[field])


def test_an_affine_without_meaning_is_taken_over(volume: Path, tmp_path: Path) -> None:
    content = bytearray(volume.read_bytes())
    struct.pack_into("<f", content, FIRST_COLUMN, float("nan"))
    volume.write_bytes(content)
    (written,), problems = write_volumes(rows(volume, tmp_path / "out", 2), tmp_path / "out")
    assert problems == []
    assert (open_volume(written).stack[1] == 2).sum() == 2
    assert np.isnan(nibabel.load(written).affine[0, 0])


def test_predictions_take_the_place_of_no_annotations(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (written,), _ = write_volumes(rows(volume, out, 1, 2), out)
    before = written.read_bytes()
    files, problems = write_volumes(rows(volume, out, 3, source="prediction"), out)
    assert files == []
    assert "case_labels.nii.gz is no result of an earlier batch" in problems[0]
    assert (written.read_bytes(), marker_of(written)) == (before, ANNOTATION)


def test_annotations_take_the_place_of_predictions(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (written,), _ = write_volumes(rows(volume, out, 3, source="prediction"), out)
    assert marker_of(written) == PREDICTION
    assert write_volumes(rows(volume, out, 1, source="prediction"), out) == ([written], [])
    assert write_volumes(rows(volume, out, 1, 2), out) == ([written], [])
    assert marker_of(written) == ANNOTATION
    assert write_volumes(rows(volume, out, 2), out) == ([written], [])


def test_a_volume_that_has_fewer_slices_by_now(volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = rows(volume, out, 1, 5)
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 7, 4), np.int16), np.eye(4)), volume)
    files, (problem,) = write_volumes(found, out)
    assert files == []
    assert problem == (
        f"{volume} has 4 slices, but case_p0005_labels.tif is of number 5: put the volume back "
        "as it was."
    )
