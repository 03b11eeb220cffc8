"""Schemes by name, as on the command line and in the ensemble file."""

from __future__ import annotations

from napari_qsa.errors import QsaError
from napari_qsa.quantization.activations import ActivationScheme, FloatActivations, PowerOfTwo
from napari_qsa.quantization.inq import INQ, inq_portions
from napari_qsa.quantization.weights import FloatWeights, WeightScheme

WEIGHT_SCHEMES: dict[str, WeightScheme] = {
    scheme.name: scheme
    for scheme in (
        FloatWeights(),
        FloatWeights("float-restarts", inq_portions(4)),
        INQ(4),
        INQ(5),
        INQ(7),
    )
}
ACTIVATION_SCHEMES: dict[str, ActivationScheme] = {
    scheme.name: scheme
    for scheme in (FloatActivations(), PowerOfTwo(8), PowerOfTwo(8, signed=True))
}


def weight_scheme(name: str) -> WeightScheme:
    """Return a weight scheme by name; QsaError if there is none."""
    if name not in WEIGHT_SCHEMES:
        known = ", ".join(WEIGHT_SCHEMES)
        raise QsaError(f"There is no weight scheme {name!r}; choose one of {known}.")
    return WEIGHT_SCHEMES[name]


def activation_scheme(name: str) -> ActivationScheme:
    """Return an activation scheme by name; QsaError if there is none."""
    if name not in ACTIVATION_SCHEMES:
        known = ", ".join(ACTIVATION_SCHEMES)
        raise QsaError(f"There is no activation scheme {name!r}; choose one of {known}.")
    return ACTIVATION_SCHEMES[name]
