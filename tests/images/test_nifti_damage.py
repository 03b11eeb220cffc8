"""Volumes that cannot be read: one sentence for each, and the others go on."""

import gzip
import sys

import nibabel
import numpy as np
import pytest

from napari_qsa.errors import DatasetError, ImageError
from napari_qsa.images import count_pages, open_dataset, open_images, read_image

SHAPE = (6, 7, 5)


def ct(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(0, 300, shape).astype(np.int16)


def write(path, values):
    nibabel.save(nibabel.Nifti1Image(values, np.diag([0.5, 0.5, 3.0, 1.0])), path)
    return path


def raising(error):
    def get(proxy):
        raise error

    return get


def bad_files(folder):
    whole = write(folder / "whole.nii.gz", ct(shape=(40, 40, 20)))
    (folder / "cut.nii.gz").write_bytes(whole.read_bytes()[:-2000])
    plain = gzip.decompress(whole.read_bytes())
    (folder / "short.nii").write_bytes(plain[:-100])
    (folder / "negative.nii").write_bytes(plain[:42] + b"\xd8\xff" + plain[44:])
    (folder / "text.nii").write_bytes(b"no volume at all")
    (folder / "text.nii.gz").write_bytes(gzip.compress(b"no volume at all" * 100))
    (folder / "not_packed.nii.gz").write_bytes(b"nor this")
    (folder / "empty.nii").write_bytes(b"")
    write(folder / "four.nii", np.zeros((3, 4, 5, 2), np.int16))
    write(folder / "complex.nii", np.zeros((3, 4, 5), np.complex64))
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), folder / "rgb.nii")
    return {
        "cut.nii.gz": "truncated or damaged",
        "short.nii": "truncated or damaged",
        "negative.nii": "truncated or damaged",
        "text.nii": "is no NIfTI volume",
        "text.nii.gz": "truncated or damaged",
        "not_packed.nii.gz": "is no NIfTI volume",
        "empty.nii": "is empty",
        "four.nii": "is no single volume, its shape is 3 x 4 x 5 x 2",
        "complex.nii": "holds complex numbers",
        "rgb.nii": "holds colours",
    }


def test_each_is_one_sentence(tmp_path):
    for name, reason in bad_files(tmp_path).items():
        for _ in range(2):  # a failure is the same the second time
            with pytest.raises(ImageError, match=reason) as caught:
                read_image(tmp_path / name, 0)
            told = str(caught.value)
            assert str(tmp_path / name) in told
            assert told.endswith(".")
            assert "\n" not in told


def test_none_stops_a_batch(tmp_path):
    bad = bad_files(tmp_path)
    dataset = open_dataset(tmp_path)
    whole = [item for item in dataset.items if item.image.name == "whole.nii.gz"]
    assert len(whole) == 20
    assert len(dataset.problems) == len(bad) - 1  # that one is cut off is found in reading it
    failed = set()
    for item in dataset.items:
        try:
            item.read()
        except ImageError:
            failed.add(item.image.name)
    assert failed == {"cut.nii.gz"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"plane": "oblique"}', '{"other": 1}', '{"window": [3, 1]}'),
        *('{"window": [0]}', '{"window": [0, NaN]}', '{"window": [-1e308, 1e308]}'),
        f'{{"window": [0, 1{400 * "0"}]}}',
    ],
)
def test_options_that_mean_nothing(tmp_path, text):
    path = write(tmp_path / "a.nii", ct())
    (tmp_path / "volumes.json").write_text(text)
    with pytest.raises(ImageError, match=r"volumes\.json cannot be used: write"):
        count_pages(path)


def test_what_lay_in_the_system_is_tried_again(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nii.gz", ct())
    for error in (MemoryError(), OSError(5, "Input/output error")):
        with monkeypatch.context() as patch:
            patch.setattr(nibabel.arrayproxy.ArrayProxy, "get_unscaled", raising(error))
            with pytest.raises(ImageError):
                read_image(path, 0)
    assert read_image(path, 0).pixels.any()


def test_without_nibabel_it_is_said_once(tmp_path, monkeypatch):
    for number in range(3):
        write(tmp_path / f"v{number}.nii.gz", ct(number))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    dataset = open_dataset(tmp_path)
    assert dataset.items == ()
    (told,) = dataset.problems
    assert told.endswith("not installed: pip install nibabel.")
    assert open_images(sorted(tmp_path.iterdir())).problems == (told,)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(DatasetError, match="BMP or NIfTI images"):
        open_dataset(tmp_path)
