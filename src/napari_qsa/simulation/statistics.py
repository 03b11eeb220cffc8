"""What curves over seeds say: means with intervals, areas, paired differences, labels needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes
    ----------
    value : float
        The mean.
    half : float or None
        Half the width of its 95 % interval; None of a single seed.
    n : int
        Seeds.
    """

    value: float
    half: float | None
    n: int


def mean_of(values: Sequence[float]) -> Mean:
    """Average the values of independent seeds, with the interval of Student's t.

    It is mean ± t(0.975, n - 1) s / sqrt(n), s the sample's standard deviation (ddof 1).

    Parameters
    ----------
    values
        At least one.
    """
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Mean(mean, None, n)
    spread = float(np.std(values, ddof=1)) / math.sqrt(n)
    return Mean(mean, reach(n) * spread, n)


def reach(n: int) -> float:
    """Say how many standard errors a 95 % t interval over n values reaches to each side.

    It is 12.7 with two, 4.3 with three and 2.8 with five.

    Parameters
    ----------
    n
        At least two.
    """
    from scipy import stats

    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1))


def beyond_chance(count: int, comparisons: int) -> bool:
    """Tell whether so many of the 95 % intervals lie on one side of 0 that chance will not do.

    Where there is no difference an interval lies on one side of 0 with probability 0.025, so their
    number is binomial; chance gives more than its 95 % quantile once in twenty times. Comparisons
    within one study depend on each other, so this is the least that can be asked.

    Parameters
    ----------
    count
        Intervals that lie on that side.
    comparisons
        All of them.
    """
    from scipy import stats

    side = (1 - CONFIDENCE) / 2
    return count > int(stats.binom.ppf(CONFIDENCE, comparisons, side))


def area(sizes: Sequence[int], scores: Sequence[float]) -> float:
    """Give the area under a learning curve over its width: the mean score along the way.

    By the trapezoidal rule, over the number of annotated images; of one point, its score.

    Parameters
    ----------
    sizes
        Annotated images, rising.
    scores
        As many.
    """
    if len(sizes) == 1:
        return float(scores[0])
    return float(np.trapezoid(scores, sizes) / (sizes[-1] - sizes[0]))


def paired(own: dict[int, float], baseline: dict[int, float]) -> Mean | None:
    """Average the differences of two arms over the seeds they share; None without one."""
    shared = sorted(own.keys() & baseline.keys())
    return mean_of([own[seed] - baseline[seed] for seed in shared]) if shared else None


def labels_needed(sizes: Sequence[int], scores: Sequence[float], threshold: float) -> float | None:
    """Say with how many annotated images a curve first reaches a score.

    Between two rounds it is interpolated linearly.

    Parameters
    ----------
    sizes
        Annotated images, rising.
    scores
        As many; higher is better.
    threshold
        To be reached.

    Returns
    -------
    float or None
        The first size if the curve begins there already; None where it is not reached.
    """
    if scores[0] >= threshold:
        return float(sizes[0])
    for place in range(1, len(sizes)):
        before, after = scores[place - 1], scores[place]
        if after >= threshold:
            share = (threshold - before) / (after - before)
            return sizes[place - 1] + share * (sizes[place] - sizes[place - 1])
    return None


def kept_from(sizes: Sequence[int], scores: Sequence[float], threshold: float) -> float | None:
    """Say from how many annotated images on a curve never falls below a score again.

    Between two rounds it is interpolated linearly; a curve that first reaches the score and falls
    below it later is not there yet.

    Parameters
    ----------
    sizes
        Annotated images, rising.
    scores
        As many; higher is better.
    threshold
        To be kept.

    Returns
    -------
    float or None
        None where the last round is below.
    """
    below = [place for place, score in enumerate(scores) if score < threshold]
    if not below:
        return float(sizes[0])
    first = below[-1]
    return labels_needed(sizes[first:], scores[first:], threshold)
