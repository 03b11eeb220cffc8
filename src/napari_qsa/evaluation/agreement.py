"""Whether two ensembles are unsure about the same images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.metrics import spearman


@dataclass(frozen=True)
class Agreement:
    """How alike two ensembles rank a pool.

    Attributes
    ----------
    spearman : float
        Rank correlation of the image uncertainties, -1 to 1.
    overlap : int
        Images among the candidates of both.
    candidates : int
        How many candidates each has.
    expected_overlap : float
        What two rankings at random would share.
    """

    spearman: float
    overlap: int
    candidates: int
    expected_overlap: float


def ranking_agreement(first: NDArray[Any], second: NDArray[Any], candidates: int = 16) -> Agreement:
    """Compare the image uncertainties of two ensembles on one pool.

    Parameters
    ----------
    first, second
        ``(n,)`` uncertainties of the same images in the same order.
    candidates
        K, the most uncertain images; all, if there are fewer.

    Raises
    ------
    QsaError
        If lengths differ, there is no image, or `candidates` is below 1.
    """
    n = first.size
    if n != second.size or n == 0 or candidates < 1:
        raise QsaError(
            f"Rankings of {n} and of {second.size} images by {candidates} candidates cannot be "
            "compared; give both for the same images, and at least one candidate."
        )
    k = min(candidates, n)
    tops = [set(np.argsort(-values, kind="stable")[:k].tolist()) for values in (first, second)]
    return Agreement(spearman(first, second), len(tops[0] & tops[1]), k, k * k / n)
