import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from napari_qsa.errors import ImageError
from napari_qsa.images import read_image, reading, to_unit
from napari_qsa.images.arrays import image_from_array

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GRAY = RGB[..., 0]
GRAY16 = RANDOM.integers(0, 65536, (20, 30), dtype=np.uint16)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_gray_and_rgb_come_as_they_are(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    for pixels in (RGB, GRAY):
        Pillow.fromarray(pixels).save(path)
        image = read_image(str(path))
        np.testing.assert_array_equal(image.pixels, pixels.reshape(20, 30, -1))
        assert (image.path, image.page, image.pixels.dtype) == (path, None, np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_gray(tmp_path, suffix):
    Pillow.fromarray(GRAY16).save(tmp_path / f"a.{suffix}")
    pixels = read_image(tmp_path / f"a.{suffix}").pixels
    np.testing.assert_array_equal(pixels[..., 0], GRAY16)
    assert pixels.dtype == np.uint16


def test_16_bit_rgb_tiff(tmp_path):
    pixels = np.stack([GRAY16] * 3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, pixels)


def test_jpeg_is_about_right(tmp_path):
    smooth = np.linspace(0, 255, 30)[None, :, None].repeat(20, 0).repeat(3, 2).astype(np.uint8)
    Pillow.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    pixels = read_image(tmp_path / "a.jpg").pixels
    assert np.abs(pixels.astype(int) - smooth).max() < 12


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_transparency_is_composited_on_white(tmp_path, suffix):
    alpha = np.zeros((20, 30, 1), dtype=np.uint8)
    alpha[:, 10:] = 51
    alpha[:, 20:] = 255
    Pillow.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / f"a.{suffix}")
    pixels = read_image(tmp_path / f"a.{suffix}").pixels
    assert (pixels[:, :10] == 255).all()
    np.testing.assert_allclose(pixels[:, 10:20], RGB[:, 10:20] * 0.2 + 204, atol=0.51)
    np.testing.assert_array_equal(pixels[:, 20:], RGB[:, 20:])


def test_gray_with_transparency(tmp_path):
    opaque = np.stack([GRAY, np.full_like(GRAY, 255)], axis=2)
    Pillow.fromarray(opaque).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[..., 0], GRAY)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_a_palette_image_shows_its_colours(tmp_path, suffix):
    indices = RANDOM.integers(0, 3, (20, 30), dtype=np.uint8)
    image = Pillow.fromarray(indices).convert("P")
    image.putpalette([255, 0, 0, 0, 128, 0, 1, 2, 3])
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / f"a.{suffix}")
    colours = np.array([[255, 0, 0], [0, 128, 0], [1, 2, 3]])
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}").pixels, colours[indices])


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_one_bit_is_black_and_white(tmp_path, suffix):
    Pillow.fromarray(GRAY > 100).save(tmp_path / f"a.{suffix}")
    pixels = read_image(tmp_path / f"a.{suffix}").pixels
    np.testing.assert_array_equal(pixels[..., 0] / 255, GRAY > 100)


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    Pillow.new("CMYK", (8, 8)).save(tmp_path / "a.jpg")
    assert (read_image(tmp_path / "a.jpg").pixels > 250).all()


@pytest.mark.parametrize("highest", [1.0, 255.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_become_16_bits(tmp_path, highest, dtype):
    values = np.linspace(0, highest, 600, dtype=dtype).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", values)
    pixels = read_image(tmp_path / "a.tif").pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_allclose(pixels[..., 0] / 65535, values / highest, atol=1e-5)


def unit_of(image):
    return to_unit(image.pixels, image.pixels.shape[2], image.full_scale)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_dark_floats_stay_dark(tmp_path, scale):
    values = np.linspace(0, 0.24, 600, dtype=np.float32).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", values * scale)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(unit_of(image)[..., 0], values, atol=1e-4)
    layer = image_from_array(values * scale, "layer", rgb=False)
    np.testing.assert_allclose(unit_of(layer)[..., 0], values, atol=1e-4)


@pytest.mark.parametrize(
    ("maxima", "white"),
    [([16_000, 17_000, 5], 65535), ([900, 4000, 0], 4095), ([200, 255], 255)],
)
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_all_pages_of_a_stack_have_one_scale(tmp_path, maxima, white, dtype):
    stack = np.stack([np.full((20, 30), value, dtype) for value in maxima])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    for page, value in enumerate(maxima):
        image = read_image(tmp_path / "a.tif", page)
        assert image.full_scale == white
        np.testing.assert_allclose(unit_of(image), value / white, rtol=1e-6)
    tifffile.imwrite(tmp_path / "b.tif", stack[:1], photometric="minisblack")
    assert read_image(tmp_path / "b.tif").full_scale in (255, 1023, 16383)


def test_a_stack_of_floats_has_one_range(tmp_path):
    stack = np.stack([np.full((20, 30), value, np.float32) for value in (0.5, 200)])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    dark, bright = (unit_of(read_image(tmp_path / "a.tif", page)).mean() for page in (0, 1))
    assert (dark, bright) == (pytest.approx(0.5 / 255, rel=0.01), pytest.approx(200 / 255))


def test_a_stack_is_searched_once_for_its_scale(tmp_path, monkeypatch):
    searched = []
    search = reading.highest_value
    monkeypatch.setattr(
        reading, "highest_value", lambda *a, **k: searched.append(a) or search(*a, **k)
    )
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 20, 30), np.uint16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", np.ones((3, 20, 30), np.uint8), photometric="minisblack")
    for page in range(3):
        read_image(tmp_path / "a.tif", page)
        read_image(tmp_path / "b.tif", page)
    assert len(searched) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(tmp_path, value):
    values = np.full((20, 30), 0.5, dtype=np.float32)
    values[3, 4] = value
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(ImageError, match=r"a\.tif holds NaN"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("values", [[-1, 5], [0, 70000]])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_of_no_known_range_are_refused(tmp_path, values, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.array([values] * 3, dtype=dtype))
    with pytest.raises(ImageError, match=r"a\.tif holds .* values from"):
        read_image(tmp_path / "a.tif")


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 4), dtype=np.complex64))
    with pytest.raises(ImageError, match="complex64"):
        read_image(tmp_path / "a.tif")


def test_wide_integers_that_fit_are_kept(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GRAY16.astype(np.int32))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], GRAY16)


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_wrong_channels(tmp_path, channels):
    pixels = np.zeros((20, 30, channels), dtype=np.uint8)
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    with pytest.raises(ImageError, match=rf"a\.tif has {channels} channels"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [2, 5, 7])
def test_wrong_channels_by_a_writer_that_knows_no_samples(tmp_path, channels):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 50, channels), dtype=np.uint8))
    with pytest.raises(ImageError, match=rf"a\.tif has {channels} channels"):
        read_image(tmp_path / "a.tif")


def test_a_page_that_is_not_there(tmp_path):
    Pillow.fromarray(RGB).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", page=0).pixels, RGB)
    with pytest.raises(ImageError, match="no page 2"):
        read_image(tmp_path / "a.png", page=1)


class TestToUnit:
    def test_8_bits(self):
        unit = to_unit(np.array([[[0, 51, 255]]], dtype=np.uint8))
        np.testing.assert_allclose(unit, [[[0, 0.2, 1]]])
        assert unit.dtype == np.float32

    @pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
    def test_16_bits_by_the_used_depth(self, bits):
        pixels = np.array([[[0], [2 ** (bits - 1)], [2**bits - 1]]], dtype=np.uint16)
        unit = to_unit(pixels, channels=1)
        np.testing.assert_allclose(unit.ravel(), [0, 0.5, 1], atol=0.002)

    def test_gray_is_repeated(self):
        unit = to_unit(GRAY[..., None])
        assert unit.shape == (20, 30, 3)
        np.testing.assert_array_equal(unit[..., 0], unit[..., 2])

    def test_rgb_becomes_its_luminance(self):
        unit = to_unit(RGB, channels=1)
        expected = RGB @ np.array([0.2125, 0.7154, 0.0721]) / 255
        np.testing.assert_allclose(unit[..., 0], expected, atol=1e-6)

    @given(st.integers(0, 65535), st.sampled_from([1, 3]), st.sampled_from([1, 3]))
    @settings(deadline=None, max_examples=40)
    def test_the_range(self, largest, channels, wanted):
        unit = to_unit(np.full((2, 2, channels), largest, dtype=np.uint16), wanted)
        assert unit.shape == (2, 2, wanted)
        assert 0 <= unit.min() <= unit.max() <= 1 + 1e-6

    def test_what_is_no_image_is_refused(self):
        with pytest.raises(ValueError, match="shape"):
            to_unit(GRAY)
        with pytest.raises(ValueError, match="uint8 or uint16"):
            to_unit(RGB.astype(np.float32))


def test_every_glas_image_is_read(glas_folder):
    image = read_image(glas_folder / "train_1.bmp")
    assert image.pixels.shape == (522, 775, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixel_size is None
