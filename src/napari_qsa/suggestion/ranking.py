"""The ranking of a pool: which images to annotate next, and why these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.suggestion.coverage import GAIN_DIGITS, already_covered
from napari_qsa.suggestion.pool import Options, Pool
from napari_qsa.suggestion.strategies import COVERAGE, Proposal, find_strategy, require_columns


@dataclass(frozen=True)
class Reason:
    """Why an image was picked.

    Attributes
    ----------
    image : int
        Its index in the pool.
    uncertainty : float
        Its uncertainty, as given.
    uncertainty_rank : int
        Its place among the unannotated images, 1 the most uncertain.
    gain : float
        By how much it raises the coverage F of the picks before it, in images: 1 is one image
        that was like nothing before and is exactly like this one.
    represents : int
        Unannotated images (itself among them) it is the most similar pick to, and more similar
        than any annotated image where those count; ties go to the earlier pick.
    """

    image: int
    uncertainty: float
    uncertainty_rank: int
    gain: float
    represents: int


@dataclass(frozen=True)
class Ranking:
    """A ranking of the unannotated images; all indices are into the pool.

    Attributes
    ----------
    strategy : str
        Who ranked.
    order : NDArray[np.int64]
        All unannotated images, each once, best first.
    picks : NDArray[np.int64]
        The first k of them (all, if there are fewer).
    candidates : NDArray[np.int64]
        The images the strategy chose the picks among, the most uncertain first; empty for a
        strategy that does not narrow the pool.
    why : tuple[Reason, ...]
        One reason for each pick.
    coverage_before, coverage_after : float
        Mean over the unannotated images of their coverage f, 0 to 1, before and with the picks;
        NaN without unannotated images.
    by : tuple[str, ...]
        For each of `order` what decided its place, see `Proposal`; ``""`` where the strategy
        does not say.
    score : NDArray[np.float64]
        For each of `order` the number that decided; NaN where there is none.
    """

    strategy: str
    order: NDArray[np.int64]
    picks: NDArray[np.int64]
    candidates: NDArray[np.int64]
    why: tuple[Reason, ...]
    coverage_before: float
    coverage_after: float
    by: tuple[str, ...]
    score: NDArray[np.float64]

    @property
    def coverage_gain(self) -> NDArray[np.float64]:
        """``(k,)`` gain of each pick over those before it, in images."""
        return np.array([reason.gain for reason in self.why], np.float64)


def rank(
    descriptors: NDArray[Any],
    uncertainties: NDArray[Any],
    annotated: NDArray[Any],
    k: int = 8,
    candidates: int = 16,
    strategy: str = "suggestive",
    count_annotated: bool = True,
    seed: int = 0,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> Ranking:
    """Rank the unannotated images of a pool by how much annotating them should help.

    Parameters
    ----------
    descriptors
        ``(n, D)`` descriptors of all images; a zero descriptor is similar to nothing.
    uncertainties
        ``(n,)`` uncertainties of all images, the mean over their pixels.
    annotated
        ``(n,)`` whether each image is annotated.
    k, candidates, count_annotated, seed
        See `Options`.
    strategy
        One of `strategy_names`.
    columns
        What the strategy needs besides (`needed_columns`), of all images; see `Pool`, and
        `napari_qsa.metrics.member_scores.score_columns`.

    Returns
    -------
    Ranking
        Empty where all images are annotated; with fewer than k left, all are picks.

    Raises
    ------
    QsaError
        If an option is out of range, the strategy is unknown or lacks a column, lengths differ,
        or a number is not finite.
    """
    options = Options(k, candidates, count_annotated, seed)
    order_pool = find_strategy(strategy)
    pool = Pool(np.asarray(descriptors), np.asarray(uncertainties), np.asarray(annotated), columns)
    require_columns(strategy, pool)
    if len(pool.unannotated) == 0:
        none = np.zeros(0, np.int64)
        return Ranking(strategy, none, none, none, (), np.nan, np.nan, (), np.zeros(0))
    proposal = order_pool(pool, options)
    picks = proposal.order[:k]
    before = already_covered(pool, count_annotated)
    why, after = _reasons(pool, picks, before)
    return Ranking(
        strategy=strategy,
        order=proposal.order,
        picks=picks,
        candidates=proposal.candidates,
        why=why,
        coverage_before=float(before.mean(dtype=np.float64)),
        coverage_after=after,
        by=tuple(proposal.by) or ("",) * len(proposal.order),
        score=_scores(proposal, why),
    )


def _scores(proposal: Proposal, why: tuple[Reason, ...]) -> NDArray[np.float64]:
    """Give what decided the place of each image; gains of picks are what the reasons say."""
    if proposal.score is None:
        return np.full(len(proposal.order), np.nan)
    score = proposal.score.copy()
    for place, reason in enumerate(why):
        if proposal.by[place] == COVERAGE:
            score[place] = reason.gain
    return score


def _reasons(
    pool: Pool, picks: NDArray[np.int64], before: NDArray[Any]
) -> tuple[tuple[Reason, ...], float]:
    """Return a reason for each pick, and the mean coverage with all of them."""
    gains, total = np.zeros(len(picks)), 0.0
    represents = np.zeros(len(picks) + 1, np.int64)
    for part, similarity in pool.cosines(picks):
        covered = np.vstack([before[part], similarity])
        np.maximum.accumulate(covered, axis=0, out=covered)
        gains += np.diff(covered, axis=0).sum(axis=1, dtype=np.float64)
        total += float(covered[-1].sum(dtype=np.float64))
        nearest = similarity.argmax(axis=0)
        nearest[similarity.max(axis=0) <= before[part]] = len(picks)  # covered as well before
        represents += np.bincount(nearest, minlength=len(picks) + 1)
    place = np.empty(len(pool), np.int64)
    place[pool.by_uncertainty] = np.arange(1, len(pool.unannotated) + 1)
    reasons = tuple(
        Reason(
            image=image,
            uncertainty=float(pool.uncertainties[image]),
            uncertainty_rank=int(place[image]),
            gain=round(float(gains[i]), GAIN_DIGITS),
            represents=int(represents[i]),
        )
        for i, image in enumerate(picks.tolist())
    )
    return reasons, total / len(pool.unannotated)
