"""Schemes by name."""

import pytest
import torch

from napari_qsa.errors import QsaError
from napari_qsa.quantization import (
    ACTIVATION_SCHEMES,
    WEIGHT_SCHEMES,
    activation_scheme,
    weight_scheme,
)
from napari_qsa.quantization.activations import FloatActivations, PowerOfTwo
from napari_qsa.quantization.coarse import FixedPointActivations
from napari_qsa.quantization.dorefa import DoReFa
from napari_qsa.quantization.fixed_point import FixedPoint, PublishedFixedPoint
from napari_qsa.quantization.inq import INQ, inq_portions


def test_weight_schemes_that_must_be_there() -> None:
    names = {"float", "float-restarts", "twn", "q0.4", "q0.7", "qpaper0.4"}
    names |= {f"inq{bits}" for bits in range(2, 9)}
    names |= {f"float-restarts{bits}" for bits in range(2, 9)}
    names |= {f"dorefa{bits}" for bits in range(1, 9)}
    assert names <= set(WEIGHT_SCHEMES)


@pytest.mark.parametrize("name", WEIGHT_SCHEMES)
def test_weight_schemes_by_name(name: str) -> None:
    scheme = weight_scheme(name)
    assert scheme is WEIGHT_SCHEMES[name]
    assert scheme.name == name
    assert list(scheme.portions) == sorted(scheme.portions)
    assert scheme.portions[-1:] in ((), (1.0,))
    assert scheme.quantizes == (not name.startswith("float"))


@pytest.mark.parametrize("name", ACTIVATION_SCHEMES)
def test_activation_schemes_by_name(name: str) -> None:
    scheme = activation_scheme(name)
    assert scheme is ACTIVATION_SCHEMES[name]
    assert scheme.name == name
    assert scheme.quantizes == (name != "float")


def test_names_mean_what_they_say() -> None:
    assert weight_scheme("inq6") == INQ(6)
    assert weight_scheme("dorefa3") == DoReFa(3)
    assert weight_scheme("q2.5") == FixedPoint(2, 5)
    assert weight_scheme("q2.5").name == "q2.5"
    assert weight_scheme("qpaper6.0") == PublishedFixedPoint(6, 0)
    assert weight_scheme("qpaper6.0").name == "qpaper6.0"
    assert activation_scheme("float") == FloatActivations()
    assert activation_scheme("u8") == PowerOfTwo(8)
    assert activation_scheme("s3") == PowerOfTwo(3, signed=True)
    assert activation_scheme("q5.2") == FixedPointActivations(5, 2)
    bits = {"twn": 2, "dorefa1": 1, "inq5": 5, "q0.7": 8, "qpaper0.4": 5, "q8.0": 9, "float": 32}
    assert {name: weight_scheme(name).bits for name in bits} == bits


def test_every_inq_has_a_control() -> None:
    for bits in range(2, 9):
        control = weight_scheme(f"float-restarts{bits}")
        assert control.portions == weight_scheme(f"inq{bits}").portions == inq_portions(bits)
    assert weight_scheme("float-restarts").portions == inq_portions(4)
    assert weight_scheme("float").portions == ()


def test_one_schedule_for_inq4_its_control_and_all_that_is_trained_through() -> None:
    stages = {len(WEIGHT_SCHEMES[name].portions) for name in ("inq4", "float-restarts")}
    stages |= {len(weight_scheme(name).portions) for name in ("twn", "dorefa2", "q0.4", "q3.3")}
    assert stages == {6}


@pytest.mark.parametrize("name", ["inq9", "inq1", "dorefa0", "q", "q4", "q4.4.4", "Q0.4", ""])
def test_there_is_no_such_weight_scheme(name: str) -> None:
    with pytest.raises(QsaError, match=r"There is no weight scheme .* choose one of .*inq4"):
        weight_scheme(name)


@pytest.mark.parametrize("name", ["u1", "u9", "s16", "qpaper6.0", "tern"])
def test_there_is_no_such_activation_scheme(name: str) -> None:
    with pytest.raises(QsaError, match=r"There is no activation scheme .* choose one of .*u8"):
        activation_scheme(name)


@pytest.mark.parametrize("name", ["q0.0", "q9.9", "qpaper0.16"])
def test_bits_of_fixed_point_are_limited(name: str) -> None:
    with pytest.raises(QsaError, match="1 to 15 bits beside the sign"):
        weight_scheme(name)
    with pytest.raises(QsaError, match="1 to 16 bits beside the sign"):
        activation_scheme("q9.8")


@pytest.mark.parametrize("name", ["float", "float-restarts", "float-restarts2"])
def test_float_schemes_change_nothing(name: str) -> None:
    scheme, weight = weight_scheme(name), torch.tensor([0.3, -0.7])
    assert torch.equal(scheme.quantize(weight, scheme.codebook(weight)), weight)
