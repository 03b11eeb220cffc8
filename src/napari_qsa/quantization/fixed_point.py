"""Fixed-point weights, saturating (``q``) and as published (``qpaper``).

AskariHemmat et al. 2019, arXiv 1908.01073. ``Q i.f`` has i bits before the point and f after it;
the sign is one bit more. Deterministic rounding, ties to even.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_qsa.errors import QsaError
from napari_qsa.quantization.weights import TRAINED_THROUGH

MAX_BITS = 15
"""i + f of weights: with the sign, a code is two bytes at most."""


def check_fixed_point(integer: int, fraction: int, most: int) -> None:
    """Refuse a format without bits or with too many of them, by a QsaError."""
    if integer < 0 or fraction < 0 or not 1 <= integer + fraction <= most:
        raise QsaError(
            f"Fixed point has 1 to {most} bits beside the sign, not {integer} and {fraction}; "
            "try q0.7."
        )


@dataclass(frozen=True)
class FixedPoint:
    """``clip(round(x 2**f), +-(2**(i + f) - 1)) / 2**f``: what is too large saturates.

    The step is the same in every layer, whatever its weights: Q0.4 has a step of .0625 and sends
    most weights of an ordinary network to zero. No gradient where it saturates.

    Parameters
    ----------
    integer, fraction : int
        i and f, together 1 to 15.
    """

    integer: int
    fraction: int
    portions: tuple[float, ...] = TRAINED_THROUGH
    quantizes: bool = True
    refits: bool = False

    def __post_init__(self) -> None:
        check_fixed_point(self.integer, self.fraction, MAX_BITS)

    @property
    def name(self) -> str:
        """``q0.4`` for no bit before the point and four after it."""
        return f"q{self.integer}.{self.fraction}"

    @property
    def bits(self) -> int:
        """With the sign."""
        return 1 + self.integer + self.fraction

    @property
    def _most(self) -> int:
        return (1 << (self.integer + self.fraction)) - 1

    def codebook(self, weight: Tensor) -> Tensor:
        """Give all 2**(i + f + 1) - 1 levels; they do not depend on the weights."""
        codes = torch.arange(-self._most, self._most + 1, dtype=torch.float32)
        return codes * 2.0**-self.fraction

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Round to the nearest level."""
        codes = torch.round(weight * 2.0**self.fraction).clamp(-self._most, self._most)
        return codes * 2.0**-self.fraction + 0.0  # no negative zero

    def surrogate(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Return the weights, held inside the range."""
        most = self._most * 2.0**-self.fraction
        return weight.clamp(-most, most)


@dataclass(frozen=True)
class PublishedFixedPoint:
    """The formula of the paper to the letter (its equations 4 and 5).

    With ``x_i = floor|x|`` and ``x_f = |x| - x_i`` it is ``sgn(x) (q(x_i, i) + q(x_f, f))``,
    ``q(v, n) = round(clamp(v, 0, 2**n - 1) 2**n) / 2**n``. So it *wraps*: Q0.4 of 1.3 is .3125,
    the fraction alone. It *truncates* where f is 0: Q6.0 of .99 is 0. Its largest level is
    ``2**i``, by rounding up, and a second pass does not keep it. It is here to compare with; for
    use take :class:`FixedPoint`. The gradient goes straight through everywhere.

    Parameters
    ----------
    integer, fraction : int
        i and f, together 1 to 15.
    """

    integer: int
    fraction: int
    portions: tuple[float, ...] = TRAINED_THROUGH
    quantizes: bool = True
    refits: bool = False

    def __post_init__(self) -> None:
        check_fixed_point(self.integer, self.fraction, MAX_BITS)

    @property
    def name(self) -> str:
        """``qpaper0.4`` for no bit before the point and four after it."""
        return f"qpaper{self.integer}.{self.fraction}"

    @property
    def bits(self) -> int:
        """With the sign, as the paper counts; the level ``2**i`` is one more than they hold."""
        return 1 + self.integer + self.fraction

    def codebook(self, weight: Tensor) -> Tensor:
        """Give all levels; they do not depend on the weights."""
        most = 2 ** (self.integer + self.fraction) - (self.fraction == 0)
        return torch.arange(-most, most + 1, dtype=torch.float32) * 2.0**-self.fraction

    def quantize(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Apply the formula."""
        return published(weight, self.integer, self.fraction)

    def surrogate(self, weight: Tensor, codebook: Tensor) -> Tensor:
        """Return the weights."""
        return weight


def published(values: Tensor, integer: int, fraction: int) -> Tensor:
    """Apply the formula of :class:`PublishedFixedPoint`; same shape and dtype."""

    def part(value: Tensor, bits: int) -> Tensor:
        count = 1 << bits
        return torch.round(value.clamp(0, count - 1) * count) / count

    whole = torch.floor(values.abs())
    magnitude = part(whole, integer) + part(values.abs() - whole, fraction)
    levels: Tensor = torch.copysign(magnitude, values) + 0.0  # no negative zero
    return levels
