"""What must be known of an image file before it joins a project, read as sparingly as can be."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_qsa.errors import ImageError
from napari_qsa.images import read_image
from napari_qsa.images.files import Kind, check_size, damaged, is_volume, sniff
from napari_qsa.images.pixel_size import INCH, from_resolution
from napari_qsa.images.volume_options import VolumeOptions, options_of

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

SAMPLE = 64 * 2**10
"""Bytes at the start, in the middle and at the end that tell one file from another."""

_TAIL = 64
"""Bytes in which a whole file has its last mark, even if something small was added to it."""

_LAST = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}


@dataclass(frozen=True)
class Probe:
    """What one image file was found to be.

    Attributes
    ----------
    path : Path
    page : int or None
    size, mtime_ns : int
        Of the file: bytes, and time of its last change.
    sampled_hash : str
    width, height : int
        In pixels.
    pixel_size : float or None
        In µm.
    """

    path: Path
    page: int | None
    size: int
    mtime_ns: int
    sampled_hash: str
    width: int
    height: int
    pixel_size: float | None


def sampled_hash(path: Path) -> str:
    """Hash a file's size and its first, middle and last 64 KiB: quick on slides.

    Returns
    -------
    str
        A SHA-256 sum. For a file of up to 192 KiB nothing is left out. How a volume is read,
        where ``volumes.json`` says it, is part of what it is.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        if sees_all(size):
            file.seek(0)
            digest.update(file.read())
        else:
            for start in (0, (size - SAMPLE) // 2, size - SAMPLE):
                file.seek(start)
                digest.update(file.read(SAMPLE))
    if is_volume(path):
        digest.update(_way_of_reading(path))
    return digest.hexdigest()


def _way_of_reading(path: Path) -> bytes:
    try:
        options = options_of(path)
    except ImageError as error:  # whoever reads the volume is told
        return str(error).encode()
    return b"" if options == VolumeOptions() else repr(options).encode()


def sees_all(size: int) -> bool:
    """Tell whether the sampled hash covers every byte of a file of this size."""
    return size <= 3 * SAMPLE


def probe(path: Path, page: int | None) -> Probe:
    """Look at one image.

    Raises
    ------
    ImageError
        If it cannot be used, or changes while it is looked at.
    """
    try:
        before = path.stat()
        digest = sampled_hash(path)
        width, height, pixel_size = measure(path, page)
        after = path.stat()
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise ImageError(
            f"{path} cannot be read ({error.strerror}): check its permissions."
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ImageError(f"{path} is being written: add it when that is done.")
    return Probe(path, page, before.st_size, before.st_mtime_ns, digest, width, height, pixel_size)


def measure(path: Path, page: int | None) -> tuple[int, int, float | None]:
    """Find width, height and pixel size (µm) as `read_image` would.

    A TIFF file, which may hold its axes in any order, is decoded for it, and so is a volume, to
    find out whether it is whole. Of other files the length or the last bytes tell whether they
    end as they should; only where they do not, they are decoded.

    Raises
    ------
    ImageError
        If the file is no image, too large or cut off.
    """
    kind = sniff(path)
    if kind in ("TIFF", "NIFTI") or page:
        image = read_image(path, page)
        height, width = image.pixels.shape[:2]
        return width, height, image.pixel_size
    try:
        with _header(path, kind) as raster:
            (width, height), dpi = raster.size, raster.info.get("dpi")
            whole = _ends_well(path, kind, raster)
    except Exception as error:  # what a decoder raises on damaged bytes is not foreseeable
        raise damaged(path, error) from error
    check_size(path, height, width)
    if not whole:
        read_image(path)
    pixel_size = from_resolution(float(dpi[0]), float(dpi[1]), INCH) if dpi else None
    return width, height, pixel_size


def _ends_well(path: Path, kind: Kind, raster: "ImageFile") -> bool:
    """Tell whether a file surely goes on to its end; reads a few bytes."""
    size = path.stat().st_size
    if kind == "BMP":  # rows of pixels behind a header, each of so many bytes
        match raster.tile:
            case [("raw", _, int(offset), (_, int(stride), _))]:
                return size >= offset + stride * raster.height
        return False
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        return _LAST[kind] in file.read()


def _header(path: Path, kind: Kind) -> "ImageFile":
    # The classes themselves: Pillow's open() has a limit of its own, set for the whole process.
    if kind == "PNG":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(path)
    if kind == "JPEG":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(path)
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile(path)
