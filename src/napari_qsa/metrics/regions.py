"""Two label images taken apart: areas, overlaps, and the pixels that matter for distances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError

_TABLE_LIMIT = 1 << 20  # labels above this are looked up by bisection, not in a table


@dataclass(frozen=True)
class Overlaps:
    """Objects of two label images and the pixels they share.

    Objects are numbered 1..n in the order of their label values; 0 is the background.

    Attributes
    ----------
    predicted, truth
        ``(H, W) int32`` images of those numbers.
    predicted_area, truth_area
        ``(n + 1,) int64`` pixels of each object; entry 0 is unused and 0.
    pairs
        ``(m, 3) int64`` rows (predicted object, truth object, shared pixels), only pairs that
        overlap, sorted by the first two columns.
    """

    predicted: NDArray[np.int32]
    truth: NDArray[np.int32]
    predicted_area: NDArray[np.int64]
    truth_area: NDArray[np.int64]
    pairs: NDArray[np.int64]


def overlaps(predicted: NDArray[Any], truth: NDArray[Any]) -> Overlaps:
    """Give numbers to the objects of two label images and count their areas and shared pixels.

    Parameters
    ----------
    predicted, truth
        ``(H, W)`` integer or boolean label images of one shape, 0 the background. Values are
        used as they are: gaps are allowed, and parts that do not touch are one object if
        they carry one value.

    Raises
    ------
    QsaError
        If the shapes differ, or the labels are not 2-D integers of at least 0.
    """
    if predicted.shape != truth.shape:
        raise QsaError(
            f"Labels of shape {predicted.shape} and {truth.shape} cannot be compared; "
            "bring the prediction to the grid of the truth."
        )
    s, n_s = _number(predicted, "predicted")
    g, n_g = _number(truth, "true")
    key = s.ravel().astype(np.int64) * (n_g + 1) + g.ravel()
    values, counts = _count_runs(key)
    s_of, g_of = values // (n_g + 1), values % (n_g + 1)
    s_area = np.zeros(n_s + 1, np.int64)
    g_area = np.zeros(n_g + 1, np.int64)
    np.add.at(s_area, s_of, counts)
    np.add.at(g_area, g_of, counts)
    s_area[0] = g_area[0] = 0
    both = (s_of > 0) & (g_of > 0)
    pairs = np.stack([s_of[both], g_of[both], counts[both]], axis=1)
    return Overlaps(s, g, s_area, g_area, pairs)


def _number(labels: NDArray[Any], which: str) -> tuple[NDArray[np.int32], int]:
    """Map label values to 1..n in ascending order of the values."""
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise QsaError(
            f"The {which} labels are {labels.dtype} of shape {labels.shape}; "
            "give a 2-D image of whole numbers, 0 for the background."
        )
    if labels.size == 0:
        return labels.astype(np.int32), 0
    if labels.min() < 0:
        raise QsaError(f"The {which} labels contain negative values; use 0 for the background.")
    flat = labels.ravel()
    found = np.unique(flat[_run_starts(flat)])
    found = found[found != 0]
    if found.size == 0:
        return np.zeros(labels.shape, np.int32), 0
    if int(found[-1]) < _TABLE_LIMIT:
        table = np.zeros(int(found[-1]) + 1, np.int32)
        table[found.astype(np.int64)] = np.arange(1, found.size + 1)
        return table[labels.astype(np.int64)], int(found.size)
    numbers = np.searchsorted(found, labels) + 1
    return np.where(labels == 0, 0, numbers).astype(np.int32), int(found.size)


def _run_starts(flat: NDArray[Any]) -> NDArray[np.int64]:
    """Return where the runs of equal values begin in a 1-D array that is not empty."""
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.concatenate([np.zeros(1, np.int64), changes])


def _count_runs(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count values as `numpy.unique` does; quick, since labels come in long runs."""
    if key.size == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = _run_starts(key)
    lengths = np.diff(starts, append=key.size)
    values, inverse = np.unique(key[starts], return_inverse=True)
    counts = np.zeros(values.size, np.int64)
    np.add.at(counts, inverse, lengths)
    return values, counts
