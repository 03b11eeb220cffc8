"""Read one image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError


@dataclass(frozen=True)
class Image:
    """One image: its pixels, and what its file says about them.

    Attributes
    ----------
    pixels : (H, W, C) uint8 or uint16
        C is 1 (gray) or 3 (RGB); transparency has been composited on white.
    pixel_size : float or None
        In µm; None if the file does not say, or says something impossible.
    path, page
        Where it came from; the page of a stack counts from 0.
    """

    pixels: NDArray[Any]
    pixel_size: float | None = None
    path: Path | None = None
    page: int | None = None


def read_image(path: str | Path, page: int | None = None) -> Image:
    """Read an image."""
    path = Path(path)
    array = _decode(path)
    if array.ndim == 2:
        array = array[..., None]
    return Image(array[..., :3], None, path, page)


def read_labels(path: str | Path, shape: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """Read labels."""
    labels = _decode(Path(path)).astype(np.int32)
    if labels.ndim == 3:
        labels = labels[..., 0]
    if shape is not None and labels.shape != tuple(shape):
        raise ImageError(f"{path} has another size than its image.")
    return labels


def _decode(path: Path) -> NDArray[Any]:
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        return tifffile.imread(path)
    from PIL import Image as Pillow

    with Pillow.open(path) as image:
        return np.asarray(image)


def to_unit(pixels: NDArray[Any], channels: int = 3) -> NDArray[np.float32]:
    """Scale integer pixels to [0, 1]."""
    unit = pixels.astype(np.float32) / (255 if pixels.dtype == np.uint8 else 65535)
    if unit.shape[2] == channels:
        return unit
    return np.repeat(unit.mean(axis=2, keepdims=True), channels, axis=2)
