"""Resampling on pixel grids: anti-aliased when shrinking, aligned at pixel centres."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Give the ``(height, width)`` of a grid scaled by `factor`, at least one pixel each."""
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def rescale(pixels: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Scale an image by one factor.

    Parameters
    ----------
    pixels : (H, W) or (H, W, C) float
        Any range.
    factor : float
        Size of the result over the size of `pixels`, above 0.

    Returns
    -------
    (round(H * factor), round(W * factor)[, C]) float32
    """
    return resize_to(
        pixels.astype(np.float32, copy=False), scaled_shape(pixels.shape[:2], factor), order=1
    )


def resize_to(array: NDArray[Any], shape: tuple[int, int], order: int) -> NDArray[Any]:
    """Resample the first two axes of an array to `shape`.

    Both orders align pixel centres, so that resampling forth and back does not shift.

    Parameters
    ----------
    array : (H, W) or (H, W, C)
        For ``order=0`` any dtype, which is kept; for ``order=1`` it becomes float32.
    shape : (height, width)
        At least one pixel each.
    order : {0, 1}
        0 takes the nearest pixel (labels); 1 is linear with a triangle kernel that widens
        with the step when shrinking (images and maps), so that nothing aliases.
    """
    if min(shape) < 1 or min(array.shape[:2]) < 1:
        raise ValueError(f"cannot resample {array.shape[:2]} to {shape}: an axis is empty")
    if order not in (0, 1):
        raise ValueError(f"order must be 0 or 1, not {order}")
    if tuple(shape) == array.shape[:2]:
        return array if order == 0 else array.astype(np.float32, copy=False)
    if order == 0:
        rows = _nearest(array.shape[0], shape[0])
        columns = _nearest(array.shape[1], shape[1])
        return array[rows[:, None], columns[None, :]]
    return _linear(array.astype(np.float32, copy=False), shape)


def _linear(array: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    height, width = array.shape[:2]
    rest = array.shape[2:]
    rows = _triangle(height, shape[0]) @ array.reshape(height, -1)
    turned = np.ascontiguousarray(rows.reshape(shape[0], width, -1).swapaxes(0, 1))
    both = _triangle(width, shape[1]) @ turned.reshape(width, -1)
    result = both.reshape(shape[1], shape[0], *rest).swapaxes(0, 1)
    return np.ascontiguousarray(result, dtype=np.float32)


def _nearest(size: int, wanted: int) -> NDArray[np.intp]:
    centres = (np.arange(wanted) + 0.5) * (size / wanted)
    return np.minimum(centres.astype(np.intp), size - 1)


def _triangle(size: int, wanted: int) -> "csr_array":
    """Build the ``(wanted, size)`` matrix whose rows are normalised triangle kernels."""
    from scipy.sparse import csr_array

    step = size / wanted
    radius = max(step, 1.0)
    centres = (np.arange(wanted) + 0.5) * step - 0.5
    taps = int(np.ceil(radius)) * 2 + 1
    columns = np.floor(centres).astype(np.int64)[:, None] + np.arange(taps) - taps // 2
    weights = np.maximum(0.0, 1.0 - np.abs(columns - centres[:, None]) / radius)
    weights[(columns < 0) | (columns >= size)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(wanted), taps)
    entries = (
        weights.astype(np.float32).ravel(),
        (rows, np.clip(columns, 0, size - 1).ravel()),
    )
    return csr_array(entries, shape=(wanted, size))
