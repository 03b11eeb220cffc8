"""Activation schemes: 8 bits with a power-of-two scale for each layer's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

SAMPLES_PER_LAYER = 200_000
"""Values kept of each layer for calibration."""


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

    def calibrate(self, values: Tensor) -> tuple[float, int, int]:
        """Fit to sampled values of one layer's input: (scale, lowest code, highest code)."""
        ...


@dataclass(frozen=True)
class FloatActivations:
    """No quantization."""

    name: str = "float"
    bits: int = 32
    quantizes: bool = False

    def calibrate(self, values: Tensor) -> tuple[float, int, int]:
        """Return a scale of 1 and an empty range."""
        return 1.0, 0, 0


@dataclass(frozen=True)
class PowerOfTwo:
    """Uniform codes with a power-of-two scale, fitted by least squared error.

    Parameters
    ----------
    bits : int
        Bits of a code.
    signed : bool
        Signed codes everywhere (``s8``); else unsigned ones where the layer's input is never
        negative, that is after a ReLU, and signed ones elsewhere (``u8``).
    """

    bits: int = 8
    signed: bool = False
    quantizes: bool = True

    @property
    def name(self) -> str:
        """``u8`` or ``s8`` for 8 bits."""
        return f"{'s' if self.signed else 'u'}{self.bits}"

    def calibrate(self, values: Tensor) -> tuple[float, int, int]:
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
        largest = float(values.abs().max()) if values.numel() else 0.0
        if largest == 0.0:
            return 1.0, lowest, highest
        fits = round(float(torch.log2(torch.tensor(largest / highest)).ceil()))
        sample = values.double()
        errors = {
            exponent: float(
                (quantize_codes(sample, 2.0**exponent, lowest, highest) - sample).square().sum()
            )
            for exponent in range(fits, fits - 6, -1)
        }
        best = min(errors, key=lambda exponent: errors[exponent])
        return 2.0**best, lowest, highest


def quantize_codes(values: Tensor, scale: float | Tensor, lowest: int, highest: int) -> Tensor:
    """Round values to ``code * scale``, ties to even, saturating."""
    return torch.clamp(torch.round(values / scale), lowest, highest) * scale


class InputQuantizer(nn.Module):
    """Quantizes the input of one convolution; off until it is calibrated.

    Buffers ``scale`` (float32, a power of two), ``lowest`` and ``highest`` (float32, whole
    numbers) are in the state dict; ``highest <= lowest`` means off.
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
        self._range: tuple[float, int, int] | None = None

    def set(self, scale: float, lowest: int, highest: int) -> None:
        """Switch on with a scale and a range of codes."""
        self.scale.fill_(scale)
        self.lowest.fill_(lowest)
        self.highest.fill_(highest)
        self.refresh()

    def refresh(self) -> None:
        """Read the buffers again, after a state dict was loaded."""
        on = float(self.highest) > float(self.lowest)
        codes = (float(self.scale), int(self.lowest), int(self.highest))
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
        return torch.fake_quantize_per_tensor_affine(values, scale, 0, lowest, highest)


def _sample(values: Tensor, count: int = SAMPLES_PER_LAYER // 8) -> Tensor:
    """Take values of a layer at an even step, so that the choice is reproducible; on the CPU."""
    flat = values.reshape(-1)
    return flat[:: max(1, flat.numel() // count)].clone().cpu()
