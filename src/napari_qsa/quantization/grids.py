"""Levels as whole multiples of one step: what makes a codebook short, and integers of weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float32]

MAX_CODE = 2**16
"""Beyond it nothing is a code: every float is a multiple of some small power of two."""

_FEW, _PARTS, _ROUNDED = 256, range(3, 256, 2), range(-2, 3)


def find_grid(levels: Levels) -> tuple[float, NDArray[np.int64]] | None:
    """Find a step of which all levels are whole multiples, exactly, in float32.

    The smallest magnitude is tried, which is the step of DoReFa, TWN and one bit, then the largest
    power of two that divides all levels. Of a few weights DoReFa may use no level next to zero: of
    few levels the odd parts of the smallest are tried, too.

    Parameters
    ----------
    levels
        ``(L,) float32``, finite.

    Returns
    -------
    step, codes
        A float32 number above 0, and ``(L,) int64`` up to 2**16: ``codes * step`` is the levels,
        bit for bit. None if there is no such step; 1 and zeros where all levels are zero.
    """
    sizes = np.abs(levels[levels != 0])
    if sizes.size == 0:
        return 1.0, np.zeros(levels.shape, np.int64)
    for step in _steps(sizes):
        codes = np.rint(levels.astype(np.float64) / step)
        if (np.abs(codes) <= MAX_CODE).all():
            again = codes.astype(np.float32) * step
            if again.dtype == np.float32 and np.array_equal(again, levels):
                return float(step), codes.astype(np.int64)
    return None


def _steps(sizes: Levels) -> Iterator[np.float32]:
    smallest = sizes.min()
    yield smallest
    yield power_of_two(sizes)
    if sizes.size > _FEW:
        return
    for part in _PARTS:
        near = np.float32(smallest / part)
        for units in _ROUNDED:  # the smallest was rounded when it was multiplied
            if (step := np.float32(near + units * np.spacing(near))) > 0:
                yield step


def power_of_two(sizes: Levels) -> np.float32:
    """Give the largest power of two of which all are whole multiples.

    Parameters
    ----------
    sizes
        ``(n,) float32``, above 0.
    """
    mantissa, exponent = np.frexp(sizes.astype(np.float64))
    whole = (mantissa * 2**53).astype(np.int64)
    lowest_bit = np.ldexp((whole & -whole).astype(np.float64), exponent - 53)
    return np.float32(lowest_bit.min())
