"""Activation schemes with a fixed step, with three levels and with two."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from napari_qsa.quantization.activations import (
    SIGN,
    ActivationScheme,
    PowerOfTwo,
    best_scale,
)
from napari_qsa.quantization.fixed_point import check_fixed_point

SOFT_SHARE = 0.8
"""Of the iterations after the float phase, in which a ternary tanh is soft."""

FIRST_BETA, LAST_BETA = 3.0, 8.0

MAX_BITS = 16
"""i + f of activations, which are never stored: Q8.8 is among the published ones."""


@dataclass(frozen=True)
class FixedPointActivations:
    """``clip(round(x 2**f), +-(2**(i + f) - 1)) / 2**f`` in every layer (arXiv 1908.01073).

    Nothing is fitted but the sign: where a layer's input is never negative, that is after a ReLU,
    there are no codes below zero, and the sign bit falls away.

    Parameters
    ----------
    integer, fraction : int
        i and f, together 1 to 16.
    """

    integer: int
    fraction: int
    quantizes: bool = True

    def __post_init__(self) -> None:
        check_fixed_point(self.integer, self.fraction, MAX_BITS)

    @property
    def name(self) -> str:
        """``q4.4`` for four bits before the point and four after it."""
        return f"q{self.integer}.{self.fraction}"

    @property
    def bits(self) -> int:
        """With the sign."""
        return 1 + self.integer + self.fraction

    @property
    def image(self) -> ActivationScheme:
        """At 8 bits, with a fitted scale."""
        return PowerOfTwo(8)

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Return the step and the range; of the values only the sign is used."""
        most = 2 ** (self.integer + self.fraction) - 1
        return 2.0**-self.fraction, -most if bool((values < 0).any()) else 0, most

    def beta(self, done: float) -> float | None:
        """Return None: nothing is annealed."""
        return None


@dataclass(frozen=True)
class TernaryTanh:
    """Three levels, reached over a tanh that steepens (TernaryNet, arXiv 1801.09449).

    In training ``y = (tanh(2 beta x - beta) + tanh(2 beta x + beta)) / 2`` with beta from 3 to 8,
    then, and ever after, its limit: -1, 0 and 1, with thresholds at half. Here x is a layer's input
    over a power of two fitted by least squares, and y is multiplied by it again: the input has
    passed a ReLU of the network, and the paper's tanh takes its place. So after a ReLU only two of
    the levels are used.
    """

    name: str = "ternary"
    bits: int = 2
    quantizes: bool = True

    @property
    def image(self) -> ActivationScheme:
        """At 8 bits."""
        return PowerOfTwo(8)

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Choose the power of two with the least squared error of the three levels."""
        return best_scale(values, -1, 1), -1, 1

    def beta(self, done: float) -> float | None:
        """Rise from 3 to 8 over four fifths of the training after the float phase, then None."""
        if done >= SOFT_SHARE:
            return None
        return FIRST_BETA + (LAST_BETA - FIRST_BETA) * done / SOFT_SHARE


@dataclass(frozen=True)
class Binary:
    """One bit, straight-through.

    After a ReLU ``round(clip(x, 0, 1))`` (DoReFa-Net, arXiv 1606.06160, equations 5 and 11),
    elsewhere the sign (BinaryNet, arXiv 1602.02830); both times a power of two for each layer,
    fitted by least squares.
    """

    name: str = "binary"
    bits: int = 1
    quantizes: bool = True

    @property
    def image(self) -> ActivationScheme:
        """At 8 bits."""
        return PowerOfTwo(8)

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Choose the power of two with the least squared error of the two levels."""
        lowest, highest = SIGN if bool((values < 0).any()) else (0, 1)
        return best_scale(values, lowest, highest), lowest, highest

    def beta(self, done: float) -> float | None:
        """Return None: nothing is annealed."""
        return None
