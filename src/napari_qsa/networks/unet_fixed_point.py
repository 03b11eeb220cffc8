"""``unet_fixed_point``: the U-Net of the fixed-point paper (AskariHemmat et al. 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import begin_small, enlarge, initialise
from napari_qsa.networks.output import Output


def _block(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(out_channels),
    ]


def _double(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(*_block(in_channels, out_channels), *_block(out_channels, out_channels))


class UNetFixedPoint(nn.Module):
    """A U-Net whose blocks are convolution, ReLU, batch normalisation, quantizer, in this order.

    AskariHemmat et al. 2019, section 3 and figure 1: 64, 128 and 256 feature maps, 256 at the
    bottom, no dropout. The quantizer is the one of the next convolution's input. So activations
    are signed, and the normalisation cannot be folded into the convolution before it.

    In the paper the first block and the last convolution stay float; ``kept_in_float`` names them,
    for training options that are to do so (``layers={"paper": "float/float"}``).

    Where this departs: the enlargement is bilinear about the centres of pixels, since one about the
    corners would differ from tile to tile; and there is a separator beside the gland.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the first scale; 64 as published.
    """

    stride = 8
    kept_in_float = ("down.0.*", "head")

    def __init__(self, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise QsaError(f"unet_fixed_point needs a width of at least 1, not {width}.")
        widths = (width, 2 * width, 4 * width, 4 * width)
        self.descriptor_size = widths[-1]
        self.down = nn.ModuleList(
            _double(before, after)
            for before, after in zip((in_channels, *widths[:-1]), widths, strict=True)
        )
        self.up = nn.ModuleList(
            _double(widths[scale + 1] + widths[scale], widths[scale]) for scale in (2, 1, 0)
        )
        self.head = nn.Conv2d(width, 2, 3, padding=1)
        initialise(self)
        begin_small(self.head)

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
