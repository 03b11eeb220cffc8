"""Greedy maximum coverage: the images most like all the others (SA, Yang et al., MICCAI 2017).

f(S, I_j) = max over I_i in S of cos(d_i, d_j), and 0 for an empty S; F(S, S_u) = sum over I_j in
S_u of f(S, I_j). F grows with S by ever less (it is monotone and submodular), so the greedy
choice reaches at least 1 - 1/e of the best possible gain. Negative cosines count as 0, which
keeps that so for descriptors of any sign.
"""

import heapq
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qsa.suggestion.coded import CodedRows
from napari_qsa.suggestion.pool import Pool

EXACT_PAIRS = 2**25
"""Cosines of candidates to the pool up to which they are kept as they are, 256 MiB."""
GAIN_DIGITS = 9


class Rows(Protocol):
    """Candidates, one a row, and how far those that were taken cover the pool."""

    def __len__(self) -> int:
        """Return the number of candidates."""
        ...

    def gain(self, row: int) -> float:
        """Return by how much one more candidate raises F; never more than it was before."""
        ...

    def take(self, row: int) -> None:
        """Let a candidate cover what it covers."""
        ...


class ExactRows:
    """Rows of cosines as they are.

    Parameters
    ----------
    similarity
        ``(K, |S_u|)`` cosines of the candidates to the pool, at least 0.
    covered
        ``(|S_u|,)`` f before the first is taken; it is copied.
    """

    def __init__(self, similarity: NDArray[Any], covered: NDArray[Any]) -> None:
        self._similarity = similarity
        self._covered = covered.copy()

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._similarity)

    def gain(self, row: int) -> float:
        """Return by how much one more candidate raises F."""
        added = np.maximum(self._similarity[row] - self._covered, 0)
        return round(float(added.sum(dtype=np.float64)), GAIN_DIGITS)

    def take(self, row: int) -> None:
        """Let a candidate cover what it covers."""
        np.maximum(self._covered, self._similarity[row], out=self._covered)


def already_covered(pool: Pool, count_annotated: bool) -> NDArray[Any]:
    """Return the ``(|S_u|,)`` coverage f before anything is picked.

    The largest cosine to an annotated image (at least 0), or 0 if those do not count.
    """
    return pool.covered if count_annotated else np.zeros(len(pool.unannotated), pool.dtype)


def rows_of(pool: Pool, images: NDArray[np.int64], count_annotated: bool) -> Rows:
    """Work out the rows of candidates.

    Up to `EXACT_PAIRS` cosines are kept; of more, one byte of each, see `CodedRows`.

    Parameters
    ----------
    pool
        With S_u.
    images
        Indices of the candidates.
    count_annotated
        Whether what is annotated counts as covered.
    """
    covered = already_covered(pool, count_annotated)
    if len(images) * len(covered) > EXACT_PAIRS:
        return CodedRows(pool, images, covered)
    similarity = np.empty((len(images), len(covered)), pool.dtype)
    for part, found in pool.cosines(images):
        similarity[:, part] = found
    return ExactRows(similarity, covered)


def greedy(rows: Rows, k: int) -> list[int]:
    """Take k rows, each the one that raises F most; ties go to the earlier row.

    Lazy: a row's gain never grows, so a row whose old gain is below the best new one is not
    computed again (Minoux 1978). The picks are those of the plain greedy choice, ties included.

    Parameters
    ----------
    rows
        The candidates; those that are picked are taken.
    k
        At most this many.

    Returns
    -------
    list[int]
        Rows in the order picked.
    """
    heap = [(-rows.gain(row), row, 0) for row in range(len(rows))]
    heapq.heapify(heap)
    picks: list[int] = []
    while heap and len(picks) < k:
        _, row, known_at = heapq.heappop(heap)
        if known_at < len(picks):
            heapq.heappush(heap, (-rows.gain(row), row, len(picks)))
            continue
        picks.append(row)
        rows.take(row)
    return picks
