"""Instance labels in the format a user chooses."""

import io
import os
import zlib
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.formats.atomic import replacing
from napari_qsa.formats.tiff import write_labels

LabelFormat = Literal["tiff16", "tiff32", "png", "bmp"]
LABEL_FORMATS: tuple[LabelFormat, ...] = get_args(LabelFormat)
SUFFIXES: dict[LabelFormat, str] = {
    "tiff16": "_labels.tif",
    "tiff32": "_labels.tif",
    "png": "_labels.png",
    "bmp": "_anno.bmp",
}
"""What is put behind the name of an image; GlaS's for BMP."""
HIGHEST: dict[LabelFormat, int] = {
    "tiff16": 2**16 - 1,
    "tiff32": 2**32 - 1,
    "png": 2**16 - 1,
    "bmp": 2**8 - 1,
}
"""The highest number of a gland that a pixel holds."""
_NAMES = {"tiff16": "a 16-bit TIFF", "tiff32": "a TIFF", "png": "a PNG", "bmp": "an 8-bit BMP"}
_REMEDIES = {"tiff16": "32-bit TIFF", "tiff32": "several images", "png": "32-bit TIFF"}
_INCH_UM = 25400.0
_BMP_RESERVED = slice(6, 10)


def fit_numbers(labels: NDArray[Any], form: LabelFormat, name: str) -> NDArray[Any]:
    """Give labels whose numbers a format holds: as they are, or 1 to N where they do not fit.

    Raises
    ------
    QsaError
        If there are more glands than the format has numbers; `name` is the image's.
    """
    if labels.size == 0 or int(labels.max()) <= HIGHEST[form]:
        return labels
    numbers, renumbered = np.unique(labels, return_inverse=True)
    glands = int(np.count_nonzero(numbers))
    if glands > HIGHEST[form]:
        raise QsaError(
            f"{name} has {glands} glands, and {_NAMES[form]} file holds {HIGHEST[form]} at most: "
            f"choose {_REMEDIES.get(form, 'TIFF or PNG')}."
        )
    first = int(numbers[0] != 0)
    return (renumbered.reshape(labels.shape) + first).astype(np.uint32)


def save_labels(
    path: str | os.PathLike[str],
    labels: NDArray[Any],
    form: LabelFormat,
    pixel_size: float | None = None,
    description: str | None = None,
) -> None:
    """Write instance labels, whole or not at all; the same bytes for the same labels.

    Parameters
    ----------
    path
        The file to make or replace; see `replacing`.
    labels
        ``(H, W)`` whole numbers of at least 0 that the format holds, see `fit_numbers`.
    form
        TIFF of 16 or 32 bits, PNG of 16, BMP of 8.
    pixel_size
        In µm; None leaves it out.
    description
        A line in ASCII by which the file is known again, if it is not written anew by another
        program: the TIFF tag ImageDescription, a text in PNG, its CRC-32 in the four
        reserved bytes of BMP.

    Raises
    ------
    QsaError
        If the labels are not such an image, or the file cannot be written.
    """
    if form in ("tiff16", "tiff32"):
        bits: Literal[16, 32] = 16 if form == "tiff16" else 32
        write_labels(path, labels, pixel_size, description, bits)
        return
    _check(path, labels, form)
    if form == "png":
        data = _png(labels.astype(np.uint16), pixel_size, description)
    else:
        data = _bmp(labels.astype(np.uint8), pixel_size, description)
    with replacing(path) as file:
        file.write(data)


def _check(path: str | os.PathLike[str], labels: NDArray[Any], form: LabelFormat) -> None:
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.size == 0:
        raise QsaError(
            f"{path} cannot be written: labels must be a 2-D image of whole numbers, "
            f"not {labels.dtype} of shape {labels.shape}."
        )
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > HIGHEST[form]:
        raise QsaError(
            f"{path} cannot be written: labels must be from 0 to {HIGHEST[form]}, "
            f"not from {lowest} to {highest}; choose {_REMEDIES.get(form, 'TIFF or PNG')}."
        )


def _png(labels: NDArray[np.uint16], pixel_size: float | None, description: str | None) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Software", "napari-qsa")
    if description is not None:
        text.add_text("Description", description)
    file = io.BytesIO()
    Image.fromarray(labels).save(file, "PNG", pnginfo=text, **_resolution(pixel_size))
    return file.getvalue()


def _bmp(labels: NDArray[np.uint8], pixel_size: float | None, description: str | None) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(labels).save(file, "BMP", **_resolution(pixel_size))
    data = bytearray(file.getvalue())
    if description is not None:
        data[_BMP_RESERVED] = zlib.crc32(description.encode("ascii")).to_bytes(4, "little")
    return bytes(data)


def _resolution(pixel_size: float | None) -> dict[str, Any]:
    if pixel_size is None:
        return {}
    return {"dpi": (_INCH_UM / pixel_size, _INCH_UM / pixel_size)}


def format_of(path: str | os.PathLike[str], highest: int) -> LabelFormat | None:
    """Tell the format for a file name and the highest number; None for another extension."""
    suffix = Path(path).suffix.lower()
    if suffix in (".tif", ".tiff"):
        return "tiff16" if highest <= HIGHEST["tiff16"] else "tiff32"
    return {".png": "png", ".bmp": "bmp"}.get(suffix)  # type: ignore[return-value]
