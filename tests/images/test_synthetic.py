import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage import color, filters, segmentation

from napari_qsa.images import open_dataset, resize_to, synthetic_glas, write_synthetic_glas
from napari_qsa.metrics import pool, score_objects

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
SMALL = (96, 128)


def watershed(stain):
    """Otsu's threshold, holes filled, specks removed, and a watershed on the distance."""
    mask = ndimage.binary_fill_holes(stain > filters.threshold_otsu(stain))
    pieces, _ = ndimage.label(ndimage.binary_opening(mask))
    mask = (np.bincount(pieces.ravel()) > 150)[pieces] & (pieces > 0)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.5)
    peaks = (ndimage.maximum_filter(distance, 21) == distance) & mask
    return segmentation.watershed(-distance, ndimage.label(peaks)[0], mask=mask)


def test_thresholds_and_watersheds_do_not_segment_them():
    scores = {}
    for image, labels, _ in synthetic_glas(6, seed=0, shape=(261, 388)):
        shape = tuple(side // 2 for side in labels.shape)
        truth = resize_to(labels, shape, order=0)
        rgb = np.clip(resize_to(image, shape, order=1) / 255, 0, 1)
        stains = color.rgb2hed(rgb)
        channels = {"haematoxylin": stains[..., 0], "eosin": stains[..., 1]}
        channels |= {"gray": 1 - color.rgb2gray(rgb), "saturation": color.rgb2hsv(rgb)[..., 1]}
        for name, channel in channels.items():
            for sigma in (1, 3, 5):
                for sign in (1, -1):
                    predicted = watershed(sign * ndimage.gaussian_filter(channel, sigma))
                    score = score_objects(predicted, truth)
                    scores.setdefault((name, sigma, sign), []).append(score)
    best = max(pool(images).object_dice for images in scores.values())
    assert 0.2 < best < 0.6


def test_the_same_seed_draws_the_same_images_however_many():
    three = list(synthetic_glas(3, seed=4, shape=SMALL))
    one = next(synthetic_glas(1, seed=4, shape=SMALL))
    np.testing.assert_array_equal(three[0][0], one[0])
    np.testing.assert_array_equal(three[0][1], one[1])
    other = next(synthetic_glas(1, seed=5, shape=SMALL))
    assert (other[0] != one[0]).any()
    assert (three[1][0] != three[0][0]).any()


def test_images_and_labels_are_as_promised():
    for image, labels, grade in synthetic_glas(4, seed=1, shape=(200, 240)):
        assert (image.shape, image.dtype) == ((200, 240, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((200, 240), np.int32)
        present = np.unique(labels)
        np.testing.assert_array_equal(present, np.arange(len(present)))
        assert 0.1 < (labels > 0).mean() < 0.9
        assert grade in ("benign", "malignant")


def test_glands_touch_and_tissue_is_pink_to_blue():
    touching, pixels = 0, []
    for image, labels, _ in synthetic_glas(2, seed=2, shape=(261, 388)):
        left, right = labels[:, :-1], labels[:, 1:]
        touching += ((left != right) & (left > 0) & (right > 0)).sum()
        pixels.append(image.reshape(-1, 3))
    red, green, blue = np.concatenate(pixels).mean(axis=0)
    assert touching > 20
    assert green < red - 15
    assert green < blue - 15


def test_no_gland_at_all_is_never_drawn():
    for seed in range(5):
        _, labels, _ = next(synthetic_glas(1, seed=seed, shape=(32, 32)))
        assert labels.any()


def test_too_small_is_refused():
    with pytest.raises(ValueError, match="at least"):
        next(synthetic_glas(1, seed=0, shape=(16, 100)))


def test_they_are_written_as_glas(tmp_path):
    write_synthetic_glas(tmp_path / "new", 5, seed=0, shape=SMALL)
    dataset = open_dataset(tmp_path / "new")
    assert [item.name for item in dataset.items] == [f"train_{number}" for number in range(1, 6)]
    assert [item.patient for item in dataset.items] == ["1", "1", "2", "3", "4"]
    assert {item.grade for item in dataset.items} == {"benign", "malignant"}
    assert dataset.problems == ()
    assert dataset.pixel_size == 0.62
    drawn = synthetic_glas(5, seed=0, shape=SMALL)
    for item, (image, labels, grade) in zip(dataset.items, drawn, strict=True):
        np.testing.assert_array_equal(item.read().pixels, image)
        np.testing.assert_array_equal(item.read_labels(SMALL), labels)
        assert item.grade == grade
    assert b" benign, healthy\r\n" in (tmp_path / "new" / "Grade.csv").read_bytes()


def test_the_script_makes_the_sample_data_to_the_byte(tmp_path):
    specification = importlib.util.spec_from_file_location(
        "make_sample_data", SAMPLE_DATA / "make_sample_data.py"
    )
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    script.make(tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    kept = sorted(path.name for path in SAMPLE_DATA.iterdir() if path.suffix in (".bmp", ".csv"))
    assert made == kept
    assert len(made) == 2 * 8 + 1
    for name in made:
        assert (tmp_path / name).read_bytes() == (SAMPLE_DATA / name).read_bytes(), name


def test_the_sample_data_is_small_and_whole():
    dataset = open_dataset(SAMPLE_DATA)
    assert len(dataset.labelled().items) == 8
    assert len({item.patient for item in dataset.items}) >= 5
    assert sum(path.stat().st_size for path in SAMPLE_DATA.rglob("*") if path.is_file()) < 4e6
