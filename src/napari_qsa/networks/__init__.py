"""The fully convolutional networks, plain torch modules, by name."""

from napari_qsa.networks.output import DeeplySupervised, Output, Side
from napari_qsa.networks.registry import NETWORKS, build_network

__all__ = ["NETWORKS", "DeeplySupervised", "Output", "Side", "build_network"]
