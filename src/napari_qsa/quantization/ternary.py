"""Ternary weight networks: three levels a layer (Li et al. 2016, arXiv 1605.04711)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_qsa.quantization.weights import TRAINED_THROUGH

THRESHOLD = 0.7
"""Delta over the mean magnitude: equation 6, which holds for uniform and normal weights."""


@dataclass(frozen=True)
class TWN:
    """``alpha sgn(w)`` where ``|w| > Delta``, else 0; alpha and Delta for each layer.

    ``Delta = 0.7 mean|w|`` (equation 6) and alpha is the mean of ``|w|`` over ``|w| > Delta``
    (equation 5). Both follow the latent weights at every step; the gradient goes straight through.
    """

    name: str = "twn"
    bits: int = 2
    portions: tuple[float, ...] = TRAINED_THROUGH
    quantizes: bool = True
    refits: bool = True

    def codebook(self, weight: Tensor) -> Tensor:
        """Fit ``{-alpha, 0, alpha}``; ``{0}`` where every weight is zero."""
        magnitude = weight.detach().double().abs()
        large = magnitude[magnitude > THRESHOLD * magnitude.mean()]
        if large.numel() == 0:
            return torch.zeros(1)
        alpha = float(large.mean())
        return torch.tensor([-alpha, 0.0, alpha])

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Map each weight to its level; Delta is of these weights, alpha of the codebook."""
        magnitude = weight.double().abs()
        alpha = codebook[-1].to(weight)
        levels = torch.copysign(alpha, weight)
        return torch.where(
            magnitude > THRESHOLD * magnitude.mean(), levels, torch.zeros_like(weight)
        )

    def surrogate(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Return the weights: the gradient of a level is that of its weight."""
        return weight
