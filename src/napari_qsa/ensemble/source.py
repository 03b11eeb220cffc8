"""An image made ready: checked, in 0 to 1, on the networks' grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.scale import is_far
from napari_qsa.errors import ImageError
from napari_qsa.images import Image, rescale, to_unit
from napari_qsa.images.files import is_volume
from napari_qsa.images.pixel_size import LARGEST
from napari_qsa.images.reading import LUMINANCE
from napari_qsa.images.scaling import scaled_shape

MAX_PIXELS = 2**29
"""Of an image on the networks' grid."""
DARK = 0.25
"""A bright-field image has a brightest value above this; less was scaled in another way."""


@dataclass(frozen=True, eq=False)
class Source:
    """An image on the networks' grid.

    Attributes
    ----------
    grid
        ``(h, w, C) float32`` in 0 to 1.
    shape
        ``(H, W)`` of the image itself.
    pixel_size
        Of the image itself, in µm.
    notes
        Sentences about what was assumed, and what is odd.
    """

    grid: NDArray[np.float32]
    shape: tuple[int, int]
    pixel_size: float
    notes: tuple[str, ...]


def assumption(count: int, total: int, pixel_size: float) -> str:
    """Say that `count` of `total` images are taken to have pixels of `pixel_size` µm."""
    return (
        f"The pixel size of {count} of {total} images is unknown: {pixel_size:g} µm is assumed, "
        "that of the ensemble's training images; --pixel-size sets it."
    )


def prepare_source(
    image: Image | NDArray[Any], card: EnsembleCard, pixel_size: float | None = None
) -> Source:
    """Check an image and bring it to the grid that an ensemble works on.

    The whole image is resampled at once, since its size on that grid is of the order of the
    input's.

    Parameters
    ----------
    image
        ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or, with transparency, ``(H, W, 4)``, uint8, uint16
        or floating in 0 to 1; or an `Image`.
    card
        Of the ensemble.
    pixel_size
        In µm; if None the image's own, or else that of the training images.

    Raises
    ------
    ImageError
        If the image is empty, of another shape or dtype, holds NaN or values beyond 0 to 1, or its
        pixel size is impossible.
    """
    name, notes, full_scale, of_volume = "The image", [], None, False
    if isinstance(image, Image):
        name = str(image.path or name)
        of_volume = image.pixel_size is not None and image.pixel_size > LARGEST
        of_volume |= image.path is not None and is_volume(image.path)
        pixel_size = image.pixel_size if pixel_size is None else pixel_size
        full_scale, image = image.full_scale, image.pixels
    if pixel_size is None:
        pixel_size = card.source_pixel_size
        notes.append(
            f"The pixel size is unknown: {pixel_size:g} µm is assumed, that of the training images."
        )
    unit = _to_channels(np.asarray(image), card.in_channels, name, full_scale)
    brightest = float(unit.max())
    if of_volume and is_far(pixel_size, card.pixel_size):
        notes.append(
            f"Pixels of {pixel_size:g} µm are far from the {card.pixel_size:g} µm that the "
            "ensemble was trained on: it looks at them one by one; train it on such images."
        )
        return Source(unit, (unit.shape[0], unit.shape[1]), pixel_size, tuple(notes))
    if brightest < DARK and not of_volume:
        notes.append(
            f"The image is dark, its brightest value {brightest:.1%} of the full scale: if it is a "
            "bright-field image of fewer bits than its file, scale its values up."
        )
    shape = unit.shape[0], unit.shape[1]
    factor = _factor(pixel_size, card, shape, name)
    if scaled_shape(shape, factor) != shape:
        unit = rescale(unit, factor)
    return Source(unit, shape, pixel_size, tuple(notes))


def _to_channels(
    pixels: NDArray[Any], channels: int, name: str, full_scale: int | None
) -> NDArray[np.float32]:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4, channels):
        raise ImageError(f"{name} has the shape {pixels.shape}: give (H, W) or (H, W, 3).")
    if pixels.size == 0:
        raise ImageError(f"{name} is empty: its shape is {pixels.shape}.")
    if pixels.dtype.kind == "f":
        unit = _checked_unit(pixels, name)
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"{name} holds {pixels.dtype} values: give uint8, uint16, or floating values in 0 to 1."
        )
    elif pixels.shape[2] in (1, 3) and channels in (1, 3):
        return to_unit(pixels, channels, full_scale)
    else:
        unit = pixels.astype(np.float32) / np.float32(full_scale or np.iinfo(pixels.dtype).max)
    if unit.shape[2] == 4 != channels:
        unit = np.asarray(unit[..., :3] * unit[..., 3:] + (1 - unit[..., 3:]))  # on white
    if unit.shape[2] == channels:
        return unit
    weights = np.array(LUMINANCE if unit.shape[2] == 3 else [1], dtype=np.float32)
    return np.repeat((unit @ weights)[..., None], channels, axis=2)


def _checked_unit(pixels: NDArray[Any], name: str) -> NDArray[np.float32]:
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise ImageError(f"{name} holds NaN or infinite values: replace them.")
    if lowest < -1e-3 or highest > 1 + 1e-3:
        raise ImageError(
            f"{name} holds floating values from {lowest:g} to {highest:g}: scale them to 0 to 1."
        )
    return np.asarray(np.clip(pixels, 0, 1), dtype=np.float32)


def _factor(pixel_size: float, card: EnsembleCard, shape: tuple[int, int], name: str) -> float:
    if not (math.isfinite(pixel_size) and pixel_size > 0):
        raise ImageError(
            f"{name} cannot have a pixel size of {pixel_size} µm: give a positive one."
        )
    factor = pixel_size / card.pixel_size
    if is_far(pixel_size, card.pixel_size) or factor * factor * shape[0] * shape[1] > MAX_PIXELS:
        raise ImageError(
            f"{name} has a pixel size of {pixel_size:g} µm, too far from the "
            f"{card.pixel_size:g} µm of the ensemble's grid: give the right pixel size."
        )
    return factor
