"""``dcan``: the deep contour-aware network (Chen et al., CVPR 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.blocks import ConvBNReLU, TransposedConv, initialise
from napari_qsa.networks.output import Output, Side
from napari_qsa.networks.vgg import Stages

_LEVELS = {3: 8, 4: 16, 5: 32}
"""Stage and stride of the three levels that are brought to full resolution."""


class _UpPath(nn.Module):
    """One task at one level: to `width` feature maps, then one score at full resolution."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.narrow = ConvBNReLU(in_channels, width, 1)
        self.up = TransposedConv(width, 1, stride, 3, bias=True)
        initialise(self)
        begin_bilinear(self.up)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 1, stride * H, stride * W)."""
        score: Tensor = self.up(self.narrow(features))
        return score


class DCAN(nn.Module):
    """Gland and contour by two branches from three levels, with auxiliary classifiers.

    Chen et al. 2016, section 3 and figure 3: a down-sampling path of VGG's kind, and for each of
    the two tasks an up-sampling path from stride 8, 16 and 32. The scores of the three levels are
    summed; each level is also trained alone (the auxiliary classifiers C1 to C3), with a weight
    that falls from 1 to .001 (section 3.1, equation 1).

    Where this departs: the contour branch learns the *separator* between touching glands, not
    every contour, for that is what the rules for objects take; it is trained by this project's
    loss, and not fused by the paper's threshold rule (equation 3). The encoder has batch
    normalisation and starts at random, not from PASCAL VOC. Transposed convolutions are in the form
    of convolutions, with kernels of 3 strides, which begin as bilinear enlargements.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    width : int
        Feature maps of the first stage; 64 as published.
    """

    stride = 32
    last_layers = ("gland.*.up.convolution", "contour.*.up.convolution")

    def __init__(self, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise QsaError(f"dcan needs a width of at least 1, not {width}.")
        self.down = Stages(in_channels, width, deepest=16)
        initialise(self.down)
        self.descriptor_size = self.down.widths[-1]
        self.gland, self.contour = (
            nn.ModuleList(
                _UpPath(self.down.widths[stage], width, stride) for stage, stride in _LEVELS.items()
            )
            for _ in range(2)
        )

    def forward(self, image: Tensor) -> Output:
        """Segment a batch (N, C, H, W); H and W are multiples of ``stride``."""
        return self.with_sides(image)[0]

    def with_sides(self, image: Tensor) -> tuple[Output, tuple[Side, ...]]:
        """Do what the forward pass does, and give the scores of each level too."""
        scales = self.down.scales(image)
        levels = [
            torch.cat([gland(scales[stage]), contour(scales[stage])], dim=1)
            for stage, gland, contour in zip(_LEVELS, self.gland, self.contour, strict=True)
        ]
        output = Output(levels[0] + levels[1] + levels[2], scales[-1].mean(dim=(2, 3)))
        return output, tuple(Side(logits, "maps", fades=True) for logits in levels)


@torch.no_grad()
def begin_bilinear(layer: TransposedConv) -> None:
    """Make a layer of one map out and a kernel of 3 enlarge a random sum of its maps bilinearly.

    As in Long et al. 2015, section 3.3. Only at the border of the image it differs from a bilinear
    enlargement: there, zeros are beyond.
    """
    factor, weight = layer.factor, layer.convolution.weight
    if weight.is_meta:
        return
    places = (torch.arange(factor) + 0.5) / factor - 0.5  # of the new pixels about the old one
    shares = (1 - (places[:, None] - torch.arange(-1, 2)).abs()).clamp_min(0)
    kernels = shares[:, None, :, None] * shares[None, :, None, :]  # (f, f, 3, 3)
    mixture = torch.randn(weight.shape[1]) / weight.shape[1] ** 0.5
    weight.copy_((kernels[:, :, None] * mixture[:, None, None]).flatten(0, 1))
