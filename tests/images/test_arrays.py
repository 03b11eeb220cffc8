import numpy as np
import pytest

from napari_qsa.errors import ImageError
from napari_qsa.images.arrays import image_from_array

RED = np.zeros((2, 3, 4), np.uint8)
RED[..., 0] = 200


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_and_gray_are_kept(dtype):
    rgb = np.arange(18, dtype=dtype).reshape(2, 3, 3)
    image = image_from_array(rgb, "slide", rgb=True, pixel_size=0.5)
    np.testing.assert_array_equal(image.pixels, rgb)
    assert image.pixel_size == 0.5
    gray = image_from_array(rgb[..., 0], "slide", rgb=False)
    np.testing.assert_array_equal(gray.pixels[..., 0], rgb[..., 0])
    assert gray.pixel_size is None


def test_transparency_is_laid_on_white():
    image = image_from_array(RED, "slide", rgb=True)
    assert image.pixels.shape == (2, 3, 3)
    np.testing.assert_array_equal(image.pixels, 255)


def test_values_between_0_and_1_become_16_bits():
    image = image_from_array(np.array([[0.0, 0.5, 1.0]]), "slide", rgb=False)
    np.testing.assert_array_equal(image.pixels[0, :, 0], [0, 32768, 65535])


@pytest.mark.parametrize(
    ("array", "rgb"),
    [
        (np.zeros((2, 3, 4), np.uint8), False),
        (np.zeros((2, 3), np.uint8), True),
        (np.zeros((0, 3, 3), np.uint8), True),
        (np.zeros((2, 3, 2), np.uint8), True),
        (np.full((2, 3), np.inf), False),
        (np.full((2, 3), "x"), False),
    ],
)
def test_what_is_no_image_is_refused_by_name(array, rgb):
    with pytest.raises(ImageError, match="slide"):
        image_from_array(array, "slide", rgb=rgb)
