"""Saving labels layers through napari, and reading the files back."""

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from npe2 import PluginManager, PluginManifest
from skimage.io import imread

from napari_qsa.errors import QsaError
from napari_qsa.images.labels import read_labels
from napari_qsa.images.predictions import PREDICTION, SAVED, marker_of
from napari_qsa.images.reading import read_image
from napari_qsa.plugin.results import show
from napari_qsa.plugin.writers import write_labels

MANIFEST = Path(__file__).parents[2] / "src/napari_qsa/napari.yaml"


def glands(highest=3, dtype=np.uint32):
    labels = np.zeros((12, 16), dtype)
    labels[2:5, 2:6], labels[7:9, 3:4], labels[7:9, 8:9] = 1, highest, highest
    return labels


def write(path, layer):
    data, attributes, kind = layer.as_layer_data_tuple()
    assert kind == "labels"
    return write_labels(str(path), data, attributes)


@pytest.mark.parametrize(
    ("name", "highest", "dtype"),
    [
        ("a.tif", 65535, np.uint16),
        ("a.TIFF", 65536, np.uint32),
        ("a.png", 65535, np.uint16),
        ("a.bmp", 255, np.uint8),
    ],
)
def test_labels_read_back_equal(tmp_path, name, highest, dtype):
    layer = Labels(glands(highest), scale=(0.5, 0.5), units=("um", "um"))
    assert write(tmp_path / name, layer) == [str(tmp_path / name)]
    raw = imread(tmp_path / name)
    assert raw.dtype == dtype
    np.testing.assert_array_equal(raw, layer.data)
    np.testing.assert_array_equal(read_labels(tmp_path / name), layer.data)
    if dtype != np.uint32:  # which no image has
        assert read_image(tmp_path / name).pixel_size == pytest.approx(0.5, rel=1e-5)
    assert marker_of(tmp_path / name) == SAVED


def test_without_a_unit_there_is_no_pixel_size(tmp_path):
    write(tmp_path / "a.tif", Labels(glands()))
    assert read_image(tmp_path / "a.tif").pixel_size is None


def test_numbers_that_do_not_fit_are_given_anew(tmp_path):
    write(tmp_path / "a.bmp", Labels(glands(900)))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.bmp"), glands(2))


def test_too_many_glands_for_bmp_are_refused_with_the_remedy(tmp_path):
    layer = Labels(np.arange(400, dtype=np.uint16).reshape(20, 20), name="mine")
    with pytest.raises(QsaError, match=r"mine has 399 glands.*choose TIFF or PNG"):
        write(tmp_path / "a.bmp", layer)
    assert list(tmp_path.iterdir()) == []


def test_one_plane_levels_and_stacks(tmp_path):
    write(tmp_path / "plane.png", Labels(glands()[None]))
    np.testing.assert_array_equal(imread(tmp_path / "plane.png"), glands())
    write(tmp_path / "levels.png", Labels([glands(), glands()[::2, ::2]], multiscale=True))
    np.testing.assert_array_equal(imread(tmp_path / "levels.png"), glands())
    with pytest.raises(QsaError, match="save one plane"):
        write(tmp_path / "stack.png", Labels(np.stack([glands()] * 2)))


def test_a_prediction_is_marked_until_it_is_edited(tmp_path, segmented):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True)
    layer = show(viewer, image, segmented())["glands"]
    write(tmp_path / "a.tif", layer)
    assert marker_of(tmp_path / "a.tif") == PREDICTION
    layer.data_setitem((np.array([15]), np.array([15])), 4)
    write(tmp_path / "a.tif", layer)
    assert marker_of(tmp_path / "a.tif") == SAVED


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
def test_napari_finds_the_writer(tmp_path, suffix, monkeypatch):
    plugins = PluginManager()
    plugins.register(PluginManifest.from_file(MANIFEST))
    (writer,) = plugins.iter_compatible_writers(["labels"])
    assert suffix in writer.filename_extensions
    monkeypatch.setattr(PluginManager, "instance", classmethod(lambda cls: plugins))
    layer = Labels(glands(), name="glands")
    assert layer.save(str(tmp_path / f"a{suffix}"), plugin="napari-qsa")
    np.testing.assert_array_equal(imread(tmp_path / f"a{suffix}"), glands())
