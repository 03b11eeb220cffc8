"""Schemes by name, as on the command line and in the ensemble file."""

from __future__ import annotations

import re

from napari_qsa.errors import QsaError
from napari_qsa.quantization.activations import ActivationScheme, FloatActivations, PowerOfTwo
from napari_qsa.quantization.coarse import Binary, FixedPointActivations, TernaryTanh
from napari_qsa.quantization.dorefa import DoReFa
from napari_qsa.quantization.fixed_point import FixedPoint, PublishedFixedPoint
from napari_qsa.quantization.inq import INQ, inq_portions
from napari_qsa.quantization.ternary import TWN
from napari_qsa.quantization.weights import FloatWeights, WeightScheme

_INQ_BITS = range(2, 9)
_FIXED_POINT = re.compile(r"(q|qpaper)([0-9]{1,2})\.([0-9]{1,2})")

_weights: tuple[WeightScheme, ...] = (
    FloatWeights(),
    FloatWeights("float-restarts", inq_portions(4)),
    *(FloatWeights(f"float-restarts{bits}", inq_portions(bits)) for bits in _INQ_BITS),
    *(INQ(bits) for bits in _INQ_BITS),
    TWN(),
    *(DoReFa(bits) for bits in range(1, 9)),
    *(FixedPoint(0, fraction) for fraction in (2, 4, 7, 8)),
    PublishedFixedPoint(0, 4),
)
_activations: tuple[ActivationScheme, ...] = (
    FloatActivations(),
    *(PowerOfTwo(bits) for bits in range(8, 1, -1)),
    *(PowerOfTwo(bits, signed=True) for bits in range(8, 1, -1)),
    *(FixedPointActivations(*bits) for bits in ((8, 8), (6, 0), (4, 4), (4, 0))),
    TernaryTanh(),
    Binary(),
)

WEIGHT_SCHEMES: dict[str, WeightScheme] = {scheme.name: scheme for scheme in _weights}
"""Those with a name of their own; of fixed point there are more, see :func:`weight_scheme`."""

ACTIVATION_SCHEMES: dict[str, ActivationScheme] = {scheme.name: scheme for scheme in _activations}
"""Those with a name of their own; of fixed point there are more, see :func:`activation_scheme`."""


def weight_scheme(name: str) -> WeightScheme:
    """Return a weight scheme by name; any ``q<i>.<f>`` and ``qpaper<i>.<f>`` is one.

    Raises
    ------
    QsaError
        If there is none.
    """
    if (scheme := WEIGHT_SCHEMES.get(name)) is not None:
        return scheme
    if (match := _FIXED_POINT.fullmatch(name)) is not None:
        kind = FixedPoint if match[1] == "q" else PublishedFixedPoint
        return kind(int(match[2]), int(match[3]))
    raise QsaError(
        f"There is no weight scheme {name!r}; choose one of {', '.join(WEIGHT_SCHEMES)}, "
        "or another q<i>.<f> or qpaper<i>.<f>."
    )


def activation_scheme(name: str) -> ActivationScheme:
    """Return an activation scheme by name; any ``q<i>.<f>`` is one.

    Raises
    ------
    QsaError
        If there is none.
    """
    if (scheme := ACTIVATION_SCHEMES.get(name)) is not None:
        return scheme
    match = _FIXED_POINT.fullmatch(name)
    if match is not None and match[1] == "q":
        return FixedPointActivations(int(match[2]), int(match[3]))
    raise QsaError(
        f"There is no activation scheme {name!r}; choose one of {', '.join(ACTIVATION_SCHEMES)}, "
        "or another q<i>.<f>."
    )
