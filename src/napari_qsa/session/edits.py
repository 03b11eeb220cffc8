"""Edits of annotations: pure functions that say which pixels get which values.

An annotation is ``(H, W)`` of an unsigned dtype: 0 is outside, each other number a gland. Pixels
that touch at a corner belong together. No function changes its arguments.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_qsa.errors import QsaError
from napari_qsa.session.masks import BRIDGE, Mask, boxed, bridge, disk, on_line, pieces_of
from napari_qsa.wording import counted

Where = tuple[NDArray[np.intp], NDArray[np.intp]]

CRUMB = 8
"""A part of fewer pixels that a line cuts off is no gland: it stays with what it touches."""

TAKEN = 0.5
"""A proposed gland of which more is annotated already is left out where all are taken over."""


class Change(NamedTuple):
    """Pixels and their new values: ``layer.data_setitem(where, values)`` is one undo step.

    Attributes
    ----------
    where : (rows, columns)
        Each pixel that changes, once; empty if nothing does.
    values : (N,) of the annotation's dtype
    """

    where: Where
    values: NDArray[Any]

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.values.size)


def new_number(glands: NDArray[Any]) -> int:
    """Give the number for a new gland: above all others, else the lowest that is free.

    Where none is left it is one more than the dtype holds.
    """
    return _new_numbers(glands, 1)[0]


def split(glands: NDArray[Any], line: ArrayLike, label: int | None = None) -> Change:
    """Divide a gland, or each that is divided by it, along a line.

    The largest part keeps the number, the others get new ones. No pixel is lost: those on the
    line go to the part beside them.

    Parameters
    ----------
    glands
    line : (N, 2) float
        Rows and columns; it may leave the image.
    label
        Only this gland; None is each.
    """
    from skimage.segmentation import watershed

    cut = on_line(np.asarray(line, float), glands.shape)
    under = [int(number) for number in np.unique(glands[cut]) if number]
    parts: list[Where] = []
    for number in under if label is None else {label}.intersection(under):
        box, mask = boxed(glands == number, 0)
        for piece in pieces_of(mask):
            seeds = [p for p in pieces_of(piece & ~cut[box]) if np.count_nonzero(p) >= CRUMB]
            if len(seeds) < 2:
                continue
            markers = sum((seed * np.int32(i + 1) for i, seed in enumerate(seeds)), np.int32(0))
            # Grown from the parts inside the piece, so that each stays in one.
            flooded = watershed(np.zeros(mask.shape, np.uint8), markers, 2, mask=piece)
            areas = np.bincount(flooded[piece], minlength=len(seeds) + 1)
            for part in np.argsort(-areas[1:], kind="stable")[1:] + 1:
                parts.append(_at(flooded == part, box))
    return _numbered(glands, parts)


def merge(glands: NDArray[Any], first: int, second: int) -> Change:
    """Make one gland of two, under the number of the first; a gap of a few pixels is closed."""
    one, two = glands == first, glands == second
    if first == second or not first or not second or not one.any() or not two.any():
        return _nothing(glands)
    box, both = boxed(one | two, 2 * BRIDGE + 1)
    gap = bridge(one[box], two[box], glands[box] == 0)
    return _painted(glands, _at(gap | (both & two[box]), box), first)


def delete(glands: NDArray[Any], label: int) -> Change:
    """Remove a gland."""
    return _painted(glands, _found(glands == label), 0) if label else _nothing(glands)


def fill_holes(glands: NDArray[Any], label: int) -> Change:
    """Fill what a gland encloses, as far as it is no other gland."""
    from scipy.ndimage import binary_fill_holes

    mask = glands == label
    if not label or not mask.any():
        return _nothing(glands)
    box, mask = boxed(mask, 0)
    return _painted(glands, _at(binary_fill_holes(mask) & (glands[box] == 0), box), label)


def smooth(glands: NDArray[Any], label: int, radius: int) -> Change:
    """Smooth the edge of a gland: each pixel goes with the majority around it.

    It grows into no other gland, does not vanish, and falls into no more pieces than it is in.

    Parameters
    ----------
    glands, label
    radius
        Of what counts as around, in pixels.
    """
    from scipy.ndimage import convolve

    mask = glands == label
    if not label or radius < 1 or not mask.any():
        return _nothing(glands)
    box, mask = boxed(mask, radius)
    kernel = disk(radius).astype(np.float32)
    around = convolve(mask.astype(np.float32), kernel / kernel.sum(), mode="nearest")
    wanted = (around > 0.5) & (mask | (glands[box] == 0))
    kept = sorted(pieces_of(wanted), key=np.count_nonzero, reverse=True)[: len(pieces_of(mask))]
    if not kept:
        return _nothing(glands)
    after = np.logical_or.reduce(kept)
    there = glands[box]
    values = np.where(after, there.dtype.type(label), np.where(mask, 0, there))
    where = _at(values != there, box)
    return Change(where, values[values != there].astype(glands.dtype))


def take_over(glands: NDArray[Any], proposal: NDArray[Any], label_at: int) -> Change:
    """Take one proposed gland over as a new one, where nothing is annotated.

    Parameters
    ----------
    glands
    proposal : (H, W) whole numbers
        Of any dtype.
    label_at
        Its number in the proposal.
    """
    if not label_at:
        return _nothing(glands)
    return _numbered(glands, [_found((proposal == label_at) & (glands == 0))])


def take_over_all(glands: NDArray[Any], proposal: NDArray[Any]) -> Change:
    """Take over all proposed glands of which most lies where nothing is annotated."""
    from scipy.ndimage import find_objects

    parts: list[Where] = []
    for index, box in enumerate(find_objects(proposal.astype(np.int64, copy=False))):
        if box is not None:
            proposed = proposal[box] == index + 1
            free = proposed & (glands[box] == 0)
            if np.count_nonzero(free) >= (1 - TAKEN) * np.count_nonzero(proposed):
                parts.append(_at(free, box))
    return _numbered(glands, parts)


def clear(glands: NDArray[Any]) -> Change:
    """Remove all glands."""
    return _painted(glands, _found(glands != 0), 0)


def mark(region: NDArray[Any], where: Mask | Where, value: int) -> Change:
    """Mark pixels of the region: 0 not reviewed, 1 reviewed, 2 don't know."""
    if isinstance(where, tuple):
        mask = np.zeros(region.shape, bool)
        mask[where] = True
        where = mask
    return _painted(region, _found(where & (region != value)), value)


def pieces(glands: NDArray[Any]) -> dict[int, list[tuple[float, float]]]:
    """Find glands in several pieces.

    Returns
    -------
    dict of list of tuple
        For each such gland a place (row, column) in each piece, that of the largest first.
    """
    from skimage.measure import label, regionprops

    found: dict[int, list[tuple[int, tuple[float, float]]]] = {}
    for part in regionprops(label(glands, background=0, connectivity=2)):
        row, column = (int(value) for value in part.coords[len(part.coords) // 2])
        places = found.setdefault(int(glands[row, column]), [])
        places.append((int(part.num_pixels), (float(row), float(column))))
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


def _new_numbers(glands: NDArray[Any], count: int) -> list[int]:
    """Give numbers that no gland has."""
    limit = int(np.iinfo(glands.dtype).max)
    highest = int(glands.max(initial=0))
    if highest + count <= limit:
        return list(range(highest + 1, highest + count + 1))
    used = set(np.unique(glands).tolist())
    free = (number for number in range(1, limit + 1) if number not in used)
    return [next(free, limit + 1) for _ in range(count)]


def _numbered(glands: NDArray[Any], parts: Iterable[Where]) -> Change:
    """Give each part a new number."""
    wheres = [where for where in parts if where[0].size]
    if not wheres:
        return _nothing(glands)
    numbers = _new_numbers(glands, len(wheres))
    if numbers[-1] > np.iinfo(glands.dtype).max:
        more = counted(len(wheres), "more gland")
        raise QsaError(f"This image has no number left for {more}: merge some.")
    rows, columns = (np.concatenate([where[axis] for where in wheres]) for axis in range(2))
    sizes = [where[0].size for where in wheres]
    return Change((rows, columns), np.repeat(np.array(numbers, glands.dtype), sizes))


def _painted(glands: NDArray[Any], where: Where, value: int) -> Change:
    return Change(where, np.full(where[0].size, value, glands.dtype))


def _nothing(glands: NDArray[Any]) -> Change:
    return _painted(glands, _found(np.zeros((0, 0), bool)), 0)


def _found(mask: Mask) -> Where:
    rows, columns = np.nonzero(mask)
    return rows, columns


def _at(mask: Mask, box: tuple[slice, slice]) -> Where:
    """Give the pixels of a mask that was cut out, in the whole image."""
    rows, columns = np.nonzero(mask)
    return rows + box[0].start, columns + box[1].start
