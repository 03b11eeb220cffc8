"""What an activation scheme is, the uniform ones, and the quantizer of a convolution's input.

A scheme fits one power-of-two scale and a range of codes to the input of each convolution. The
image itself has 8 bits: schemes that are coarser, or know no scale, leave it those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.quantization.gradient import through

SAMPLES_PER_LAYER = 200_000
"""Values kept of each layer for calibration."""

SMALLEST = 2.0**-100
"""A layer whose inputs are all below it is taken as one of zeros: float32 hardly holds a step."""

SIGN = (-0.5, 0.5)
"""Range of the codes of one bit with a sign: the only ones that are not whole."""


@runtime_checkable
class ActivationScheme(Protocol):
    """How the input of a convolution becomes integers."""

    @property
    def name(self) -> str:
        """As on the command line and in the ensemble file."""
        ...

    @property
    def bits(self) -> int:
        """Bits of a code; 32 for float."""
        ...

    @property
    def quantizes(self) -> bool:
        """False for float."""
        ...

    @property
    def image(self) -> ActivationScheme:
        """The scheme of the network's own input."""
        ...

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Fit to sampled values of one layer's input: (scale, lowest code, highest code)."""
        ...

    def beta(self, done: float) -> float | None:
        """Steepness of a soft quantizer in training, at a share of it; None for the hard one."""
        ...


@dataclass(frozen=True)
class FloatActivations:
    """No quantization."""

    name: str = "float"
    bits: int = 32
    quantizes: bool = False

    @property
    def image(self) -> ActivationScheme:
        """Float too."""
        return self

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Return a scale of 1 and an empty range."""
        return 1.0, 0, 0

    def beta(self, done: float) -> float | None:
        """Return None: nothing is annealed."""
        return None


@dataclass(frozen=True)
class PowerOfTwo:
    """Uniform codes with a power-of-two scale, fitted by least squared error.

    Parameters
    ----------
    bits : int
        Bits of a code, 2 to 8.
    signed : bool
        Signed codes everywhere (``s8``); else unsigned ones where the layer's input is never
        negative, that is after a ReLU, and signed ones elsewhere (``u8``).
    """

    bits: int = 8
    signed: bool = False
    quantizes: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise QsaError(f"Calibrated activations take 2 to 8 bits, not {self.bits}; try u8.")

    @property
    def name(self) -> str:
        """``u8`` or ``s8`` for 8 bits."""
        return f"{'s' if self.signed else 'u'}{self.bits}"

    @property
    def image(self) -> ActivationScheme:
        """At 8 bits."""
        return PowerOfTwo(8, self.signed)

    def beta(self, done: float) -> float | None:
        """Return None: nothing is annealed."""
        return None

    def calibrate(self, values: Tensor) -> tuple[float, float, float]:
        """Choose the power of two with the least squared error on sampled values.

        Parameters
        ----------
        values : Tensor, shape (n,), float32
            A sample of the layer's input on training crops.

        Returns
        -------
        scale : float
            A power of two.
        lowest, highest : int
            Range of the codes; a value is ``code * scale``.
        """
        signed = self.signed or bool((values < 0).any())
        lowest, highest = (
            (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if signed else (0, 2**self.bits - 1)
        )
        return best_scale(values, lowest, highest), lowest, highest


def best_scale(values: Tensor, lowest: float, highest: float) -> float:
    """Give the power of two with the least squared error; 1 where all values are as good as zero.

    Parameters
    ----------
    values : Tensor, shape (n,), float32
        A sample of a layer's input.
    lowest, highest : float
        Range of the codes; -1/2 to 1/2 are the two codes of one bit with a sign.
    """
    largest = float(values.abs().max()) if values.numel() else 0.0
    if largest < SMALLEST:
        return 1.0
    fits = math.ceil(math.log2(largest / highest))
    tried = 6 if highest > 100 else 12  # the fewer codes, the more it may pay to clip
    sample = values.double()
    errors = {
        exponent: float(
            (quantize_codes(sample, 2.0**exponent, lowest, highest) - sample).square().sum()
        )
        for exponent in range(fits, fits - tried, -1)
    }
    return 2.0 ** min(errors, key=lambda exponent: errors[exponent])


def quantize_codes(values: Tensor, scale: float | Tensor, lowest: float, highest: float) -> Tensor:
    """Round values to ``code * scale``, ties to even, saturating; -1/2 to 1/2 is by the sign."""
    if (lowest, highest) == SIGN:
        return torch.where(values < 0, -0.5 * scale, 0.5 * scale).to(values.dtype)
    return torch.clamp(torch.round(values / scale), lowest, highest) * scale


class InputQuantizer(nn.Module):
    """Quantizes the input of one convolution; off until it is calibrated.

    Buffers ``scale`` (float32, a power of two), ``lowest`` and ``highest`` (float32, whole
    numbers, or ``SIGN``) are in the state dict; ``highest <= lowest`` means off. While ``beta`` is
    set, the codes -1, 0 and 1 are soft in training: see :class:`~.coarse.TernaryTanh`.
    """

    scale: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("lowest", torch.zeros(()))
        self.register_buffer("highest", torch.zeros(()))
        self.recorded: list[Tensor] | None = None
        self.beta: float | None = None
        self._range: tuple[float, float, float] | None = None

    def set(self, scale: float, lowest: float, highest: float) -> None:
        """Switch on with a scale and a range of codes."""
        self.scale.fill_(scale)
        self.lowest.fill_(lowest)
        self.highest.fill_(highest)
        self.refresh()

    def refresh(self) -> None:
        """Read the buffers again, after a state dict was loaded."""
        on = float(self.highest) > float(self.lowest)
        codes = (float(self.scale), float(self.lowest), float(self.highest))
        self._range = codes if on else None

    @property
    def enabled(self) -> bool:
        """Whether values are quantized."""
        return self._range is not None

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.refresh()

    def forward(self, values: Tensor) -> Tensor:
        """Fake-quantize, with the straight-through gradient inside the range and none outside."""
        if self.recorded is not None:
            self.recorded.append(_sample(values.detach()))
        if self._range is None:
            return values
        scale, lowest, highest = self._range
        if (lowest, highest) == SIGN:
            return signs(values, scale)
        if self.beta is not None and self.training and (lowest, highest) == (-1, 1):
            return ternary_tanh(values / scale, self.beta) * scale
        return torch.fake_quantize_per_tensor_affine(values, scale, 0, int(lowest), int(highest))


def ternary_tanh(values: Tensor, beta: float) -> Tensor:
    """``(tanh(2 beta x - beta) + tanh(2 beta x + beta)) / 2``: a staircase of -1, 0 and 1, soft."""
    return (torch.tanh(2 * beta * values - beta) + torch.tanh(2 * beta * values + beta)) / 2


def signs(values: Tensor, scale: float) -> Tensor:
    """Give ``+-scale / 2`` by the sign, zero as positive; gradient where ``|x| <= scale``."""
    return through(values.clamp(-scale, scale), quantize_codes(values.detach(), scale, *SIGN))


def _sample(values: Tensor, count: int = SAMPLES_PER_LAYER // 8) -> Tensor:
    """Take values of a layer at an even step, so that the choice is reproducible; on the CPU."""
    flat = values.reshape(-1)
    return flat[:: max(1, flat.numel() // count)].clone().cpu()
