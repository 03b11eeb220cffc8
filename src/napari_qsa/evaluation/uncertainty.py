"""Whether the uncertainty finds the wrong pixels, as counts that add up over images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError

BINS = 5000
LARGEST = 0.5
"""Of a standard deviation of values between 0 and 1."""

_ROUNDING = 1e-5


@dataclass(frozen=True)
class ErrorRanking:
    """Histograms of the uncertainty of wrong and of right pixels.

    Attributes
    ----------
    wrong, right : NDArray[np.int64], shape (BINS + 1,)
        Pixels by uncertainty. Bin 0 is exactly 0, bin i holds ((i - 1) / BINS, i / BINS] times
        ``LARGEST``.
    """

    wrong: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        uncertainty: NDArray[Any],
        probability: NDArray[Any],
        truth: NDArray[Any],
        threshold: float = 0.5,
    ) -> "ErrorRanking":
        """Count the pixels of one image.

        Parameters
        ----------
        uncertainty : (H, W)
            0 to 0.5.
        probability : (H, W)
            Of the gland; a pixel is wrong where ``probability >= threshold`` is not the truth.
        truth : (H, W)
            Any value other than 0 is gland.
        threshold
            Of the probability.

        Raises
        ------
        QsaError
            If the shapes differ, or an uncertainty is not between 0 and 0.5.
        """
        if not uncertainty.shape == probability.shape == truth.shape:
            raise QsaError(
                f"Maps of shape {uncertainty.shape} and {probability.shape} and labels of shape "
                f"{truth.shape} cannot be compared; bring them to one grid."
            )
        if not ((uncertainty >= 0) & (uncertainty <= LARGEST + _ROUNDING)).all():
            raise QsaError("Uncertainties must be between 0 and 0.5; give the uncertainty map.")
        bins = np.ceil(uncertainty.astype(np.float64) * (BINS / LARGEST))
        index = np.minimum(bins, BINS).astype(np.int64)
        wrong = (probability >= threshold) != (truth != 0)
        return cls(
            np.bincount(index[wrong], minlength=BINS + 1),
            np.bincount(index[~wrong], minlength=BINS + 1),
        )

    def __add__(self, other: "ErrorRanking") -> "ErrorRanking":
        """Return the histograms of both together."""
        return ErrorRanking(self.wrong + other.wrong, self.right + other.right)

    @property
    def auroc(self) -> float:
        """P(uncertainty of a wrong pixel > that of a right one), a tie counting one half.

        Pixels of one bin, 0.0001 wide, tie; NaN where all are right or all are wrong.
        """
        wrong, right = int(self.wrong.sum()), int(self.right.sum())
        if wrong == 0 or right == 0:
            return float("nan")
        below = np.cumsum(self.right) - self.right
        wins = self.wrong.astype(np.float64) @ (below + self.right / 2)
        return float(wins / (float(wrong) * right))
