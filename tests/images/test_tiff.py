import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_qsa.errors import ImageError
from napari_qsa.images import count_pages, files, read_image, read_labels, tiff

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
STACK = RANDOM.integers(0, 256, (7, 20, 30), dtype=np.uint8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"metadata": None},
        {"compression": "zlib"},
        {"compression": "zlib", "tile": (16, 16), "bigtiff": True},
        {"byteorder": ">"},
        {"rowsperstrip": 3},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_page_of_a_stack(tmp_path, options, dtype):
    path = tmp_path / "a.tif"
    stack = STACK.astype(dtype) * (dtype(257) if dtype == np.uint16 else dtype(1))
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    assert count_pages(path) == 7
    for page in (0, 3, 6):
        image = read_image(path, page)
        np.testing.assert_array_equal(image.pixels[..., 0], stack[page])
        assert (image.page, image.pixels.dtype) == (page, dtype)
    with pytest.raises(ImageError, match="no page 8"):
        read_image(path, 7)


def test_a_stack_wants_a_page(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    with pytest.raises(ImageError, match="stack of 7 pages"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="stack of 7 pages"):
        read_labels(tmp_path / "a.tif")


def test_a_stack_of_rgb(tmp_path):
    stack = RANDOM.integers(0, 256, (4, 20, 30, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb")
    assert count_pages(tmp_path / "a.tif") == 4
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", 2).pixels, stack[2])


def test_pages_of_several_sizes(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for side in (10, 12, 14):
            file.write(np.full((side, side), side, dtype=np.uint8), metadata=None)
    assert count_pages(tmp_path / "a.tif") == 3
    shapes = [read_image(tmp_path / "a.tif", page).pixels.shape[0] for page in range(3)]
    assert shapes == [10, 12, 14]


def test_thumbnails_and_pyramids_are_not_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RGB, photometric="rgb", subifds=1, tile=(16, 16))
        file.write(RGB[::2, ::2], photometric="rgb", subfiletype=1, tile=(16, 16))
        file.write(RGB[::5, ::5], photometric="rgb", subfiletype=1)
    assert count_pages(tmp_path / "a.tif") == 1
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, RGB)


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "rgb", "planarconfig": "separate"},
        {"imagej": True, "metadata": {"axes": "CYX"}},
        {"ome": True, "metadata": {"axes": "CYX"}, "photometric": "minisblack"},
    ],
)
def test_channels_first(tmp_path, options):
    planes = np.ascontiguousarray(RGB.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", planes, **options)
    assert count_pages(tmp_path / "a.tif") == 1
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, RGB)


def test_a_hyperstack(tmp_path):
    stack = RANDOM.integers(0, 256, (2, 4, 3, 20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    assert count_pages(tmp_path / "a.tif") == 8
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.tif", 6).pixels, stack[1, 2].transpose(1, 2, 0)
    )


def test_two_fluorescence_channels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[:2], imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(ImageError, match="2 channels"):
        read_image(tmp_path / "a.tif")


@pytest.fixture
def no_decoding(monkeypatch):
    """Nothing may be decoded: what is refused is refused by its shape."""

    def decode(*_):
        raise AssertionError("a plane was decoded")

    monkeypatch.setattr(tiff, "_plane", decode)


@pytest.mark.parametrize("read", [read_image, read_labels])
@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "CYX"}},
        {"photometric": "minisblack", "planarconfig": "separate"},
    ],
)
def test_many_channels_are_refused_before_they_are_decoded(tmp_path, no_decoding, read, options):
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    with pytest.raises(ImageError, match="7 channels: save it as gray or RGB"):
        read(tmp_path / "a.tif")


def test_volumes_are_refused_before_they_are_decoded(tmp_path, no_decoding):
    volume = np.zeros((16, 32, 32), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", volume, volumetric=True, tile=(16, 16, 16))
    with pytest.raises(ImageError, match="16 channels"):
        read_image(tmp_path / "a.tif")


def test_the_size_of_all_planes_is_checked(tmp_path, monkeypatch):
    rows = np.zeros((40, 30, 3), np.uint8)  # as a writer unaware of samples leaves them
    tifffile.imwrite(tmp_path / "a.tif", rows, photometric="minisblack")
    assert read_image(tmp_path / "a.tif").pixels.shape == (40, 30, 3)
    monkeypatch.setattr(files, "MAX_PIXELS", 40 * 30 - 1)
    monkeypatch.setattr(tiff, "_plane", None)
    with pytest.raises(ImageError, match="30 x 40 pixels"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("codec", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate"])
def test_lossless_compressions(tmp_path, codec):
    path = tmp_path / "a.tif"
    for pixels in (RGB, STACK[0], STACK[0].astype(np.uint16) * 200):
        Pillow.fromarray(pixels).save(path, compression=codec)
        np.testing.assert_array_equal(read_image(path).pixels.squeeze(), pixels)
    pages = [Pillow.fromarray(page) for page in STACK]
    pages[0].save(path, compression=codec, save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_image(path, 5).pixels[..., 0], STACK[5])


def test_jpeg_in_tiff(tmp_path):
    smooth = np.linspace(0, 255, 30)[None, :, None].repeat(20, 0).repeat(3, 2).astype(np.uint8)
    Pillow.fromarray(smooth).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    assert np.abs(read_image(tmp_path / "a.tif").pixels.astype(int) - smooth).max() < 12


def test_white_stored_as_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], 255 - STACK[0])


def test_cmyk_is_refused(tmp_path):
    pixels = np.zeros((20, 30, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="separated")
    with pytest.raises(ImageError, match="SEPARATED"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (20, 1), (1, 30, 3), (20, 1, 3), (1, 1, 3)])
def test_narrow_images(tmp_path, shape):
    pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=photometric)
    assert count_pages(tmp_path / "a.tif") == 1
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.tif").pixels, pixels.reshape(*shape[:2], -1)
    )


def test_a_stack_cut_short(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True)
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(ImageError, match=r"a\.tif (is truncated|has no page)"):
        read_image(path, 6)
