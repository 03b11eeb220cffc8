"""Greedy maximum coverage: the images most like all the others (SA, Yang et al., MICCAI 2017).

f(S, I_j) = max over I_i in S of cos(d_i, d_j), and 0 for an empty S; F(S, S_u) = sum over I_j in
S_u of f(S, I_j). F grows with S by ever less (it is monotone and submodular), so the greedy
choice reaches at least 1 - 1/e of the best possible gain. Negative cosines count as 0, which
keeps that so for descriptors of any sign.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from napari_qsa.suggestion.pool import Pool
from napari_qsa.suggestion.similarity import cosine_of_units

_CHUNK = 1024
# What differs by rounding noise only, as equal descriptors can, is a tie.
_COSINE_DIGITS = 12
_GAIN_DIGITS = 9


def similarity_to_pool(pool: Pool, images: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the ``(len(images), |S_u|)`` cosines of images to the unannotated images."""
    cosines = cosine_of_units(pool.vectors[images], pool.vectors[pool.unannotated])
    return np.round(cosines, _COSINE_DIGITS)


def already_covered(pool: Pool, count_annotated: bool) -> NDArray[np.float64]:
    """Return the ``(|S_u|,)`` coverage f before anything is picked.

    The largest cosine to an annotated image (at least 0), or 0 if those do not count.
    """
    covered = np.zeros(len(pool.unannotated))
    annotated = np.flatnonzero(pool.annotated)
    if count_annotated:
        for start in range(0, len(annotated), _CHUNK):
            part = similarity_to_pool(pool, annotated[start : start + _CHUNK])
            np.maximum(covered, part.max(axis=0), out=covered)
    return covered


def gain(similarity: NDArray[np.float64], covered: NDArray[np.float64]) -> float:
    """Return by how much one more image raises F.

    Parameters
    ----------
    similarity, covered
        ``(|S_u|,)`` cosines of the image to the pool, and f so far.
    """
    return round(float(np.maximum(similarity - covered, 0.0).sum()), _GAIN_DIGITS)


def greedy(similarity: NDArray[np.float64], covered: NDArray[np.float64], k: int) -> list[int]:
    """Pick k rows, each the one that raises F most; ties go to the earlier row.

    Lazy: a row's gain never grows, so a row whose old gain is below the best new one is not
    computed again (Minoux 1978).

    Parameters
    ----------
    similarity
        ``(K, |S_u|)`` cosines of the candidates to the pool.
    covered
        ``(|S_u|,)`` f before the first pick.
    k
        At most this many.

    Returns
    -------
    list[int]
        Rows in the order picked.
    """
    covered = covered.copy()
    heap = [(-gain(row, covered), i, 0) for i, row in enumerate(similarity)]
    heapq.heapify(heap)
    picks: list[int] = []
    while heap and len(picks) < k:
        _, i, known_at = heapq.heappop(heap)
        if known_at < len(picks):
            heapq.heappush(heap, (-gain(similarity[i], covered), i, len(picks)))
            continue
        picks.append(i)
        np.maximum(covered, similarity[i], out=covered)
    return picks
