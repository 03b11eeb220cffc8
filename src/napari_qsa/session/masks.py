"""Shapes of single glands: cutting them out, lines through them, bridges between them."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

BRIDGE = 4
"""Two glands that are merged are joined where this radius (pixels) closes the gap."""


def boxed(mask: Mask, margin: int) -> tuple[tuple[slice, slice], Mask]:
    """Cut out what is not empty, with a margin."""
    ends = []
    for axis in range(2):
        there = np.flatnonzero(mask.any(axis=1 - axis))
        ends.append(slice(max(int(there[0]) - margin, 0), int(there[-1]) + margin + 1))
    box = ends[0], ends[1]
    return box, mask[box]


def pieces_of(mask: Mask) -> list[Mask]:
    """Divide a mask into its pieces; corners connect."""
    from skimage.measure import label

    parts, count = label(mask, connectivity=2, return_num=True)
    return [parts == number for number in range(1, count + 1)]


def disk(radius: int) -> Mask:
    """Make a round mask."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    inside: Mask = rows**2 + columns**2 <= radius**2 + radius
    return inside


def bridge(one: Mask, two: Mask, free: Mask) -> Mask:
    """Find the free pixels that join two glands; none if they touch, or are too far apart."""
    from scipy.ndimage import binary_closing, binary_dilation

    nothing = np.zeros_like(one)
    if (binary_dilation(one, np.ones((3, 3))) & two).any():
        return nothing
    reach = disk(2 * BRIDGE)
    near = binary_dilation(one, reach) & binary_dilation(two, reach)
    padded = np.pad(one | two, BRIDGE)
    closed = binary_closing(padded, disk(BRIDGE))[BRIDGE:-BRIDGE, BRIDGE:-BRIDGE] & free & near
    for gap in pieces_of(closed):
        around = binary_dilation(gap, np.ones((3, 3)))
        if (around & one).any() and (around & two).any():
            nothing |= gap
    return nothing


def on_line(line: NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Mark the pixels of a line such that no two of the others touch through it."""
    from skimage.draw import line as pixels_of

    mask = np.zeros(shape, bool)
    points = np.rint(line.reshape(-1, 2)).astype(int)
    for start, end in pairwise(points):
        rows, columns = pixels_of(*start, *end)
        # Beside each diagonal step one more, so that corners do not touch through the line.
        rows, columns = np.append(rows, rows[1:]), np.append(columns, columns[:-1])
        inside = (rows >= 0) & (columns >= 0) & (rows < shape[0]) & (columns < shape[1])
        mask[rows[inside], columns[inside]] = True
    return mask
