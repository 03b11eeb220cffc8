"""``efficient_fcn``: EfficientNet-Lite0 with a top-down path and fusion of all scales."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import ConvBNReLU, enlarge, initialise
from napari_qsa.networks.efficientnet import CHANNELS, EfficientNetLite0
from napari_qsa.networks.output import Output
from napari_qsa.networks.pretrained import load_imagenet


class EfficientFCN(nn.Module):
    """An FCN that fuses all scales, on a pretrained encoder made for integer arithmetic.

    A top-down path refines stride 32 to stride 2. Each of its scales is then brought to stride 2
    and fused there, as the FCN of suggestive annotation fuses its scales at full resolution
    (Yang et al. 2017, figure 2), so that wide lumina and cut glands are seen with their context.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the finest scale; the coarser ones are multiples of it.
    pretrained : bool
        Start the encoder from ImageNet weights (``pretrained`` extra).
    """

    stride = 32
    descriptor_size = CHANNELS[-1]
    first_layers, last_layers = ("encoder.stem.0",), ("head",)

    def __init__(self, in_channels: int = 3, width: int = 32, pretrained: bool = False) -> None:
        super().__init__()
        if width < 2:
            raise QsaError(f"efficient_fcn needs a width of at least 2, not {width}.")
        half = width // 2
        widths = (width, width + half, 2 * width, 3 * width, 3 * width)
        self.top = nn.ModuleList()
        self.lateral = nn.ModuleList()
        self.context = ConvBNReLU(CHANNELS[4], widths[4], 3)
        for scale in range(3, -1, -1):
            channels = widths[scale + 1] + CHANNELS[scale]
            self.top.append(ConvBNReLU(channels, widths[scale], 3))
        for scale in range(4, 0, -1):
            self.lateral.append(ConvBNReLU(widths[scale], half, 1))
        self.fuse = ConvBNReLU(width + 4 * half, width, 3)
        self.head = nn.Conv2d(width, 2, 1)
        initialise(self)
        self.encoder = EfficientNetLite0(in_channels)
        initialise(self.encoder)
        if pretrained:
            load_imagenet(self.encoder)

    def forward(self, image: Tensor) -> Output:
        """Segment a batch (N, C, H, W); H and W are multiples of ``stride``."""
        scales = self.encoder(image)
        features = self.context(scales[-1])
        refined = [features]
        for convolution, skip in zip(self.top, scales[-2::-1], strict=True):
            features = convolution(torch.cat([enlarge(features, 2), skip], dim=1))
            refined.append(features)
        fused = [features]
        for level, (convolution, coarse) in enumerate(zip(self.lateral, refined[:-1], strict=True)):
            fused.append(enlarge(convolution(coarse), 2 ** (4 - level)))
        logits = enlarge(self.head(self.fuse(torch.cat(fused, dim=1))), 2)
        return Output(logits, scales[-1].mean(dim=(2, 3)))
