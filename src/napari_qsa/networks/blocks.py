"""The blocks the networks share: convolution, batch normalisation, ReLU; resizing."""

from __future__ import annotations

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


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Enlarge feature maps bilinearly by a whole factor, (N, C, H, W) to (N, C, fH, fW)."""
    return F.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)


def initialise(network: nn.Module) -> None:
    """He initialisation of every convolution; biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
