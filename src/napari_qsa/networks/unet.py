"""``unet``: a plain U-Net of convolution, batch normalisation and ReLU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import ConvBNReLU, enlarge, initialise
from napari_qsa.networks.output import Output


def _double(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        ConvBNReLU(in_channels, out_channels), ConvBNReLU(out_channels, out_channels)
    )


class UNet(nn.Module):
    """The U-Net of Ronneberger et al. (2015) with batch normalisation and padding.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the first scale, doubled at each of the four next.
    """

    stride = 16

    def __init__(self, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise QsaError(f"unet needs a width of at least 1, not {width}.")
        widths = [width * 2**scale for scale in range(5)]
        self.descriptor_size = widths[-1]
        self.down = nn.ModuleList(
            _double(before, after)
            for before, after in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            _double(widths[scale + 1] + widths[scale], widths[scale]) for scale in (3, 2, 1, 0)
        )
        self.head = nn.Conv2d(width, 2, 1)
        initialise(self)

    def forward(self, image: Tensor) -> Output:
        """Segment a batch (N, C, H, W); H and W are multiples of ``stride``."""
        scales: list[Tensor] = []
        features = image
        for level, convolutions in enumerate(self.down):
            features = convolutions(F.max_pool2d(features, 2) if level else features)
            scales.append(features)
        for convolutions, skip in zip(self.up, scales[-2::-1], strict=True):
            features = convolutions(torch.cat([enlarge(features, 2), skip], dim=1))
        return Output(self.head(features), scales[-1].mean(dim=(2, 3)))
