"""``suggestive_fcn``: the FCN of suggestive annotation (Yang et al., MICCAI 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import PreActivation, TransposedConv, begin_small, initialise
from napari_qsa.networks.output import Output

SCALES = (1, 1, 2, 4, 4, 4)
"""Width of each scale over that of the first: 256, 256, 512, 1024, 1024, 1024 as published."""


class Bottleneck(nn.Module):
    """1x1 to N, 3x3, 1x1 to 4N feature maps, each after batch normalisation and ReLU.

    The shortcut is a 1x1 convolution where the widths differ (He et al. 2016, *Identity
    mappings*). It takes what has been normalised, as the first 1x1 does.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.normalise = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        self.narrow = nn.Conv2d(in_channels, width, 1, bias=False)
        self.filter = PreActivation(width, width, 3)
        self.widen = PreActivation(width, 4 * width, 1)
        self.shortcut = (
            nn.Conv2d(in_channels, 4 * width, 1, bias=False) if in_channels != 4 * width else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 4 * width, H, W)."""
        normalised = self.normalise(features)
        if self.shortcut is not None:
            features = self.shortcut(normalised)
        out: Tensor = self.widen(self.filter(self.narrow(normalised)))
        return features + out


class SuggestiveFCN(nn.Module):
    """The FCN whose ensembles say what to annotate (Yang et al. 2017, section 2.1, figure 2).

    Six scales, the first of two 3x3 convolutions, the others of two bottlenecks each, with a 2x2
    maximum before each of these five. Every scale goes up to full resolution by transposed
    convolutions of its own; all are put together there, and a 3x3 and a 1x1 convolution decide.
    The descriptor is the spatial mean of the last scale, 1024 values at the published width.

    Where the paper is silent or this departs from it: the first convolution sees the image itself,
    since a ReLU before it would lose half of what is normalised; the transposed convolutions double
    the size, stride and kernel 2, and have ``width`` feature maps; two sigmoids (gland, separator)
    take the place of the softmax.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        N: feature maps inside the bottlenecks of the first scales; 64 as published.
    """

    stride = 32

    def __init__(self, in_channels: int = 3, width: int = 8) -> None:
        super().__init__()
        if width < 1:
            raise QsaError(f"suggestive_fcn needs a width of at least 1, not {width}.")
        self.widths = tuple(4 * width * scale for scale in SCALES)
        self.descriptor_size = self.widths[-1]
        first = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            PreActivation(width, self.widths[0], 3),
        )
        self.scales = nn.ModuleList([first])
        for before, after in zip(self.widths, self.widths[1:], strict=False):
            self.scales.append(
                nn.Sequential(Bottleneck(before, after // 4), Bottleneck(after, after // 4))
            )
        self.up = nn.ModuleList(
            _to_full_resolution(channels, width, times)
            for times, channels in enumerate(self.widths[1:], start=1)
        )
        self.fuse = PreActivation(self.widths[0] + 5 * width, width, 3)
        self.normalise = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.head = nn.Conv2d(width, 2, 1)
        initialise(self)
        begin_small(self.head)

    def forward(self, image: Tensor) -> Output:
        """Segment a batch (N, C, H, W); H and W are multiples of ``stride``."""
        features = self.scales[0](image)
        fused = [features]
        for convolutions, up in zip(self.scales[1:], self.up, strict=True):
            features = convolutions(F.max_pool2d(features, 2))
            fused.append(up(features))
        logits = self.head(self.normalise(self.fuse(torch.cat(fused, dim=1))))
        return Output(logits, features.mean(dim=(2, 3)))


def _to_full_resolution(channels: int, width: int, times: int) -> nn.Sequential:
    """Make transposed convolutions that double the size so many times, each pre-activated."""
    layers: list[nn.Module] = []
    for step in range(times):
        before = width if step else channels
        layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True), TransposedConv(before, width)]
    return nn.Sequential(*layers)
