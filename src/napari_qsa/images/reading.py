"""Read one image: whatever the file, ``(H, W, 1 or 3)`` of 8 or 16 bits, or one sentence."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images.files import sniff
from napari_qsa.images.labels import read_labels
from napari_qsa.images.nifti import count_slices, decode_slice
from napari_qsa.images.raster import decode_raster
from napari_qsa.images.raw import Raw
from napari_qsa.images.tiff import count_tiff_pages, decode_tiff, highest_value

__all__ = ["Image", "count_pages", "read_image", "read_labels", "to_unit"]

BIT_DEPTHS = (8, 10, 12, 14, 16)
LUMINANCE = (0.2125, 0.7154, 0.0721)
"""Weights of red, green and blue in gray (ITU-R BT.709)."""


@dataclass(frozen=True)
class Image:
    """One image: its pixels, and what its file says about them.

    Attributes
    ----------
    pixels : (H, W, C) uint8 or uint16
        C is 1 (gray) or 3 (RGB); transparency has been composited on white.
    pixel_size : float or None
        In µm; None if the file does not say, or says something impossible.
    path : Path or None
        Where it came from.
    page : int or None
        The page of a stack, counted from 0; None for a file of one image.
    full_scale : int or None
        The value that is 1 to `to_unit`; None leaves it to the pixels. Floats fill 16 bits;
        integers of more than 8 bits the smallest of `BIT_DEPTHS` that holds the maximum of
        the file, all pages of a stack together.
    """

    pixels: NDArray[Any]
    pixel_size: float | None = None
    path: Path | None = None
    page: int | None = None
    full_scale: int | None = None


def count_pages(path: str | Path) -> int:
    """Count the images of a file: more than 1 for a stack or a volume only.

    Raises
    ------
    ImageError
        If the file is missing, empty, not an image, or a damaged stack.
    """
    path = Path(path)
    kind = sniff(path)
    if kind == "NIFTI":
        return count_slices(path)
    return count_tiff_pages(path) if kind == "TIFF" else 1


def read_image(path: str | Path, page: int | None = None) -> Image:
    """Read an image from a PNG, JPEG, TIFF, BMP or NIfTI file.

    Float pixels in [0, 1] or in [0, 255] become 16 bits, integers of more bits that fit 16
    are kept, and transparency is composited on white. For the slices of a NIfTI volume see
    `napari_qsa.images.nifti.decode_slice`.

    Parameters
    ----------
    path : str or Path
    page : int, optional
        Which image of a stack or volume, counted from 0. It must be given for these.

    Raises
    ------
    ImageError
        One sentence that names the file and the remedy.
    """
    path = Path(path)
    kind = sniff(path)
    highest = 0.0
    if kind in ("TIFF", "NIFTI") and page is None and (pages := count_pages(path)) > 1:
        raise ImageError(f"{path} is a stack of {pages} pages: say which one to read.")
    if kind == "NIFTI":
        raw, highest = decode_slice(path, page or 0), 65535.0
    elif kind == "TIFF":
        raw = decode_tiff(path, page or 0, indices=False)
        if page is not None and raw.array.dtype not in (np.bool_, np.uint8):
            status = path.stat()
            highest = _highest_of_stack(path, status.st_mtime_ns, status.st_size)
    elif page:
        raise ImageError(f"{path} has no page {page + 1}: a {kind} file holds one image.")
    else:
        raw = decode_raster(path, kind, indices=False)
    pixels, full_scale = as_image(path, raw, highest)
    return Image(pixels, raw.pixel_size, path, page, full_scale)


@lru_cache(maxsize=16)
def _highest_of_stack(path: Path, changed: int, size: int) -> float:
    return highest_value(path, enough=2 ** BIT_DEPTHS[-2])


def to_unit(
    pixels: NDArray[Any], channels: int = 3, full_scale: int | None = None
) -> NDArray[np.float32]:
    """Scale an image's pixels to [0, 1], with the wanted number of channels.

    8 bits are divided by 255. Of 16 bits often fewer are used: without a `full_scale`, the
    divisor is the largest value of the smallest depth of `BIT_DEPTHS` that holds the image's
    maximum, so call this on whole images, before cutting tiles.

    Parameters
    ----------
    pixels : (H, W, C) uint8 or uint16
        C is 1 or 3.
    channels : {1, 3}
        Gray is repeated to 3; RGB becomes 1 by `LUMINANCE`.
    full_scale
        The value that becomes 1, see `Image`.

    Returns
    -------
    (H, W, channels) float32
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or channels not in (1, 3):
        raise ValueError(f"cannot turn shape {pixels.shape} into {channels} channels")
    unit = pixels.astype(np.float32)
    unit /= _full_scale(pixels) if full_scale is None else full_scale
    if unit.shape[2] == channels:
        return unit
    if channels == 1:
        return unit @ np.array(LUMINANCE, dtype=np.float32)[:, None]
    return np.repeat(unit, channels, axis=2)


def _full_scale(pixels: NDArray[Any], highest: float = 0.0) -> int:
    if pixels.dtype == np.uint8:
        return 255
    if pixels.dtype != np.uint16:
        raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
    largest = min(max(float(pixels.max(initial=0)), highest), 65535.0)
    return next((1 << bits) - 1 for bits in BIT_DEPTHS if largest < 1 << bits)


def as_image(path: Path, raw: Raw, highest: float = 0.0) -> tuple[NDArray[Any], int]:
    """Turn a decoded array into ``(H, W, 1 or 3)`` uint8 or uint16.

    Parameters
    ----------
    path
        For errors.
    raw
        What was decoded.
    highest
        The highest value of the whole stack it is a page of.

    Returns
    -------
    pixels : (H, W, 1 or 3) uint8 or uint16
    full_scale : int
        See `Image`.
    """
    array = raw.array if raw.array.ndim == 3 else raw.array[..., None]
    channels = array.shape[2] - raw.alpha
    if channels not in (1, 3):
        raise ImageError(
            f"{path} has {channels} channels: save it as gray or RGB (1 or 3 channels)."
        )
    was_float = array.dtype.kind == "f"
    array = _as_unsigned(path, array, highest)
    pixels = _on_white(array) if raw.alpha else np.ascontiguousarray(array)
    return pixels, 65535 if was_float else _full_scale(pixels, highest)


def _as_unsigned(path: Path, array: NDArray[Any], highest_of_all: float) -> NDArray[Any]:
    """Bring any dtype to uint8 or uint16 without losing what the image shows."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8 or array.dtype == np.uint16:
        return array
    if array.dtype.kind not in "iuf":
        raise ImageError(f"{path} holds {array.dtype} values: save it with 8 or 16 bits.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ImageError(
            f"{path} holds NaN or infinite values: replace them, or save it with 8 or 16 bits."
        )
    lowest, highest = float(array.min()), float(array.max())
    limit = 65535.0 if array.dtype.kind in "iu" else 255.0
    if lowest < 0 or highest > limit:
        raise ImageError(
            f"{path} holds {array.dtype} values from {lowest:g} to {highest:g}: "
            "save it with 8 or 16 bits."
        )
    if array.dtype.kind in "iu":
        return array.astype(np.uint16)
    factor = 65535.0 if max(highest, highest_of_all) <= 1 else 257.0
    return np.rint(array * factor).astype(np.uint16)


def _on_white(array: NDArray[Any]) -> NDArray[Any]:
    white = np.iinfo(array.dtype).max
    colours, alpha = array[..., :-1], array[..., -1:]
    if (alpha == white).all():
        return np.ascontiguousarray(colours)
    opacity = alpha.astype(np.float32) / white
    blended = colours * opacity + white * (1 - opacity)
    return np.rint(blended).astype(array.dtype)
