import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_qsa.errors import ImageError
from napari_qsa.images import count_pages, read_image, read_labels
from napari_qsa.images.files import MAX_PIXELS, sniff

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
SUFFIXES = ["png", "jpg", "bmp", "tif"]


def save(path, pixels=PIXELS):
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, compression="zlib")
    else:
        Pillow.fromarray(pixels).save(path)
    return path


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert ":" in text
    return text


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("reader", [read_image, read_labels, count_pages])
def test_an_empty_file(tmp_path, suffix, reader):
    path = tmp_path / f"a.{suffix}"
    path.touch()
    with pytest.raises(ImageError, match="is empty") as error:
        reader(path)
    assert str(path) in one_sentence(error)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("reader", [read_image, read_labels, count_pages])
def test_a_file_that_is_no_image(tmp_path, suffix, reader):
    path = tmp_path / f"a.{suffix}"
    path.write_text("name,patient\n")
    with pytest.raises(ImageError, match="not an image") as error:
        reader(path)
    assert str(path) in one_sentence(error)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file(tmp_path, suffix, share):
    path = save(tmp_path / f"a.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match="truncated or damaged") as error:
        read_image(path)
    assert str(path) in one_sentence(error)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_no_cut_gives_other_pixels(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", PIXELS[:12, :9])
    content = path.read_bytes()
    whole = read_image(path).pixels
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        try:
            pixels = read_image(path).pixels
        except ImageError:
            continue
        np.testing.assert_array_equal(pixels, whole)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_bytes_give_an_image_error_or_an_image(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", PIXELS[:12, :9])
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(1)
    for _ in range(150):
        broken = content.copy()
        for place in random.integers(4, len(content), 3):
            broken[place] = random.integers(256)
        path.write_bytes(broken)
        try:
            pixels = read_image(path).pixels
        except ImageError:
            continue
        assert pixels.shape[2] in (1, 3)


def test_the_kind_is_told_by_the_bytes_and_not_by_the_name(tmp_path):
    save(tmp_path / "a.png").rename(tmp_path / "a.tif")
    assert sniff(tmp_path / "a.tif") == "PNG"
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, PIXELS)


def png_announcing(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def bmp_announcing(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, *[0] * 6)


def tiff_announcing(width, height):
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, 20)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)


@pytest.mark.parametrize(
    "announcing", [png_announcing, bmp_announcing, tiff_announcing], ids=["png", "bmp", "tiff"]
)
@pytest.mark.parametrize("reader", [read_image, read_labels])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, announcing, reader):
    path = tmp_path / "bomb"
    path.write_bytes(announcing(60_000, 60_000))
    with pytest.raises(ImageError, match="60000 x 60000 pixels") as error:
        reader(path)
    assert "cut it" in one_sentence(error)


def test_the_limit_is_above_what_pillow_warns_of(tmp_path):
    side = 16_384
    assert side * side == MAX_PIXELS
    (tmp_path / "large.png").write_bytes(png_announcing(side, side))
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_image(tmp_path / "large.png")
