"""Networks rewritten so that an inference runtime computes them on integers.

The values stay what they are; only the form changes. A runtime that reads a traced graph (OpenVINO,
also through ONNX) sees in a `QuantizedConv2d` a convolution with float weights, and runs it in
float. Here each weight is a constant of int8 codes times a power of two, and the rounding of each
input happens where nothing has been added to it. Both matter for equality, not only for speed; see
``benchmarks/README.md``.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from napari_qsa.quantization import QuantizedConv2d


class IntegerConv2d(nn.Module):
    """A `QuantizedConv2d` whose weight is int8 codes times a power of two.

    Parameters
    ----------
    layer
        Its weights are whole multiples of a power of two, -128 to 127 of them, and its input is
        quantized to 8 bits.

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
        if (self.lowest, self.highest) not in ((0, 255), (-128, 127)):
            raise ValueError("the input is not quantized to 8 bits")
        self.grid = power_of_two_grid(layer.weight)
        codes = layer.weight.detach() / self.grid
        if not (codes.min() >= -128 and codes.max() <= 127):
            raise ValueError("the weights do not fit int8")
        self.layer = layer
        self.register_buffer("codes", codes.to(torch.int8))

    def forward(self, values: Tensor) -> Tensor:
        """Convolve the quantized input, as the layer does."""
        if self.lowest < 0:
            # A runtime adds 128 to make signed codes unsigned, and only then rounds: what is almost
            # half between two codes would come out on the other side. Rounded values are safe.
            values = torch.round(values * (1 / self.scale)) * self.scale
        values = torch.fake_quantize_per_tensor_affine(
            values, self.scale, 0, self.lowest, self.highest
        )
        convolved: Tensor = self.layer._conv_forward(values, self.weight(), self.layer.bias)
        return convolved

    def weight(self) -> Tensor:
        """Give the layer's weights, from their codes."""
        return self.codes.float() * self.grid


def for_integers(network: nn.Module) -> nn.Module:
    """Copy a frozen network, on the CPU, with every layer that can in the form of integers.

    Layers without quantized inputs, and those whose weights do not fit int8 (INQ of more than 4
    bits, float), stay as they are.
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
