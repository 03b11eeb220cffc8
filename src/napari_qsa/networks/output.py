"""What every network returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Output(NamedTuple):
    """The output of a segmentation network for one batch.

    Attributes
    ----------
    logits : Tensor, shape (N, 2, H, W), float32
        Channel 0 is *gland*, channel 1 the *separator* between touching glands; a sigmoid
        turns each into a probability.
    descriptor : Tensor, shape (N, D), float32
        The spatial mean of the last encoder features (Yang et al. 2017, section 2.2).
    """

    logits: Tensor
    descriptor: Tensor
