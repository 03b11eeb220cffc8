"""Weight and activation schemes behind two small protocols; packing."""

from napari_qsa.quantization.activations import InputQuantizer
from napari_qsa.quantization.incremental import IncrementalQuantizer
from napari_qsa.quantization.layers import WeightQuantizer, exceptions_of, quantizer_of, with_names
from napari_qsa.quantization.modules import (
    ChannelAffine,
    QuantizedConv2d,
    anneal_activations,
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
from napari_qsa.quantization.straight_through import StraightThroughQuantizer

__all__ = [
    "ACTIVATION_SCHEMES",
    "WEIGHT_SCHEMES",
    "ChannelAffine",
    "IncrementalQuantizer",
    "InputQuantizer",
    "QuantizedConv2d",
    "StraightThroughQuantizer",
    "WeightQuantizer",
    "activation_scheme",
    "anneal_activations",
    "calibrate_activations",
    "convolutions",
    "exceptions_of",
    "freeze",
    "prepare",
    "quantizer_of",
    "weight_scheme",
    "with_names",
]
