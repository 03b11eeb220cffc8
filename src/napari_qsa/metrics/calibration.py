"""Whether probabilities and uncertainties can be trusted: AUROC, calibration, rank correlation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError

_CHUNK = 1 << 20  # values worked on at once, so that temporary arrays stay small


def auroc(score: NDArray[Any], positive: NDArray[Any]) -> float:
    """Return the area under the ROC curve: P(score of a positive > score of a negative).

    Exact, a tie counting one half (the Mann-Whitney statistic). Takes one sorted copy of the
    scores in their own type, so ten million float32 pixels need about 100 MB.

    Parameters
    ----------
    score
        Any shape, finite; higher means more likely positive.
    positive
        The same shape; any value other than 0 is positive.

    Returns
    -------
    float
        0 to 1; NaN where there are no positives or no negatives.

    Raises
    ------
    QsaError
        If the shapes differ or a score is not finite.
    """
    _check(score, positive)
    is_positive = positive.ravel() != 0
    flat = score.ravel()
    few, many = np.sort(flat[is_positive]), np.sort(flat[~is_positive])
    if few.size == 0 or many.size == 0:
        return float("nan")
    swapped = few.size > many.size
    if swapped:
        few, many = many, few
    twice = 0
    for start in range(0, few.size, _CHUNK):
        part = few[start : start + _CHUNK]
        twice += int(np.searchsorted(many, part, "left").sum())
        twice += int(np.searchsorted(many, part, "right").sum())
    area = twice / (2 * few.size * many.size)
    return 1.0 - area if swapped else area


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram's bins, as sums, so that images add up.

    Attributes
    ----------
    count, probability, positive
        ``(bins,) float64`` number of pixels in each bin, sum of their probabilities, and number
        of true pixels among them. Bin i holds probabilities in [i / bins, (i + 1) / bins), the
        last one also 1.
    """

    count: NDArray[np.float64]
    probability: NDArray[np.float64]
    positive: NDArray[np.float64]

    def __add__(self, other: "Reliability") -> "Reliability":
        """Return the bins of both together."""
        return Reliability(
            self.count + other.count,
            self.probability + other.probability,
            self.positive + other.positive,
        )

    @property
    def confidence(self) -> NDArray[np.float64]:
        """``(bins,)`` mean probability in each bin; NaN where it is empty."""
        return self._mean(self.probability)

    @property
    def frequency(self) -> NDArray[np.float64]:
        """``(bins,)`` share of true pixels in each bin; NaN where it is empty."""
        return self._mean(self.positive)

    @property
    def error(self) -> float:
        """The expected calibration error; NaN without pixels."""
        total = self.count.sum()
        if total == 0:
            return float("nan")
        return float(np.abs(self.probability - self.positive).sum() / total)

    def _mean(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.full(self.count.shape, np.nan)
        np.divide(sums, self.count, out=means, where=self.count > 0)
        return means


def reliability(probability: NDArray[Any], truth: NDArray[Any], bins: int = 15) -> Reliability:
    """Return the reliability diagram of the foreground's probability.

    Parameters
    ----------
    probability
        Any shape, in [0, 1]: the probability of the foreground, not that of the likelier class.
    truth
        The same shape; any value other than 0 is foreground.
    bins
        Bins of equal width.

    Raises
    ------
    QsaError
        If the shapes differ or a probability is not in [0, 1].
    """
    _check(probability, truth)
    flat, true = probability.ravel(), truth.ravel()
    total = Reliability(np.zeros(bins), np.zeros(bins), np.zeros(bins))
    for start in range(0, flat.size, _CHUNK):
        p = flat[start : start + _CHUNK].astype(np.float64)
        if p.min() < 0 or p.max() > 1:
            raise QsaError("Probabilities must be between 0 and 1; give the probability map.")
        t = (true[start : start + _CHUNK] != 0).astype(np.float64)
        index = np.minimum((p * bins).astype(np.int64), bins - 1)
        total += Reliability(
            np.bincount(index, minlength=bins).astype(np.float64),
            np.bincount(index, p, bins).astype(np.float64),
            np.bincount(index, t, bins).astype(np.float64),
        )
    return total


def expected_calibration_error(
    probability: NDArray[Any], truth: NDArray[Any], bins: int = 15
) -> float:
    """Return the expected calibration error of the foreground's probability, 0 to 1.

    The mean over pixels of |mean probability - share of true pixels| of their bin (Guo et al.,
    ICML 2017, for the foreground's probability); NaN without pixels. See `reliability`.
    """
    return reliability(probability, truth, bins).error


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return Spearman's rank correlation, ties given their mean rank.

    Parameters
    ----------
    a, b
        ``(n,)`` finite values.

    Returns
    -------
    float
        -1 to 1; NaN for fewer than two values, or where one side is constant.

    Raises
    ------
    QsaError
        If the shapes differ or a value is not finite.
    """
    _check(a, b)
    _check(b, a)
    if a.size < 2:
        return float("nan")
    x, y = _centred_ranks(a), _centred_ranks(b)
    norm = np.sqrt((x @ x) * (y @ y))
    return float(np.clip((x @ y) / norm, -1, 1)) if norm > 0 else float("nan")


def _centred_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return np.asarray(ranks - (values.size + 1) / 2)


def _check(values: NDArray[Any], other: NDArray[Any]) -> None:
    if values.shape != other.shape:
        raise QsaError(
            f"Arrays of shape {values.shape} and {other.shape} cannot be compared; "
            "give two of one shape."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise QsaError("The values contain NaN or infinity; leave those out before scoring.")
