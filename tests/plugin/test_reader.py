import os
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from PIL import Image

from napari_qsa.errors import ImageError
from napari_qsa.plugin.reader import get_reader
from napari_qsa.plugin.samples import stained_glands, synthetic_glands

DATA = Path(os.environ.get("NAPARI_QSA_DATA", Path(__file__).parents[2] / "../shared/data"))
MANIFEST = Path(__file__).parents[2] / "src/napari_qsa/napari.yaml"


@pytest.fixture
def folder(tmp_path):
    """Two GlaS images of 4 x 5 pixels, the second without labels."""
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    labels = np.repeat(np.array([[0, 0, 3, 3, 1]], np.uint8), 4, axis=0)
    for name, array in (("train_1", pixels), ("train_1_anno", labels), ("testA_12", pixels)):
        Image.fromarray(array).save(tmp_path / f"{name}.bmp")
    return tmp_path


def read(path):
    return get_reader(str(path))(str(path))


def test_an_image_comes_with_its_labels_at_its_scale(folder):
    (pixels, options, kind), (labels, label_options, label_kind) = read(folder / "train_1.bmp")
    assert (kind, label_kind) == ("image", "labels")
    assert (options["name"], label_options["name"]) == ("train_1", "train_1_anno")
    assert options["rgb"] is True
    assert pixels.shape == (4, 5, 3)
    np.testing.assert_array_equal(np.unique(labels), [0, 1, 3])
    for given in (options, label_options):
        assert given["scale"] == (0.62, 0.62)
        assert given["units"] == ("um", "um")


def test_an_image_without_labels_comes_alone(folder):
    assert [layer[2] for layer in read(folder / "testA_12.bmp")] == ["image"]


def test_labels_can_be_opened_by_themselves(folder):
    assert [layer[2] for layer in read(folder / "train_1_anno.bmp")] == ["labels"]


def test_several_images_are_opened_at_once(folder):
    paths = [str(folder / "train_1.bmp"), str(folder / "testA_12.bmp")]
    assert len(get_reader(paths)(paths)) == 3


@pytest.mark.parametrize("name", ["cat.bmp", "train.bmp", "train_1_mask.bmp", "train_x.bmp"])
def test_other_names_are_left_to_others(tmp_path, name):
    assert get_reader(str(tmp_path / name)) is None


def test_labels_of_another_size_are_refused(folder):
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(folder / "train_1_anno.bmp")
    with pytest.raises(ImageError, match="train_1_anno"):
        read(folder / "train_1.bmp")


@pytest.mark.parametrize(
    ("name", "found"),
    [("train_1.bmp", 1), ("testA_12.bmp", 1), ("testB_2.BMP", 1), ("cat.bmp", 0), ("a.png", 0)],
)
def test_napari_finds_the_reader_by_the_name(name, found):
    plugins = PluginManager()
    plugins.register(PluginManifest.from_file(MANIFEST))
    assert len(list(plugins.iter_compatible_readers([f"/some/where/{name}"]))) == found


@pytest.mark.skipif(not (DATA / "glas").is_dir(), reason="the GlaS images are not here")
def test_the_challenges_own_files_are_read():
    (pixels, _, _), (labels, _, _) = read(DATA / "glas" / "train_1.bmp")
    assert pixels.shape == (522, 775, 3)
    assert labels.shape == (522, 775)
    assert labels.max() > 1


def test_samples_are_images_in_colour():
    (pixels, options, _), *_ = stained_glands()
    assert pixels.shape == (512, 512, 3)
    assert options["rgb"] is True
    (pixels, options, _), (labels, label_options, _) = synthetic_glands()
    assert pixels.shape[:2] == labels.shape
    assert options["scale"] == label_options["scale"] == (0.62, 0.62)
    assert labels.max() > 3
