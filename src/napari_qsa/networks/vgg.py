"""The encoder of VGG-16 with batch normalisation, which ``dcan`` and ``multichannel`` stand on."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.networks.blocks import ConvBNReLU

CONVOLUTIONS = (2, 2, 3, 3, 3)
"""3x3 convolutions of each stage (Simonyan and Zisserman 2015, table 1, D)."""

WIDTHS = (1, 2, 4, 8, 8)
"""Width of each stage over that of the first, which is 64 as published."""


class Stages(nn.ModuleList):
    """Stages of 3x3 convolutions with a 2x2 maximum before each but the first.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the first stage.
    deepest : int
        Adds a stage of two convolutions and so many times the width; none if 0. It stands for
        the convolutions that took the place of VGG's fully connected layers.
    """

    def __init__(self, in_channels: int, width: int, deepest: int = 0) -> None:
        counts = CONVOLUTIONS + ((2,) if deepest else ())
        self.widths = tuple(width * w for w in WIDTHS + ((deepest,) if deepest else ()))
        stages = []
        before = in_channels
        for count, after in zip(counts, self.widths, strict=True):
            layers = [ConvBNReLU(after if n else before, after) for n in range(count)]
            stages.append(nn.Sequential(*layers))
            before = after
        super().__init__(stages)

    def scales(self, image: Tensor) -> list[Tensor]:
        """Give the features of all stages for an (N, C, H, W) batch: stride 1, 2, 4 and on."""
        found: list[Tensor] = []
        features = image
        for level, stage in enumerate(self):
            features = stage(F.max_pool2d(features, 2) if level else features)
            found.append(features)
        return found
