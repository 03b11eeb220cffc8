"""PNG, JPEG and BMP files as arrays, by Pillow."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_qsa.errors import ImageError
from napari_qsa.images.files import Kind, check_size, damaged
from napari_qsa.images.pixel_size import INCH, from_resolution
from napari_qsa.images.raw import Raw

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


def decode_raster(path: Path, kind: Kind, indices: bool) -> Raw:
    """Decode a PNG, JPEG or BMP file.

    Pillow cuts 16-bit colour to its upper 8 bits; 16-bit gray is kept.

    Parameters
    ----------
    path : Path
    kind : {"PNG", "JPEG", "BMP"}
    indices : bool
        Whether a palette image gives its indices (labels) or its colours (images).

    Raises
    ------
    ImageError
        If the file is too large, truncated or damaged.
    """
    try:
        with _opened(path, kind) as image:
            check_size(path, image.height, image.width)
            return _decoded(image, indices)
    except ImageError:
        raise
    except Exception as error:  # what a decoder raises on damaged bytes is not foreseeable
        raise damaged(path, error) from error


def _opened(path: Path, kind: Kind) -> "ImageFile":
    # The classes themselves, as Pillow's open() has a pixel limit of its own, set for the
    # whole process; ours is checked before anything is decoded.
    if kind == "PNG":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(path)
    if kind == "JPEG":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(path)
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile(path)


def _decoded(image: "ImageFile", indices: bool) -> Raw:
    pixel_size = None
    if "dpi" in image.info:
        x, y = (float(value) for value in image.info["dpi"])
        pixel_size = from_resolution(x, y, INCH)
    image.load()
    mode = image.mode
    if mode in ("P", "PA") and not indices:
        mode = "RGBA" if mode == "PA" or "transparency" in image.info else "RGB"
        return Raw(np.array(image.convert(mode)), mode == "RGBA", pixel_size)
    if mode == "CMYK":
        return Raw(np.array(image.convert("RGB")), False, pixel_size)
    return Raw(np.array(image), mode in ("LA", "PA", "RGBA"), pixel_size)
