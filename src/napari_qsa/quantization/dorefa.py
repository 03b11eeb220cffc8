"""DoReFa weights of 1 to 8 bits (Zhou et al. 2016, arXiv 1606.06160)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_qsa.errors import QsaError
from napari_qsa.quantization.weights import TRAINED_THROUGH


def dorefa_codes(weight: Tensor, bits: int) -> Tensor:
    """Give equation 9's whole numbers: ``round((2**k - 1) (tanh w / (2 max|tanh w|) + 1/2))``.

    Parameters
    ----------
    weight : Tensor, any shape, float32
        Of one layer. NaN has the code of zero.
    bits : int
        k, 2 to 8.

    Returns
    -------
    Tensor, same shape, int64, 0 to 2**k - 1
        The weight of the paper is ``2 code / (2**k - 1) - 1``.
    """
    bent = torch.tanh(weight.double())
    share = (bent / (2 * bent.abs().max()).clamp_min(1e-300)).nan_to_num(0.0)
    return torch.round((2**bits - 1) * (share + 0.5)).long()


@dataclass(frozen=True)
class DoReFa:
    """Uniform levels over the range of a layer's weights.

    One bit: ``sgn(w) mean|w|``, one scalar for each layer (section 2.3), which follows the latent
    weights. More: ``2 q_k(tanh w / (2 max|tanh w|) + 1/2) - 1`` (equation 9), times the largest
    ``|tanh w|`` that the layer had when its codebook was fitted.

    The paper has no such factor: its weights always span -1 to 1, whatever the layer's were, and a
    batch normalisation must follow to take their size out. Where one follows, the constant changes
    nothing, in the result and in the training. Where none does (output layers, branches that are
    added), the layer keeps the size it was trained to.

    Parameters
    ----------
    bits : int
        k, 1 to 8.
    """

    bits: int
    portions: tuple[float, ...] = TRAINED_THROUGH
    quantizes: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise QsaError(f"DoReFa takes 1 to 8 bits, not {self.bits}; try dorefa4.")

    @property
    def name(self) -> str:
        """``dorefa4`` for 4 bits."""
        return f"dorefa{self.bits}"

    @property
    def refits(self) -> bool:
        """Only the scalar of one bit follows the weights."""
        return self.bits == 1

    def codebook(self, weight: Tensor) -> Tensor:
        """Fit 2**k levels, whole odd multiples of one step.

        ``{0}`` where all weights are zero, or so small that a step is below float32.
        """
        values = weight.detach().double()
        if not bool(values.any()):
            return torch.zeros(1)
        span = values.abs().mean() if self.bits == 1 else torch.tanh(values).abs().max()
        most = 2**self.bits - 1
        step = (span.cpu() / most).float()
        if not step:  # weights below the smallest float32 times the levels are none
            return torch.zeros(1)
        levels: Tensor = torch.arange(-most, most + 1, 2, dtype=torch.float32) * step
        return levels

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Map each weight to its level; zero counts as positive with one bit."""
        levels = codebook.to(weight)
        if levels.numel() == 1:
            return torch.zeros_like(weight)
        codes = (weight >= 0).long() if self.bits == 1 else dorefa_codes(weight, self.bits)
        return levels[codes]

    def surrogate(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Return the weights at one bit; else the same formula without its rounding."""
        if self.bits == 1:
            return weight
        bent = torch.tanh(weight)
        return codebook[-1].to(weight) * bent / bent.detach().abs().max().clamp_min(1e-30)
