"""Tiles of a large image: crops without blending, so that their size does not show.

A tile is a core and a halo around it. Networks see core and halo; only the core is kept. Cores
begin at multiples of the network's stride, so that every pixel falls on the same cell of its
pooling as in the whole image, and the halo is as wide as the networks' measured receptive field.
At the border of the image there is no halo: the networks pad there with zeros, tiled or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 2048
"""Default limit of a tile's side, halo included, in pixels of the networks' grid."""
MIN_CORE = 4
"""Strides: below, nearly all of the work would be halo."""


@dataclass(frozen=True)
class Span:
    """One axis of a tile: the core ``[start, stop)`` in the crop ``[left, right)``, in pixels."""

    start: int
    stop: int
    left: int
    right: int

    @property
    def core(self) -> slice:
        """The core within the crop."""
        return slice(self.start - self.left, self.stop - self.left)


def padded(size: int, stride: int) -> int:
    """Round up to a multiple of the stride."""
    return -(-size // stride) * stride


def spans(size: int, stride: int, halo: int, max_side: int = MAX_SIDE) -> tuple[Span, ...]:
    """Divide one axis into tiles of nearly equal cores.

    Parameters
    ----------
    size
        Of the padded image, a multiple of the stride.
    stride
        Of the network.
    halo
        Rounded up to a multiple of the stride.
    max_side
        Of a tile with its halo. Where even a core of one stride does not fit, it is exceeded.

    Returns
    -------
    spans
        Their cores cover ``[0, size)`` without overlap, in order.
    """
    if size <= max_side:
        return (Span(0, size, 0, size),)
    halo = padded(halo, stride)
    longest = max(stride, (max_side - 2 * halo) // stride * stride)
    core = padded(-(-size // -(-size // longest)), stride)
    return tuple(
        Span(start, min(start + core, size), max(start - halo, 0), min(start + core + halo, size))
        for start in range(0, size, core)
    )


def smaller_side(max_side: int, stride: int, halo: int) -> int:
    """Halve the core of a tile of this side, but not below `MIN_CORE` strides."""
    core = max(max_side - 2 * padded(halo, stride), 0) // 2
    return max(core, MIN_CORE * stride) + 2 * padded(halo, stride)


def reflected(size: int, stride: int) -> NDArray[np.intp]:
    """Give the index of each pixel of an axis padded by reflection to a multiple of the stride.

    The edge pixel is not repeated, except where the image is one pixel wide.
    """
    index = np.arange(padded(size, stride))
    if size == 1:
        return np.zeros_like(index)
    period = 2 * (size - 1)
    index %= period
    return np.minimum(index, period - index)
