"""The protocols of weight schemes, and the schemes that leave weights in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

TRAINED_THROUGH = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
"""Portions of a scheme that is not incremental: five stages with latent weights, then the codes
stand still while BN and biases go on. As many stages as INQ of 4 bits has, and as long ones."""


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
        """Accumulated share of the weights that stand still from each stage on, rising to 1.

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


@runtime_checkable
class StraightThroughScheme(WeightScheme, Protocol):
    """A scheme that is trained on latent weights: levels forward, a stand-in's gradient back."""

    @property
    def refits(self) -> bool:
        """Whether the codebook is fitted anew at every step, or once."""
        ...

    def surrogate(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Give what the gradient is taken of in the place of the levels; same shape."""
        ...


@dataclass(frozen=True)
class FloatWeights:
    """No quantization.

    With ``portions`` it is ``float-restarts``: the exact schedule of INQ, learning-rate restarts
    included, with nothing quantized. It is the control for every claim about quantization, since
    a gain over plain float can come from the restarts alone. ``float-restarts`` has the portions
    of 4 bits, ``float-restarts2`` to ``float-restarts8`` those of so many.
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
