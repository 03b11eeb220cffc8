"""``multichannel``: region, edge and location channels, fused (Xu et al. 2016 and 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import ConvBNReLU, begin_small, enlarge, initialise
from napari_qsa.networks.output import Output, Side
from napari_qsa.networks.vgg import Stages

_REGION = (2, 3, 4)
_LOCATION = (3, 4)
_DILATIONS = (1, 2, 4)


class Multichannel(nn.Module):
    """Three channels from one encoder, each with a loss of its own, and a network that fuses them.

    After Xu et al., *Gland instance segmentation using deep multichannel neural networks* (IEEE
    TBME 2017, section II), and of two channels their MICCAI 2016 paper:

    - *region*: scores of the gland at stride 4, 8 and 16, summed (FCN; theirs is at stride 32);
    - *edge*: a score at every scale and their weighted sum, all supervised (HED);
    - *location*: where single glands are;
    - *fusion*: convolutions of growing dilation on the three probabilities, and on nothing else.

    Where this departs: the papers train a VGG-16 for each channel and then the fusion; here one
    encoder serves the three, all is trained at once and starts at random. Their location channel
    counts the boxes of an object detector (Faster R-CNN) over each pixel. Here it is a map of
    *cores*, the pixels well inside of one gland, which needs labels only. Edges are those of glands
    and of separators. The fusion gives gland and separator.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the first stage and of the fusion; 64 in VGG-16.
    """

    stride = 16

    def __init__(self, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise QsaError(f"multichannel needs a width of at least 1, not {width}.")
        self.down = Stages(in_channels, width)
        widths = self.down.widths
        self.descriptor_size = widths[-1]
        self.region = nn.ModuleList(nn.Conv2d(widths[stage], 1, 1) for stage in _REGION)
        self.edge = nn.ModuleList(nn.Conv2d(channels, 1, 1) for channels in widths)
        self.edge_fuse = nn.Conv2d(len(widths), 1, 1)
        scores = [
            nn.Sequential(ConvBNReLU(widths[stage], width), nn.Conv2d(width, 1, 1))
            for stage in _LOCATION
        ]
        self.location = nn.ModuleList(scores)
        self.fusion = nn.Sequential(
            *(ConvBNReLU(width if n else 3, width, 3, d) for n, d in enumerate(_DILATIONS))
        )
        self.head = nn.Conv2d(width, 2, 1)
        initialise(self)
        begin_small(self.region, self.edge, *(layers[1] for layers in scores), self.head)
        nn.init.constant_(self.edge_fuse.weight, 1 / len(widths))  # as HED begins

    def forward(self, image: Tensor) -> Output:
        """Segment a batch (N, C, H, W); H and W are multiples of ``stride``."""
        return self.with_sides(image)[0]

    def with_sides(self, image: Tensor) -> tuple[Output, tuple[Side, ...]]:
        """Do what the forward pass does, and give the channels and the edges of each scale too."""
        scales = self.down.scales(image)
        region = _summed(self.region, [scales[stage] for stage in _REGION], _REGION)
        location = _summed(self.location, [scales[stage] for stage in _LOCATION], _LOCATION)
        edges = [
            _enlarged(score(features), level)
            for level, (score, features) in enumerate(zip(self.edge, scales, strict=True))
        ]
        edge = self.edge_fuse(torch.cat(edges, dim=1))
        channels = torch.cat([region, edge, location], dim=1)
        logits = self.head(self.fusion(torch.sigmoid(channels)))
        sides = (
            Side(region, "gland"),
            Side(edge, "edge"),
            Side(location, "core"),
            *(Side(score, "edge", 1 / len(edges)) for score in edges),
        )
        return Output(logits, scales[-1].mean(dim=(2, 3))), sides


def _enlarged(score: Tensor, level: int) -> Tensor:
    return enlarge(score, 2**level) if level else score


def _summed(heads: nn.ModuleList, scales: list[Tensor], levels: tuple[int, ...]) -> Tensor:
    """Sum scores of several scales at full resolution, (N, 1, H, W)."""
    scores = [
        _enlarged(head(features), level)
        for head, features, level in zip(heads, scales, levels, strict=True)
    ]
    return torch.stack(scores).sum(dim=0)
