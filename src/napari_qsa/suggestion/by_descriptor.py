"""Strategies that go by how the images lie to one another."""

import numpy as np
from numpy.typing import NDArray

from napari_qsa.metrics.member_scores import EMBEDDING
from napari_qsa.suggestion.coverage import greedy, rows_of
from napari_qsa.suggestion.distances import Points
from napari_qsa.suggestion.pool import Options, Pool
from napari_qsa.suggestion.strategies import (
    CENTRE,
    COVERAGE,
    DISTANCE,
    GRADIENT,
    GRADIENT_DISTANCE,
    UNCERTAINTY,
    Proposal,
    register,
)

MOST_CANDIDATES = 2048
"""Of `representative`: of a larger pool so many images are drawn, and the picks are of them."""


@register("suggestive", by_uncertainty=True)
def suggestive(pool: Pool, options: Options) -> Proposal:
    """Suggestive annotation (Yang et al., MICCAI 2017): uncertain first, then representative.

    The K most uncertain images are the candidates S_c; k of them are picked greedily so that
    they cover all unannotated images S_u. Then come the other candidates by what each would
    still add to the picks, then the rest by uncertainty. Ties go to the more uncertain image,
    then to the lower index. QSA (Xu et al., CVPR 2018) is the same with quantized networks.
    """
    candidates, rest = np.split(pool.by_uncertainty, [max(options.candidates, options.k)])
    return _covered(pool, options, candidates, rest)._replace(candidates=candidates)


@register("representative")
def representative(pool: Pool, options: Options) -> Proposal:
    """Cover all unannotated images, however uncertain the picks are.

    As `suggestive` with all of S_u as candidates. That takes every pair of images, so of more
    than 2,048 unannotated images as many are drawn at random, by the seed, and are the candidates
    (Mirzasoleiman et al., AAAI 2015: a sample costs little of the gain); all are still what is
    to be covered.
    """
    candidates, rest = pool.by_uncertainty, np.zeros(0, np.int64)
    most = max(MOST_CANDIDATES, options.k)
    if len(candidates) > most:
        keys = np.random.default_rng(options.seed).random(len(pool))[candidates]
        drawn = np.zeros(len(candidates), dtype=bool)
        drawn[np.argsort(keys, kind="stable")[:most]] = True
        candidates, rest = candidates[drawn], candidates[~drawn]
    return _covered(pool, options, candidates, rest)


@register("coreset")
def coreset(pool: Pool, options: Options) -> Proposal:
    """CoreSet (Sener and Savarese, ICLR 2018): leave no image far from what is annotated.

    K-centre greedy (algorithm 1) on the descriptors: each pick is the image that is the furthest
    (Euclidean distance, descriptors as they are) from the nearest annotated image or earlier
    pick. Without annotated images the first is the one nearest to the mean of all. Then come the
    others, the furthest from the nearest first. Ties go to the lower index.
    """
    points, own = Points(pool.descriptors), pool.unannotated
    picks: list[int] = []
    squares: list[float] = []
    by = []
    if pool.annotated.any():
        nearest = points.nearest(np.flatnonzero(pool.annotated))
    else:
        to_mean = points.to_mean(own)
        picks.append(int(own[to_mean[own].argmin()]))
        squares.append(float(to_mean[picks[0]]))
        by.append(CENTRE)
        nearest = points.to(picks[0])
    nearest[pool.annotated] = -1.0
    while len(picks) < min(options.k, len(own)):
        nearest[picks[-1:]] = -1.0
        picks.append(int(nearest.argmax()))
        squares.append(float(nearest[picks[-1]]))
        np.minimum(nearest, points.to(picks[-1]), out=nearest)
    by += [DISTANCE] * (len(own) - len(by))
    return _then_the_furthest(pool, points, picks, squares, nearest, by)


@register("badge", needs=(EMBEDDING,), by_uncertainty=True)
def badge(pool: Pool, options: Options) -> Proposal:
    """BADGE (Ash et al., ICLR 2020): images that would change the networks much, in many ways.

    K-means++ seeding on the gradient embeddings: the first pick is the one with the longest, each
    further one is drawn with a probability in proportion to the squared distance to the nearest
    pick. Long gradients are far from short ones, so uncertain images are preferred. Then come the
    others, the furthest from the nearest pick first, ties by index. See
    `napari_qsa.metrics.member_scores.gradient_sums` for the embedding, and how it is adapted to
    images: a plain sum over the pixels of what BADGE takes of one sample would cancel.
    """
    points, own = Points(pool.columns[EMBEDDING]), pool.unannotated
    rng = np.random.default_rng(options.seed)
    picks = [int(own[points.norms[own].argmax()])]
    squares = [float(points.norms[picks[0]])]
    nearest = points.to(picks[0])
    while len(picks) < min(options.k, len(own)):
        nearest[picks] = 0.0
        reach = np.cumsum(nearest[own])
        if reach[-1] <= 0:  # all are where a pick is
            break
        drawn = min(rng.random() * reach[-1], np.nextafter(reach[-1], 0))
        place = np.searchsorted(reach, drawn, side="right")
        picks.append(int(own[place]))
        squares.append(float(nearest[picks[-1]]))
        np.minimum(nearest, points.to(picks[-1]), out=nearest)
    by = [GRADIENT] + [GRADIENT_DISTANCE] * (len(own) - 1)
    return _then_the_furthest(pool, points, picks, squares, nearest, by)


def _covered(
    pool: Pool, options: Options, candidates: NDArray[np.int64], rest: NDArray[np.int64]
) -> Proposal:
    """Order candidates: greedy picks, then the others by what each would still add; then the rest.

    The rest is by uncertainty. The gains of the picks are left to `rank`.
    """
    rows = rows_of(pool, candidates, options.count_annotated)
    picks = greedy(rows, options.k)
    others = np.setdiff1d(np.arange(len(candidates)), picks)
    gains = np.array([rows.gain(row) for row in others.tolist()], np.float64)
    falling = np.argsort(-gains, kind="stable")
    order = [candidates[picks], candidates[others[falling]], rest]
    score = [np.full(len(picks), np.nan), gains[falling], pool.uncertainties[rest]]
    by = [COVERAGE] * len(candidates) + [UNCERTAINTY] * len(rest)
    return Proposal(np.concatenate(order), by=by, score=np.concatenate(score))


def _then_the_furthest(
    pool: Pool,
    points: Points,
    picks: list[int],
    squares: list[float],
    nearest: NDArray[np.float64],
    by: list[str],
) -> Proposal:
    """Put the other unannotated images behind the picks, the furthest from the nearest first.

    Parameters
    ----------
    pool, points, picks
        The points are of the pool.
    squares
        Squared distances that decided the picks, as those of `points`.
    nearest
        ``(n,)`` squared distances to the nearest pick, or annotated image.
    by
        What decided, of all unannotated images in their new order.
    """
    others = np.setdiff1d(pool.unannotated, picks)
    falling = others[np.argsort(-nearest[others], kind="stable")]
    score = points.lengths(np.concatenate([squares, nearest[falling]]))
    return Proposal(np.concatenate([picks, falling]).astype(np.int64), by=by, score=score)
