"""Maps of uncertainty in a few kilobytes, to be looked at beside a thumbnail."""

import numpy as np
from numpy.typing import NDArray

SIDE = 160
"""Pixels of the longest side at most: a card of a list, also on a fine screen."""

HIGHEST = 0.5
"""The largest uncertainty there can be: the standard deviation of numbers from 0 to 1."""


def shrink(values: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """Make a map small by the mean of blocks, so that its longest side fits.

    Parameters
    ----------
    values : (H, W) float32
    longest
        Pixels that a side of the result has at most.

    Returns
    -------
    (h, w) float32
    """
    step = max(1, -(-max(values.shape) // longest))
    rows, columns = (np.arange(0, side, step) for side in values.shape)
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    heights, widths = (
        np.diff(np.append(starts, side))
        for starts, side in zip((rows, columns), values.shape, strict=True)
    )
    return np.asarray(sums / np.outer(heights, widths), dtype=np.float32)


def small_map(uncertainty: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Reduce a map of uncertainty.

    Parameters
    ----------
    uncertainty : (H, W) float32
        0 to 0.5.

    Returns
    -------
    (h, w) uint8
        0 to 255 for 0 to 0.5.
    """
    share = np.clip(shrink(uncertainty, SIDE) / HIGHEST, 0, 1)
    return np.asarray(np.round(share * 255), dtype=np.uint8)


def as_uncertainty(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the uncertainty, 0 to 0.5, that a small map stands for."""
    return small.astype(np.float32) * np.float32(HIGHEST / 255)
