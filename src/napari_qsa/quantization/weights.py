"""The protocol of a weight scheme, and the schemes that leave weights in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class WeightScheme(Protocol):
    """How the weights of one layer become codes.

    A scheme is stateless: it maps a layer's latent weights to a codebook and to levels of it.
    *When* each weight is quantized is the schedule's, which reads ``portions``.
    """

    @property
    def name(self) -> str:
        """As on the command line and in the ensemble file."""
        ...

    @property
    def bits(self) -> int:
        """Bits a code needs before entropy coding; 32 for float."""
        ...

    @property
    def portions(self) -> tuple[float, ...]:
        """Accumulated share of the weights quantized on entering each stage, rising to 1.

        Empty where there are no stages.
        """
        ...

    @property
    def quantizes(self) -> bool:
        """False for the float schemes, whose ``quantize`` is the identity."""
        ...

    def codebook(self, weight: Tensor) -> Tensor:
        """Fit the codebook to a layer: sorted levels, shape (L,) float32."""
        ...

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Map weights to levels of the codebook; same shape and dtype."""
        ...


@dataclass(frozen=True)
class FloatWeights:
    """No quantization.

    With ``portions`` it is ``float-restarts``: the exact schedule of INQ, learning-rate restarts
    included, with nothing quantized. It is the control for every claim about quantization, since
    a gain over plain float can come from the restarts alone.
    """

    name: str = "float"
    portions: tuple[float, ...] = ()
    bits: int = 32
    quantizes: bool = False

    def codebook(self, weight: Tensor) -> Tensor:
        """Return an empty codebook."""
        return torch.empty(0, dtype=torch.float32)

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Return the weights unchanged."""
        return weight
