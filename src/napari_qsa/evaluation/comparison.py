"""Whether one set of results is better than another on the same images, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.metrics import ObjectScore

Metric = Literal["f1", "object_dice", "object_hausdorff"]
_CHUNK = 1000


@dataclass(frozen=True)
class Interval:
    """A difference with its bootstrap interval.

    Attributes
    ----------
    value : float
        The score of the second set less that of the first, on the images as they are.
    low, high : float
        Percentile interval.
    level : float
        Its coverage, such as 0.95.
    """

    value: float
    low: float
    high: float
    level: float


def paired_difference(
    first: Sequence[ObjectScore],
    second: Sequence[ObjectScore],
    metric: Metric = "object_dice",
    pooled: bool = True,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Compare two results on the same images by a paired bootstrap over the images.

    Images are drawn with replacement, both sets of results with the same draw, and the score is
    computed anew of each draw: pooled, or as the mean over the drawn images.

    Parameters
    ----------
    first, second
        Scores of the same images in the same order.
    metric
        ``f1``, ``object_dice`` or ``object_hausdorff``.
    pooled
        Whether the statistics of the images are summed before the score is taken.
    resamples, level, seed
        Of the bootstrap.

    Raises
    ------
    QsaError
        If the sets are empty or differ in length.
    """
    if len(first) != len(second) or not first:
        raise QsaError(
            f"Results of {len(first)} and of {len(second)} images cannot be paired; "
            "give both for the same images."
        )
    statistics = [_statistics(scores) for scores in (first, second)]
    means = [np.array([getattr(score, metric) for score in scores]) for scores in (first, second)]
    n = len(first)

    def difference(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        if pooled:
            a, b = (_pooled(weights @ values, metric) for values in statistics)
        else:
            a, b = (weights @ values / n for values in means)
        return np.asarray(b - a)

    random = np.random.default_rng(seed)
    draws = [
        difference(random.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64))
        for size in _chunks(resamples)
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(draws), [tail, 1 - tail])
    value = difference(np.ones((1, n)))[0]
    return Interval(float(value), float(low), float(high), level)


def _chunks(total: int) -> list[int]:
    return [min(_CHUNK, total - start) for start in range(0, total, _CHUNK)]


def _statistics(scores: Sequence[ObjectScore]) -> NDArray[np.float64]:
    """(n, 9) what `_pooled` takes."""
    return np.array(
        [
            (
                score.true_positives,
                score.predicted,
                score.truth,
                score.predicted_area,
                score.truth_area,
                score.predicted_dice,
                score.truth_dice,
                score.predicted_hausdorff,
                score.truth_hausdorff,
            )
            for score in scores
        ],
        dtype=np.float64,
    )


def _pooled(sums: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """Scores of (B, 9) sums; the rules for empty sides are those of `ObjectScore`."""
    hits, n_s, n_g, area_s, area_g, dice_s, dice_g, far_s, far_g = sums.T
    if metric == "f1":
        return _ratio(2 * hits, n_s + n_g, empty=1.0)
    if metric == "object_dice":
        both = 0.5 * (_ratio(dice_s, area_s, 0.0) + _ratio(dice_g, area_g, 0.0))
        one_empty = (area_s == 0) | (area_g == 0)
        return np.where(one_empty, (area_s + area_g == 0).astype(np.float64), both)
    sides = (area_s > 0).astype(np.float64) + (area_g > 0)
    return _ratio(_ratio(far_s, area_s, 0.0) + _ratio(far_g, area_g, 0.0), sides, 0.0)


def _ratio(
    above: NDArray[np.float64], below: NDArray[np.float64], empty: float
) -> NDArray[np.float64]:
    result = np.full(above.shape, empty)
    np.divide(above, below, out=result, where=below > 0)
    return result
