import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from scipy import ndimage

from napari_qsa.errors import ImageError
from napari_qsa.images import open_dataset, read_labels

INSTANCES = np.kron([[0, 3, 3], [7, 0, 1]], np.ones((8, 10))).astype(np.uint8)
"""Values 1, 3 and 7; the object 3 and the object 1 touch, 7 and 3 touch in a corner."""


def save(path, values):
    if path.suffix == ".tif":
        tifffile.imwrite(path, values)
    else:
        Pillow.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_instances_keep_their_values(tmp_path, suffix):
    labels = read_labels(save(tmp_path / f"a.{suffix}", INSTANCES), INSTANCES.shape)
    np.testing.assert_array_equal(labels, INSTANCES)
    assert labels.dtype == np.int32


def test_more_than_255_objects(tmp_path):
    values = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    for suffix in ("png", "tif"):
        np.testing.assert_array_equal(read_labels(save(tmp_path / f"a.{suffix}", values)), values)
    tifffile.imwrite(tmp_path / "b.tif", values.astype(np.uint32) + 70_000)
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), values.astype(int) + 70_000)


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_a_mask_becomes_its_connected_parts(tmp_path, value, suffix):
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[2:6, 2:6] = mask[10:15, 3:9] = mask[3:9, 20:25] = value
    labels = read_labels(save(tmp_path / f"a.{suffix}", mask))
    assert labels.max() == 3
    np.testing.assert_array_equal(labels > 0, mask > 0)
    assert len(np.unique(labels[10:15, 3:9])) == 1


def test_parts_that_touch_in_a_corner_are_one(tmp_path):
    mask = np.kron(np.eye(2), np.ones((5, 5))).astype(bool)
    assert read_labels(save(tmp_path / "a.png", mask)).max() == 1


def test_a_single_gland_in_pieces_stays_one_gland(tmp_path):
    anno = np.kron([[1, 0, 1]], np.ones((8, 8))).astype(np.uint8)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "testB_3_anno.bmp", anno)), anno)
    assert read_labels(save(tmp_path / "testB_3_mask.bmp", anno)).max() == 2
    assert read_labels(save(tmp_path / "x_anno.bmp", anno * 255)).max() == 2


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_mask_with_soft_edges_is_cut_at_half(tmp_path, suffix):
    hard = np.zeros((60, 80), dtype=float)
    hard[10:30, 10:30] = hard[35:55, 50:75] = 255
    soft = np.rint(ndimage.gaussian_filter(hard, 1)).astype(np.uint8)
    labels = read_labels(save(tmp_path / f"a.{suffix}", soft))
    assert labels.max() == 2
    assert ((labels > 0) != (hard > 0)).sum() < 20


def test_255_instances_are_no_soft_mask(tmp_path):
    values = np.kron(np.arange(256).reshape(16, 16), np.ones((4, 4))).astype(np.uint8)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "a.png", values)), values)


def test_jpeg_does_not_keep_labels(tmp_path):
    Pillow.fromarray(INSTANCES * 20).save(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match=r"a\.jpg is a JPEG file"):
        read_labels(tmp_path / "a.jpg")


def test_gray_stored_as_colour(tmp_path):
    colours = np.repeat(INSTANCES[..., None], 3, axis=2)
    opaque = np.concatenate([colours, np.full_like(colours[..., :1], 255)], axis=2)
    for values in (colours, opaque):
        np.testing.assert_array_equal(read_labels(save(tmp_path / "a.png", values)), INSTANCES)
    colours[0, 0, 1] = 9
    with pytest.raises(ImageError, match=r"a\.png is a colour image"):
        read_labels(save(tmp_path / "a.png", colours))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_the_indices_of_a_palette_are_the_labels(tmp_path, suffix):
    image = Pillow.fromarray(INSTANCES).convert("P")
    image.putpalette(list(range(255, 255 - 24, -1)))
    image.putdata(INSTANCES.ravel().tolist())
    image.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_labels(tmp_path / f"a.{suffix}"), INSTANCES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_labels_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", INSTANCES.astype(dtype))
    with pytest.raises(ImageError, match=r"a\.tif holds float\d\d values: save labels as integers"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("values", [[-1, 2], [0, 2**31]])
def test_impossible_values_are_refused(tmp_path, values):
    tifffile.imwrite(tmp_path / "a.tif", np.array([values] * 2, dtype=np.int64))
    with pytest.raises(ImageError, match=r"a\.tif holds values from"):
        read_labels(tmp_path / "a.tif")


def test_another_size_than_the_image(tmp_path):
    save(tmp_path / "a.png", INSTANCES)
    with pytest.raises(ImageError, match=r"a\.png has 30 x 16 pixels but its image has 16 x 30"):
        read_labels(tmp_path / "a.png", (30, 16))


def test_no_object_at_all(tmp_path):
    labels = read_labels(save(tmp_path / "a.png", np.zeros((5, 6), dtype=np.uint8)), (5, 6))
    assert labels.shape == (5, 6)
    assert not labels.any()


@given(st.sets(st.integers(1, 65535), min_size=2, max_size=12), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_any_two_or_more_values_are_instances(tmp_path_factory, values, seed):
    path = tmp_path_factory.getbasetemp() / "labels.tif"
    labels = np.random.default_rng(seed).choice([0, *values], (30, 40)).astype(np.uint16)
    tifffile.imwrite(path, labels)
    if len(np.unique(labels[labels > 0])) > 1:
        np.testing.assert_array_equal(read_labels(path), labels)


def test_glas_has_769_glands_as_they_are_numbered(glas_folder):
    glands = 0
    for item in open_dataset(glas_folder).items:
        values = np.asarray(Pillow.open(item.label))
        labels = item.read_labels(values.shape)
        np.testing.assert_array_equal(labels, values)
        glands += len(np.unique(labels)) - 1
    assert glands == 769
