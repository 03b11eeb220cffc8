"""The fully convolutional networks, plain torch modules, by name."""

from napari_qsa.networks.output import Output
from napari_qsa.networks.registry import NETWORKS, build_network

__all__ = ["NETWORKS", "Output", "build_network"]
