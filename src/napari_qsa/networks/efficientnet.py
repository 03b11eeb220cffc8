"""The encoder of EfficientNet-Lite0: no squeeze-and-excitation, ReLU6, made for integers.

Tan and Le, *EfficientNet*, ICML 2019; the Lite variants are theirs too (TensorFlow TPU models,
2020). Module names follow this project; :mod:`.pretrained` maps the published weights onto them.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class _Stage(NamedTuple):
    expansion: int
    kernel: int
    stride: int
    channels: int
    repeats: int


_STAGES = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)
_LAST_BLOCK_OF_STRIDE = (0, 2, 4, 10, 15)
"""Index of the last block that works at stride 2, 4, 8, 16 and 32."""

CHANNELS = (16, 24, 40, 112, 320)
"""Feature maps at stride 2, 4, 8, 16 and 32."""


def _conv_bn(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=(kernel - 1) // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03),
    ]


class InvertedBottleneck(nn.Module):
    """Expand by 1x1, filter depthwise, project by 1x1; a residual sum where shapes agree."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*_conv_bn(in_channels, hidden, 1), nn.ReLU6(inplace=True)]
        layers += [*_conv_bn(hidden, hidden, kernel, stride, groups=hidden), nn.ReLU6(inplace=True)]
        layers += _conv_bn(hidden, out_channels, 1)
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        out: Tensor = self.layers(features)
        return features + out if self.residual else out


class EfficientNetLite0(nn.Module):
    """The convolutional part of EfficientNet-Lite0, without its classifier.

    Parameters
    ----------
    in_channels : int
        Channels of the image.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.stem = nn.Sequential(*_conv_bn(in_channels, 32, 3, stride=2), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        channels = 32
        for stage in _STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(
                    InvertedBottleneck(
                        channels, stage.channels, stage.expansion, stage.kernel, stride
                    )
                )
                channels = stage.channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features at stride 2, 4, 8, 16 and 32 of an (N, C, H, W) batch."""
        features = self.stem(image)
        scales: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in _LAST_BLOCK_OF_STRIDE:
                scales.append(features)
        return scales
