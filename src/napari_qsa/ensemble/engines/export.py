"""Networks rewritten so that an inference runtime computes them on integers.

The values stay what they are; only the form changes. A runtime that reads a traced graph (OpenVINO,
also through ONNX) sees in a `QuantizedConv2d` a convolution with float weights, and runs it in
float. Here each weight is a constant of int8 codes times a power of two, and the rounding of each
input happens where nothing has been added to it. Both matter for equality, not only for speed; see
``benchmarks/README.md``.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from napari_qsa.quantization import QuantizedConv2d
from napari_qsa.quantization.activations import SIGN
from napari_qsa.quantization.grids import find_grid


class IntegerConv2d(nn.Module):
    """A `QuantizedConv2d` whose weight is int8 codes times a step.

    Parameters
    ----------
    layer
        Its weights are whole multiples of one number, -128 to 127 of them, and its input is
        quantized to at most 8 bits.

    Raises
    ------
    ValueError
        If they are not.
    """

    codes: Tensor

    def __init__(self, layer: QuantizedConv2d) -> None:
        super().__init__()
        quantizer = layer.input_quantizer
        self.scale = float(quantizer.scale)
        self.lowest, self.highest = int(quantizer.lowest), int(quantizer.highest)
        self.signs = (float(quantizer.lowest), float(quantizer.highest)) == SIGN
        if self.signs:  # +-1/2 are no codes: take +-1 of half the scale
            self.scale, self.lowest, self.highest = self.scale / 2, -1, 1
        if self.highest <= self.lowest:
            raise ValueError("the input is not quantized")
        if self.lowest < (-128 if self.highest <= 127 else 0) or self.highest > 255:
            raise ValueError("the input is quantized to more than 8 bits")
        self.grid, codes = _int8_codes(layer.weight)
        self.layer = layer
        self.register_buffer("codes", codes)

    def forward(self, values: Tensor) -> Tensor:
        """Convolve the quantized input, as the layer does."""
        lowest, highest = (-128, 127) if self.lowest < 0 else (0, 255)
        if self.signs:
            values = torch.where(values < 0, -self.scale, self.scale)
        elif self.lowest < 0:
            # A runtime adds 128 to make signed codes unsigned, and only then rounds: what is almost
            # half between two codes would come out on the other side. Rounded values are safe.
            values = torch.round(values * (1 / self.scale)) * self.scale
        if not self.signs and (self.lowest, self.highest) != (lowest, highest):
            # It knows 8 bits only; fewer are 8 of which not all occur.
            values = torch.clamp(values, self.lowest * self.scale, self.highest * self.scale)
        values = torch.fake_quantize_per_tensor_affine(values, self.scale, 0, lowest, highest)
        convolved: Tensor = self.layer._conv_forward(values, self.weight(), self.layer.bias)
        return convolved

    def weight(self) -> Tensor:
        """Give the layer's weights, from their codes."""
        return self.codes.float() * self.grid


def _int8_codes(weight: Tensor) -> tuple[float, Tensor]:
    """Give the step and the int8 codes of a weight; ValueError if it has none."""
    values = weight.detach()
    grid = power_of_two_grid(values)
    codes = values / grid
    if not (codes.min() >= -128 and codes.max() <= 127):
        found = find_grid(np.unique(values.cpu().numpy()))
        if found is None or not -128 <= found[1].min() <= found[1].max() <= 127:
            raise ValueError("the weights do not fit int8")
        grid = found[0]
        codes = torch.round(values.double() / grid)
    return grid, codes.to(torch.int8)


def for_integers(network: nn.Module) -> nn.Module:
    """Copy a frozen network, on the CPU, with every layer that can in the form of integers.

    Layers without inputs of at most 8 bits, and those whose weights do not fit int8 (INQ of more
    than 4 bits, 8 bits of DoReFa, float), stay as they are.
    """
    copied = copy.deepcopy(network).cpu().eval()
    for parent in list(copied.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, QuantizedConv2d):
                try:
                    setattr(parent, name, IntegerConv2d(layer))
                except ValueError:
                    continue  # it runs in float
    return copied


def power_of_two_grid(values: Tensor) -> float:
    """Give the largest power of two of which all values are whole multiples; 1 for zeros."""
    mantissa, exponent = torch.frexp(values.detach().double().flatten())
    whole = (mantissa * 2**53).to(torch.int64)
    lowest_bit = (whole & -whole).double() * torch.exp2(exponent.double() - 53)
    lowest_bit = lowest_bit[whole != 0]
    return float(lowest_bit.min()) if lowest_bit.numel() else 1.0
