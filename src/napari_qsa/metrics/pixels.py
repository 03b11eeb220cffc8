"""Scores of a mask, pixel by pixel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError


def pixel_dice(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the Dice coefficient 2 |P and T| / (|P| + |T|) of two masks.

    Parameters
    ----------
    predicted, truth
        Masks of one shape; any value other than 0 is foreground, so instance labels work too.

    Returns
    -------
    float
        Between 0 and 1; 1 where both masks are empty.

    Raises
    ------
    QsaError
        If the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise QsaError(
            f"Masks of shape {predicted.shape} and {truth.shape} cannot be compared; "
            "bring the prediction to the grid of the truth."
        )
    p, t = predicted != 0, truth != 0
    total = int(np.count_nonzero(p)) + int(np.count_nonzero(t))
    if total == 0:
        return 1.0
    return 2.0 * int(np.count_nonzero(p & t)) / total
