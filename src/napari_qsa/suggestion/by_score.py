"""Strategies that go by numbers of each image alone, or by chance."""

import numpy as np
from numpy.typing import NDArray

from napari_qsa.suggestion.pool import Options, Pool
from napari_qsa.suggestion.strategies import (
    CHANCE,
    ENTROPY,
    ENTROPY_BACKGROUND,
    ENTROPY_GLAND,
    FOREGROUND,
    MUTUAL_INFORMATION,
    UNCERTAINTY,
    Proposal,
    register,
)

_SHARPEST = 100.0


@register("uncertainty", by_uncertainty=True)
def uncertainty(pool: Pool, options: Options) -> Proposal:
    """Order by uncertainty alone, ties by index."""
    return _scored(pool.by_uncertainty, UNCERTAINTY, pool.uncertainties)


@register("entropy", needs=("entropy",), by_uncertainty=True)
def entropy(pool: Pool, options: Options) -> Proposal:
    """Order by the mean over the pixels of the entropy of the members' mean, ties by index.

    The mean, as MONAI Label takes: a sum would favour large images.
    """
    scores = pool.columns["entropy"]
    return _scored(_falling(pool, scores), ENTROPY, scores)


@register("bald", needs=("mutual_information",), by_uncertainty=True)
def bald(pool: Pool, options: Options) -> Proposal:
    """Order by the mean over the pixels of the mutual information, ties by index.

    Bayesian active learning by disagreement (Houlsby et al. 2011): what the members' mean is
    unsure of less what each member is unsure of by itself. The members stand for samples of the
    posterior (Beluch et al., CVPR 2018).
    """
    scores = pool.columns["mutual_information"]
    return _scored(_falling(pool, scores), MUTUAL_INFORMATION, scores)


@register("foreground_random", needs=("foreground",))
def foreground_random(pool: Pool, options: Options) -> Proposal:
    """Order at random, one draw in three led by the predicted foreground.

    After the foreground-aware random of nnActive (Lüth et al., TMLR 2025), in its form with 33 %:
    there a third of the patches are put around a random voxel of a foreground class, the others
    anywhere. Here an image is what is drawn. Of each three draws the first takes one of the
    images that are left with a probability in proportion to its share of pixels predicted as
    gland (the chance that a random gland pixel lies in it), the other two take any with equal
    probability. Images without predicted gland are drawn so only when no others are left. It
    knows no labels, as an annotator's choice would not.
    """
    rng = np.random.default_rng(options.seed)
    share = np.maximum(pool.columns["foreground"], 0.0)
    own = pool.unannotated
    # A race of exponential clocks: the order of arrival is drawing in proportion to the rates.
    clocks = rng.exponential(size=len(pool))[own]
    with np.errstate(divide="ignore"):
        arrival = clocks / share[own]
    led = own[np.lexsort((clocks, arrival))]
    free = _shuffled(pool, rng)
    nothing = np.full(len(pool), np.nan)
    return _scored_in_turns(
        _in_turns((led, free, free)),
        (FOREGROUND, CHANCE, CHANCE),
        (pool.columns["foreground"], nothing, nothing),
    )


@register("random")
def random(pool: Pool, options: Options) -> Proposal:
    """Order at random, the same for the same seed; annotating some leaves the others' order."""
    order = _shuffled(pool, np.random.default_rng(options.seed))
    return _scored(order, CHANCE, np.full(len(pool), np.nan))


@register(
    "class_stratified",
    needs=("entropy", "entropy_gland", "entropy_background"),
    by_uncertainty=True,
)
def class_stratified(pool: Pool, options: Options) -> Proposal:
    """Take turns between the classes' entropies, each with noise that fades as labels grow.

    After ClaSP PE (Lüth et al., TMLR 2026): two thirds of its queries go by the entropy where a
    foreground class is predicted, in equal parts for each class, one third by the entropy of
    all. With gland the only foreground class that would stratify nothing, so the background
    counts as a class here: of each three picks one is by the mean entropy over the pixels
    predicted as gland, one by that over the others, one by that over all pixels. Patches there
    are whole images here.

    Power noise (Kirsch et al., TMLR 2023): an image of score s comes by log s + G / beta, with
    G from Gumbel(0, 1), which is drawing in proportion to s^beta. ClaSP PE raises beta from
    round to round; here it grows from 1 to 100, evenly on a log scale, with the share of the pool
    that is annotated, for a ranking knows no rounds.
    """
    rng = np.random.default_rng(options.seed)
    beta = _SHARPEST ** (1 - len(pool.unannotated) / len(pool))
    turns = []
    names = ("entropy_gland", "entropy_background", "entropy")
    for name in names:
        noise = rng.gumbel(size=len(pool)) / beta
        with np.errstate(divide="ignore"):
            turns.append(_falling(pool, np.log(np.maximum(pool.columns[name], 0.0)) + noise))
    return _scored_in_turns(
        _in_turns(tuple(turns)),
        (ENTROPY_GLAND, ENTROPY_BACKGROUND, ENTROPY),
        tuple(pool.columns[name] for name in names),
    )


def _scored(order: NDArray[np.int64], by: str, scores: NDArray[np.float64]) -> Proposal:
    """Say the number of each image, `scores` being of the whole pool."""
    return Proposal(order, by=[by] * len(order), score=np.asarray(scores, np.float64)[order])


def _scored_in_turns(
    order: NDArray[np.int64], by: tuple[str, ...], scores: tuple[NDArray[np.float64], ...]
) -> Proposal:
    """Say the number of each image, by the turn in which it came."""
    turns = len(by)
    said = np.empty(len(order))
    for turn, column in enumerate(scores):
        said[turn::turns] = column[order[turn::turns]]
    return Proposal(order, by=[by[place % turns] for place in range(len(order))], score=said)


def _falling(pool: Pool, score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the unannotated images, the highest score first, ties by index."""
    own = pool.unannotated
    return own[np.argsort(-score[own], kind="stable")]


def _shuffled(pool: Pool, rng: np.random.Generator) -> NDArray[np.int64]:
    keys = rng.random(len(pool))
    own = pool.unannotated
    return own[np.argsort(keys[own], kind="stable")]


def _in_turns(orders: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """Take from each order in turn its first image that is not taken yet, until all are."""
    total = len(orders[0])
    taken: set[int] = set()
    rests = [iter(order.tolist()) for order in orders]
    picked: list[int] = []
    while len(picked) < total:
        image = next(i for i in rests[len(picked) % len(rests)] if i not in taken)
        taken.add(image)
        picked.append(image)
    return np.array(picked, np.int64)
