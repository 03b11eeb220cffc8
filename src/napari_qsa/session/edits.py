"""Edits of annotations: pure functions that say which pixels get which values."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Where = tuple[NDArray[np.intp], NDArray[np.intp]]


class Change(NamedTuple):
    """Pixels and their new values: ``layer.data_setitem(where, values)`` is one undo step.

    Attributes
    ----------
    where : (rows, columns)
        Each pixel once; empty if nothing changes.
    values : (N,) of the labels' dtype
    """

    where: Where
    values: NDArray[Any]


def pieces(glands: NDArray[Any]) -> dict[int, list[tuple[float, float]]]:
    """Find glands in several pieces; corners connect.

    Returns
    -------
    dict of list of tuple
        For each such gland a place (row, column) in each piece, of the largest first.
    """
    from skimage.measure import label, regionprops

    parts = label(glands, background=0, connectivity=2)
    found: dict[int, list[tuple[int, tuple[float, float]]]] = {}
    for part in regionprops(parts):
        row, column = (int(value) for value in part.coords[len(part.coords) // 2])
        number = int(glands[row, column])
        found.setdefault(number, []).append((int(part.num_pixels), (float(row), float(column))))
    return {
        number: [place for _, place in sorted(places, reverse=True)]
        for number, places in sorted(found.items())
        if len(places) > 1
    }


def specks(glands: NDArray[Any], min_area: float) -> dict[int, tuple[int, tuple[float, float]]]:
    """Find glands of less than `min_area` pixels: their area, and a place (row, column) in each."""
    from skimage.measure import regionprops

    found = {}
    for gland in regionprops(glands.astype(np.int64, copy=False)):
        if gland.num_pixels < min_area:
            row, column = gland.coords[len(gland.coords) // 2]
            found[int(gland.label)] = (int(gland.num_pixels), (float(row), float(column)))
    return found
