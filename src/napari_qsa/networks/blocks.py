"""The blocks the networks share: convolution, batch normalisation, ReLU; enlarging."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class ConvBNReLU(nn.Sequential):
    """Convolution without bias, batch normalisation, ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of feature maps in and out.
    kernel_size : int
        Side of the kernel; the padding keeps the size.
    dilation : int
        Distance between the kernel's taps, in pixels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel_size // 2)
        super().__init__(
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                padding=padding,
                dilation=dilation,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class PreActivation(nn.Sequential):
    """Batch normalisation, ReLU, convolution without bias.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of feature maps in and out.
    kernel_size : int
        Side of the kernel; the padding keeps the size.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        )


class TransposedConv(nn.Module):
    """A transposed convolution in the form of a convolution.

    The values of ``factor ** 2`` times as many feature maps are put side by side (Shi et al. 2016,
    section 2.2). A kernel of 1 is a transposed convolution of kernel and stride `factor`, one of
    3 has a kernel of ``3 * factor`` there. Only this form has weights and inputs that the schemes
    of quantization and the integer kernels of a runtime know.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of feature maps in and out.
    factor : int
        How many times larger the features come out.
    kernel_size : int
        1 or 3, see above.
    bias : bool
        Whether there is one, for each of the ``factor ** 2`` places.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        factor: int = 2,
        kernel_size: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.factor = factor
        self.convolution = nn.Conv2d(
            in_channels,
            out_channels * factor**2,
            kernel_size,
            padding=kernel_size // 2,
            bias=bias,
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', fH, fW)."""
        return F.pixel_shuffle(self.convolution(features), self.factor)


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Enlarge feature maps bilinearly by a whole factor, (N, C, H, W) to (N, C, fH, fW)."""
    return F.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)


def initialise(network: nn.Module) -> None:
    """He initialisation of every convolution; biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _draw(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def begin_small(*layers: nn.Module) -> None:
    """Let convolutions that give scores begin with scores of about one, whatever their width."""
    for layer in layers:
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                _draw(module.weight, nonlinearity="linear")


def _draw(weight: Tensor, **how: Any) -> None:
    if not weight.is_meta:  # where there are no values, torch would load its compiler to draw them
        nn.init.kaiming_normal_(weight, **how)
