"""Weight and activation schemes behind two small protocols; packing."""

from napari_qsa.quantization.activations import InputQuantizer
from napari_qsa.quantization.incremental import IncrementalQuantizer
from napari_qsa.quantization.modules import (
    ChannelAffine,
    QuantizedConv2d,
    calibrate_activations,
    convolutions,
    freeze,
    prepare,
)
from napari_qsa.quantization.registry import (
    ACTIVATION_SCHEMES,
    WEIGHT_SCHEMES,
    activation_scheme,
    weight_scheme,
)

__all__ = [
    "ACTIVATION_SCHEMES",
    "WEIGHT_SCHEMES",
    "ChannelAffine",
    "IncrementalQuantizer",
    "InputQuantizer",
    "QuantizedConv2d",
    "activation_scheme",
    "calibrate_activations",
    "convolutions",
    "freeze",
    "prepare",
    "weight_scheme",
]
