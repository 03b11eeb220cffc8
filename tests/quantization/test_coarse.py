"""Activations with few codes, with a fixed step, and the image's own eight bits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_qsa.errors import TrainingError
from napari_qsa.quantization import (
    InputQuantizer,
    activation_scheme,
    anneal_activations,
    calibrate_activations,
    convolutions,
    prepare,
)
from napari_qsa.quantization.activations import SIGN, ternary_tanh

patient = settings(deadline=None, max_examples=25)
samples = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40).map(torch.tensor)
NAMES = ["u2", "u4", "s3", "s6", "q4.4", "q6.0", "q8.8", "ternary", "binary"]


def fitted(name: str, values: Tensor) -> InputQuantizer:
    quantizer = InputQuantizer()
    quantizer.set(*activation_scheme(name).calibrate(values))
    return quantizer


@pytest.mark.parametrize(
    ("name", "sample", "expected"),
    [
        ("u4", [0.0, 1.0], (0, 15)),
        ("u4", [-1.0, 1.0], (-8, 7)),
        ("s4", [0.0, 1.0], (-8, 7)),
        ("u2", [0.0, 1.0], (0, 3)),
        ("q4.4", [0.0, 1.0], (0, 255)),
        ("q4.4", [-1.0, 1.0], (-255, 255)),
        ("q6.0", [-1.0, 1.0], (-63, 63)),
        ("q8.8", [-1.0, 1.0], (-65535, 65535)),
        ("ternary", [0.0, 1.0], (-1, 1)),
        ("binary", [0.0, 1.0], (0, 1)),
        ("binary", [-1.0, 1.0], SIGN),
    ],
)
def test_ranges(name: str, sample: list[float], expected: tuple[float, float]) -> None:
    assert activation_scheme(name).calibrate(torch.tensor(sample))[1:] == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("q4.4", 1.30, 1.3125),
        ("q4.4", 100.0, 15.9375),
        ("q4.4", -100.0, -15.9375),
        ("q6.0", 0.99, 1.0),
        ("q8.8", 1 / 512, 0.0),
        ("q8.8", 3 / 512, 1 / 128),
    ],
)
def test_fixed_point_by_hand(name: str, value: float, expected: float) -> None:
    assert fitted(name, torch.tensor([-1.0, 1.0]))(torch.tensor([value])).tolist() == [expected]


@pytest.mark.parametrize("name", NAMES)
@patient
@given(samples)
def test_codes_are_few_idempotent_and_in_order(name: str, values: Tensor) -> None:
    scheme = activation_scheme(name)
    scale, lowest, highest = scheme.calibrate(values)
    assert math.frexp(scale)[0] == 0.5
    quantizer = fitted(name, values)
    levels = quantizer(values.sort().values)
    codes = levels / scale - lowest
    assert torch.equal(codes, codes.round())
    assert codes.min() >= 0
    assert codes.max() <= highest - lowest
    assert highest - lowest + 1 <= 2**scheme.bits
    assert (levels.diff() >= 0).all()
    assert torch.equal(quantizer(levels), levels)


def test_binary_fits_the_mean_magnitude() -> None:
    values = torch.tensor([-1.0, 1.0, 1.1, -0.9])
    quantizer = fitted("binary", values)
    assert quantizer(values).tolist() == [-1.0, 1.0, 1.0, -1.0]
    assert quantizer(torch.zeros(1)).tolist() == [1.0]


def test_gradient_of_the_sign_ends_at_its_scale() -> None:
    inputs = torch.tensor([-2.5, -0.1, 0.1, 1.9, 2.1], requires_grad=True)
    fitted("binary", torch.tensor([-1.0, 1.0]))(inputs).backward(torch.arange(1.0, 6.0))
    assert inputs.grad is not None
    assert inputs.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 0.0]


def test_ternary_tanh_by_hand() -> None:
    x, beta = 0.3, 3.0
    expected = (math.tanh(2 * beta * x - beta) + math.tanh(2 * beta * x + beta)) / 2
    assert float(ternary_tanh(torch.tensor(x), beta)) == pytest.approx(expected)
    steep = ternary_tanh(torch.tensor([-1.0, -0.4, 0.0, 0.4, 0.6, 3.0]), 200.0)
    assert steep.tolist() == pytest.approx([-1, 0, 0, 0, 1, 1], abs=1e-6)


def test_ternary_is_soft_in_training_until_it_is_hard() -> None:
    quantizer = fitted("ternary", torch.tensor([-1.0, 0.0, 1.0]))
    values = torch.tensor([-0.7, 0.2, 0.45])
    hard = [-1.0, 0.0, 0.0]
    quantizer.beta = 3.0
    assert torch.equal(quantizer.train()(values), ternary_tanh(values, 3.0))
    assert quantizer.eval()(values).tolist() == hard
    quantizer.beta = None
    assert quantizer.train()(values).tolist() == hard
    inputs = torch.tensor([0.2, 0.6, 1.4, 1.6], requires_grad=True)
    quantizer(inputs).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.tolist() == [1.0, 1.0, 1.0, 0.0]


def test_beta_rises_and_ends() -> None:
    scheme = activation_scheme("ternary")
    betas = [scheme.beta(done) for done in (0.0, 0.4, 0.799, 0.8, 1.0)]
    assert betas[:2] == [3.0, 5.5]
    assert betas[2] == pytest.approx(8.0, abs=0.01)
    assert betas[3:] == [None, None]
    for name in ("float", "u8", "q4.4", "binary"):
        assert activation_scheme(name).beta(0.5) is None


def two_layers() -> nn.Module:
    torch.manual_seed(0)
    return prepare(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)))


@pytest.mark.parametrize("name", ["ternary", "binary", "u2", "s4", "q6.0"])
def test_the_image_keeps_its_eight_bits(name: str) -> None:
    network = two_layers()
    calibrate_activations(network, activation_scheme(name), [torch.randn(2, 3, 8, 8)])
    first, second = (layer.input_quantizer for _, layer in convolutions(network))
    assert (float(first.lowest), float(first.highest)) == (-128, 127)
    assert float(second.highest) < 64


@pytest.mark.parametrize("bad", [math.nan, math.inf, 3e38])
@pytest.mark.parametrize("name", ["u8", "q6.0", "ternary", "binary"])
def test_nothing_is_fitted_to_what_diverged(name: str, bad: float) -> None:
    network = two_layers()
    with torch.no_grad():
        network[0].weight[:] = bad
    with pytest.raises(TrainingError, match="layer 2 grew beyond all bounds"):
        calibrate_activations(network, activation_scheme(name), [torch.rand(2, 3, 8, 8)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-44, 1e-38, 1e-32])
def test_what_is_as_good_as_zero(name: str, size: float) -> None:
    values = torch.tensor([size, 0.0, size / 3])
    quantizer = fitted(name, values)
    assert torch.equal(quantizer(values), torch.zeros(3))
    assert torch.isfinite(quantizer(torch.tensor([1.0, -1.0, 1e6]))).all()


def test_layers_with_activations_of_their_own() -> None:
    network = two_layers()
    own = {"0": activation_scheme("float"), "2": activation_scheme("ternary")}
    calibrate_activations(network, activation_scheme("u8"), [torch.randn(2, 3, 8, 8)], own)
    first, second = (layer.input_quantizer for _, layer in convolutions(network))
    assert not first.enabled
    assert (float(second.lowest), float(second.highest)) == (-1, 1)
    anneal_activations(network, activation_scheme("u8"), 0.0, own)
    assert (first.beta, second.beta) == (None, 3.0)
    anneal_activations(network, activation_scheme("u8"), 1.0, own)
    assert second.beta is None
