"""What an ensemble says about one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qsa.metrics.member_scores import MemberScores

Progress = Callable[[int, int], None]
"""Called with tiles done and tiles in all; may raise `Cancelled`."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work; passed on as it is."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Maps, objects and descriptor of one image, on the image's own grid (H, W).

    Attributes
    ----------
    probability
        ``(H, W) float32``: mean over the members of the probability of *gland*.
    uncertainty
        ``(H, W) float32``: standard deviation over the members, ddof 0, so 0 to 0.5; with
        test-time augmentation, over the members' averaged maps.
    separator
        ``(H, W) float32``: mean over the members of the probability of *separator*.
    labels
        ``(H, W) int32``: objects 1 to N, 0 is background.
    descriptor
        ``(D,) float32``: mean over the members of the spatial mean of the last encoder features.
    pixel_size
        The one the image was taken to have, in µm.
    notes
        Sentences about what was assumed and what was left out.
    faint
        How many objects were found and left out because no member is sure of them; see
        `napari_qsa.ensemble.instances.InstanceOptions.min_confidence`.
    scores
        What the members' maps say of the image as a whole; None where that is not known.
    embedding
        ``(2 D,) float32``, the mean over the pixels of
        `napari_qsa.metrics.member_scores.gradient_sums`; None where that is not known.
    """

    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    separator: NDArray[np.float32]
    labels: NDArray[np.int32]
    descriptor: NDArray[np.float32]
    pixel_size: float
    notes: tuple[str, ...] = ()
    faint: int = 0
    scores: MemberScores | None = None
    embedding: NDArray[np.float32] | None = None

    @property
    def image_uncertainty(self) -> float:
        """Mean of the uncertainty over all pixels."""
        return float(self.uncertainty.mean(dtype=np.float64))
