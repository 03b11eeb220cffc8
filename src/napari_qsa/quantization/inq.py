"""Incremental network quantization: codebooks of powers of two (Zhou et al., ICLR 2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_qsa.errors import QsaError

_PORTIONS = {
    2: (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1.0),
    3: (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
    4: (0.3, 0.5, 0.8, 0.9, 0.95, 1.0),
    5: (0.5, 0.75, 0.875, 1.0),
}


def inq_portions(bits: int) -> tuple[float, ...]:
    """Accumulated portions of INQ at 2 to 8 bits (section 3 of the paper; 6 to 8 as 5)."""
    return _PORTIONS[min(bits, 5)]


def inq_exponents(largest: float, bits: int) -> tuple[int, int]:
    """Exponents (n1, n2) of the largest and the smallest magnitude.

    ``n1 = floor(log2(4 s / 3))`` and ``n2 = n1 + 1 - 2**(b - 1) / 2``, section 2.1.

    Parameters
    ----------
    largest : float
        s = max |W|, positive and finite.
    bits : int
        b, one code for zero included.
    """
    # Not floor(log2(...)): the exponent of a float is exact at s = 0.75 * 2**k too.
    upper = math.frexp(4.0 * largest / 3.0)[1] - 1  # frexp gives a mantissa in [0.5, 1)
    return upper, upper + 1 - 2 ** (bits - 1) // 2


@dataclass(frozen=True)
class INQ:
    """Powers of two and zero, quantized in portions, the largest weights first.

    Parameters
    ----------
    bits : int
        2 to 8.
    """

    bits: int
    quantizes: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise QsaError(f"INQ takes 2 to 8 bits, not {self.bits}; try inq4.")

    @property
    def name(self) -> str:
        """``inq4`` for 4 bits."""
        return f"inq{self.bits}"

    @property
    def portions(self) -> tuple[float, ...]:
        """Accumulated portions of the stages."""
        return inq_portions(self.bits)

    def codebook(self, weight: Tensor) -> Tensor:
        """Fit ``{0, +-2**n2, ..., +-2**n1}``; ``{0}`` where every weight is zero.

        Returns
        -------
        Tensor, shape (L,), float32
            Sorted levels; L = 2**(b - 1) + 1 (one more than b bits hold only on paper: INQ counts
            one bit for zero and b - 1 for the powers, section 2.1).
        """
        largest = float(weight.detach().abs().max()) if weight.numel() else 0.0
        if largest == 0.0:
            return torch.zeros(1)
        upper, lower = inq_exponents(largest, self.bits)
        magnitudes = torch.tensor([2.0**exponent for exponent in range(lower, upper + 1)])
        return torch.cat([-magnitudes.flip(0), torch.zeros(1), magnitudes])

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Map each weight to its level by equation 4, values past the largest level clamped.

        ``beta sgn(w)`` where ``(alpha + beta) / 2 <= |w| < 3 beta / 2`` for neighbours
        alpha < beta of the codebook, else 0. The equation would send ``|w| >= 3 * 2**n1 / 2`` to
        zero; such weights exist only where the codebook was fitted earlier, and are clamped.
        """
        magnitudes = codebook[codebook > 0].to(weight)
        if magnitudes.numel() == 0:
            return torch.zeros_like(weight)
        below = torch.cat([magnitudes.new_zeros(1), magnitudes[:-1]])
        thresholds = (below + magnitudes) / 2
        index = torch.bucketize(weight.abs().contiguous(), thresholds, right=True)
        levels = torch.cat([magnitudes.new_zeros(1), magnitudes])
        return torch.copysign(levels[index], weight)
