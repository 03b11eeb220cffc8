"""What each scheme costs, whether it runs on integers, and where it is from."""

from __future__ import annotations

from dataclasses import dataclass

from napari_qsa.quantization.activations import ActivationScheme, PowerOfTwo
from napari_qsa.quantization.coarse import Binary, FixedPointActivations, TernaryTanh
from napari_qsa.quantization.dorefa import DoReFa
from napari_qsa.quantization.fixed_point import FixedPoint, PublishedFixedPoint
from napari_qsa.quantization.inq import INQ
from napari_qsa.quantization.registry import ACTIVATION_SCHEMES, WEIGHT_SCHEMES
from napari_qsa.quantization.ternary import TWN
from napari_qsa.quantization.weights import FloatWeights, WeightScheme

FLOAT_BITS = 32
INT8_BITS = 7  # beside the sign

_INQ = "Zhou et al. 2017, arXiv 1702.03044"
_TWN = "Li et al. 2016, arXiv 1605.04711"
_DOREFA = "Zhou et al. 2016, arXiv 1606.06160"
_FIXED_POINT = "AskariHemmat et al. 2019, arXiv 1908.01073"
_TERNARY_NET = "Heinrich et al. 2018, arXiv 1801.09449"
_FLOAT = "none: the control"
_OURS = "none: uniform, least squared error"


@dataclass(frozen=True)
class SchemeFacts:
    """One line of the list of schemes.

    Attributes
    ----------
    kind : {"weights", "activations"}
        Of what.
    name : str
        As on the command line.
    bits : int
        Of a code, before entropy coding.
    factor : float
        How many times fewer bits than float32. Of weights that is about the size in a file, before
        entropy coding; activations are in no file.
    integers : str
        Whether an integer runtime could compute the same. ``exact``: int8 codes and steps that are
        powers of two, so all sums are exact, and equal. ``rounded``: int8 codes, but a step that is
        none, so that float sums round otherwise, and a code after them may flip at a tie. ``no``:
        more codes than int8 has, it runs in float. ``exact after ReLU``: elsewhere no.
        ``exact below +128``: but for layers where a weight is +128 times the smallest.
    needs : str
        What the other half must be for that.
    about : str
        What it does, in a few words.
    source : str
        The paper.
    """

    kind: str
    name: str
    bits: int
    factor: float
    integers: str
    needs: str
    about: str
    source: str


def catalogue() -> list[SchemeFacts]:
    """List every scheme that has a name of its own, weights first."""
    return [
        *(weight_facts(scheme) for scheme in WEIGHT_SCHEMES.values()),
        *(activation_facts(scheme) for scheme in ACTIVATION_SCHEMES.values()),
    ]


def weight_facts(scheme: WeightScheme) -> SchemeFacts:
    """Describe a weight scheme."""
    integers, about, source = _about_weights(scheme)
    return SchemeFacts(
        kind="weights",
        name=scheme.name,
        bits=scheme.bits,
        factor=FLOAT_BITS / scheme.bits,
        integers=integers,
        needs="" if integers == "no" else "activations on integers",
        about=about,
        source=source,
    )


def _about_weights(scheme: WeightScheme) -> tuple[str, str, str]:
    match scheme:
        case INQ(bits=5):
            return "exact below +128", "powers of two and zero, in portions", _INQ
        case INQ(bits=bits):
            about = "powers of two and zero, in portions"
            if bits > 5:
                about += "; no finer than inq5"
            return _exact(bits < 5), about, _INQ
        case TWN():
            return "rounded", "-alpha, 0 and alpha of each layer", _TWN
        case DoReFa(bits=1):
            return "rounded", "the sign times the mean magnitude of each layer", _DOREFA
        case DoReFa(bits=bits):
            integers = "rounded" if bits <= INT8_BITS else "no"
            return integers, "uniform levels over each layer's range", _DOREFA
        case FixedPoint(integer=integer, fraction=fraction):
            return _exact(integer + fraction <= INT8_BITS), "fixed point, saturating", _FIXED_POINT
        case PublishedFixedPoint(integer=integer, fraction=fraction):
            fits = integer + fraction < INT8_BITS + (fraction == 0)
            return _exact(fits), "fixed point as published: wraps, truncates", _FIXED_POINT
        case FloatWeights(portions=()):
            return "no", "not quantized", _FLOAT
    return "no", f"not quantized, {len(scheme.portions)} stages like INQ's", _FLOAT


def activation_facts(scheme: ActivationScheme) -> SchemeFacts:
    """Describe an activation scheme."""
    integers, about, source = _about_activations(scheme)
    return SchemeFacts(
        kind="activations",
        name=scheme.name,
        bits=scheme.bits,
        factor=FLOAT_BITS / scheme.bits,
        integers=integers,
        needs="" if integers == "no" else "weights on integers",
        about=about,
        source=source,
    )


def _about_activations(scheme: ActivationScheme) -> tuple[str, str, str]:
    match scheme:
        case PowerOfTwo(signed=signed):
            sign = "signed" if signed else "unsigned after a ReLU"
            return "exact", f"a power-of-two scale for each layer, {sign}", _OURS
        case FixedPointActivations(integer=integer, fraction=fraction):
            integers = "exact after ReLU" if integer + fraction == INT8_BITS + 1 else "no"
            integers = "exact" if integer + fraction <= INT8_BITS else integers
            return integers, "fixed point, saturating, the same in all layers", _FIXED_POINT
        case TernaryTanh():
            return "exact", "-1, 0 and 1 of a scale, over a tanh that steepens", _TERNARY_NET
        case Binary():
            return "exact", "0 and 1 of a scale after a ReLU, else the sign", _DOREFA
    return "no", "not quantized", _FLOAT


def _exact(condition: bool) -> str:
    return "exact" if condition else "no"
