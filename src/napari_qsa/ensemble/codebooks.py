"""Codebooks as an ensemble file holds them: all levels, or the few numbers of equal distances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.quantization.grids import MAX_CODE, find_grid
from napari_qsa.quantization.packing import MAX_LEVELS

Array = NDArray[Any]

FORMS = ("levels", "grid")

_FEW = 16
"""Levels that take no more bytes than a grid is worth."""


def forms(levels: NDArray[np.float32]) -> Iterator[tuple[str, Array, NDArray[np.float32]]]:
    """Give the forms a codebook can be stored in.

    Parameters
    ----------
    levels
        ``(L,) float32``, ascending, each once, finite.

    Yields
    ------
    form : str
        One of `FORMS`.
    stored : NDArray
        What is stored.
    all_levels : NDArray
        What :func:`read` makes of it: `levels`, or with others between them.
    """
    yield "levels", levels, levels
    if levels.size <= _FEW or (found := find_grid(levels)) is None:
        return
    step, codes = found
    stride = int(np.gcd.reduce(np.diff(codes)))
    count = int(codes[-1] - codes[0]) // stride + 1
    stored = np.array([step, codes[0], stride, count], np.float32)
    all_levels = read("grid", stored)
    if all_levels is not None:
        yield "grid", stored, all_levels


def read(form: str, stored: Array) -> NDArray[np.float32] | None:
    """Give the levels of a stored codebook, ascending; None if it is malformed."""
    if stored.dtype != np.float32 or stored.ndim != 1 or not np.isfinite(stored).all():
        return None
    levels = stored
    if form == "grid":
        if (count := size(form, stored)) is None:
            return None
        step, first, stride = (np.float32(value) for value in stored[:3])
        with np.errstate(over="ignore"):
            levels = (first + stride * np.arange(count, dtype=np.float32)) * step
    rising = bool((levels[1:] > levels[:-1]).all()) and bool(np.isfinite(levels).all())
    return levels if 1 <= levels.size <= MAX_LEVELS and rising else None


def size(form: str, stored: Array) -> int | None:
    """Give how many levels a stored codebook has; None if that cannot be."""
    if form == "levels":
        return int(stored.size) if 1 <= stored.size <= MAX_LEVELS else None
    if stored.dtype != np.float32 or stored.shape != (4,) or not np.isfinite(stored).all():
        return None
    step, first, stride, count = stored.astype(np.float64).tolist()
    whole = all(value.is_integer() for value in (first, stride, count))
    fits = abs(first) <= MAX_CODE and 1 <= stride <= 2 * MAX_CODE and 1 <= count <= MAX_LEVELS
    return int(count) if whole and fits and step > 0 else None
