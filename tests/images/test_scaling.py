import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.images import rescale, resize_to

sides = st.integers(1, 40)


@given(sides, sides, st.floats(0.1, 4))
@settings(deadline=None, max_examples=50)
def test_the_size_is_that_of_the_image_times_the_factor(height, width, factor):
    image = np.ones((height, width, 3), dtype=np.float32)
    scaled = rescale(image, factor)
    assert scaled.shape == (max(1, round(height * factor)), max(1, round(width * factor)), 3)
    assert scaled.dtype == np.float32


@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_linear_resampling_keeps_constants_and_the_range(height, width, rows, columns, seed):
    image = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    scaled = resize_to(image, (rows, columns), order=1)
    assert scaled.min() >= image.min() - 1e-5
    assert scaled.max() <= image.max() + 1e-5
    flat = resize_to(np.full((height, width), 0.3), (rows, columns), order=1)
    np.testing.assert_allclose(flat, 0.3, rtol=1e-5)


def test_halving_does_not_alias():
    stripes = np.tile(np.array([0.0, 1.0], dtype=np.float32), 20)[None].repeat(40, axis=0)
    half = resize_to(stripes, (20, 20), order=1)
    np.testing.assert_allclose(half[:, 2:-2], 0.5, atol=0.02)


def test_pixel_centres_stay_where_they_are():
    ramp = np.arange(64, dtype=np.float32)[None].repeat(8, axis=0)
    half = resize_to(ramp, (4, 32), order=1)
    np.testing.assert_allclose(half[0, 2:-2], np.arange(2, 30) * 2 + 0.5, atol=1e-4)
    back = resize_to(half, (8, 64), order=1)
    np.testing.assert_allclose(back[:, 6:-6], ramp[:, 6:-6], atol=1e-3)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool])
def test_nearest_resampling_keeps_values_and_dtype(dtype):
    labels = np.kron(np.arange(6).reshape(2, 3), np.ones((10, 10))).astype(dtype)
    small = resize_to(labels, (2, 3), order=0)
    np.testing.assert_array_equal(small, np.arange(6).reshape(2, 3).astype(dtype))
    assert small.dtype == dtype
    np.testing.assert_array_equal(resize_to(small, labels.shape, order=0), labels)


def test_channels_are_resampled_alone():
    image = np.random.default_rng(0).random((12, 9, 3)).astype(np.float32)
    together = resize_to(image, (5, 20), order=1)
    for channel in range(3):
        alone = resize_to(image[..., channel], (5, 20), order=1)
        np.testing.assert_allclose(together[..., channel], alone, atol=1e-6)


def test_impossible_wishes_are_refused():
    with pytest.raises(ValueError, match="empty"):
        resize_to(np.ones((0, 3)), (2, 2), order=1)
    with pytest.raises(ValueError, match="empty"):
        resize_to(np.ones((3, 3)), (0, 2), order=0)
    with pytest.raises(ValueError, match="order"):
        resize_to(np.ones((3, 3)), (2, 2), order=3)
