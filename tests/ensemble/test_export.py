"""Networks in the form of integers: the same values, int8 codes, and what must stay float."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from napari_qsa.ensemble.engines.export import IntegerConv2d, for_integers, power_of_two_grid
from napari_qsa.networks import build_network
from napari_qsa.quantization import (
    IncrementalQuantizer,
    QuantizedConv2d,
    activation_scheme,
    calibrate_activations,
    convolutions,
    freeze,
    prepare,
    weight_scheme,
)


def frozen(name: str, weights: str, activations: str, **options: int) -> nn.Module:
    torch.manual_seed(0)
    network = prepare(build_network(name, **options))
    if weight_scheme(weights).quantizes:
        IncrementalQuantizer(network, weight_scheme(weights)).advance(1.0)
    crops = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        network.train()(crops)
    calibrate_activations(network, activation_scheme(activations), [crops])
    return freeze(network)


@pytest.mark.parametrize("activations", ["u8", "s8"])
@pytest.mark.parametrize("name", ["unet", "efficient_fcn"])
def test_same_values(name: str, activations: str) -> None:
    """Bit for bit, in every layer: signed and unsigned inputs, depthwise, first and last."""
    network = frozen(name, "inq4", activations, width=4)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    rewritten = for_integers(network)
    layers = [module for module in rewritten.modules() if isinstance(module, IntegerConv2d)]
    assert len(layers) == len(list(convolutions(network)))
    assert any(layer.lowest < 0 for layer in layers)
    for layer in layers:
        assert torch.equal(layer.weight(), layer.layer.weight)
        assert layer.codes.dtype == torch.int8
        assert int(layer.codes.abs().max()) <= 8  # INQ of 4 bits: 1, 2, 4, 8
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected, found = network(image), rewritten(image)
    assert torch.equal(expected.logits, found.logits)
    assert torch.equal(expected.descriptor, found.descriptor)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("weights", "activations"), [("inq4", "float"), ("inq7", "u8"), ("float", "u8")]
)
def test_what_does_not_fit_stays(weights: str, activations: str) -> None:
    network = frozen("unet", weights, activations, width=4)
    rewritten = for_integers(network)
    for name, layer in convolutions(network):
        if layer.weight.numel() > 200:  # fewer weights may happen to use few levels
            assert isinstance(rewritten.get_submodule(name), QuantizedConv2d), name
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(image).logits, rewritten(image).logits)


def test_one_code_too_many() -> None:
    """INQ of 5 bits has +-128 of its grid: +128 does not fit, -128 does."""
    layer = prepare(nn.Conv2d(1, 1, 3))
    assert isinstance(layer, QuantizedConv2d)
    layer.input_quantizer.set(1.0, 0, 255)
    with torch.no_grad():
        layer.weight.fill_(0.5).view(-1)[0] = -64.0
    assert int(IntegerConv2d(layer).codes.min()) == -128
    with torch.no_grad():
        layer.weight.neg_()
    with pytest.raises(ValueError, match="int8"):
        IntegerConv2d(layer)
    for lowest, highest, said in (
        (-255, 255, "8 bits"),
        (0, 511, "quantized"),
        (0, 0, "quantized"),
    ):
        layer.input_quantizer.set(1.0, lowest, highest)
        with pytest.raises(ValueError, match=said):
            IntegerConv2d(layer)


SCHEMES = [
    "inq2",
    "inq3",
    "inq4",
    "twn",
    *(f"dorefa{bits}" for bits in range(1, 8)),
    "q0.4",
    "q0.7",
]


@pytest.mark.parametrize("name", SCHEMES)
def test_schemes_whose_weights_are_int8(name: str) -> None:
    """Bit for bit: codes times the step are the weights, whatever the step."""
    torch.manual_seed(0)
    layer = prepare(nn.Conv2d(8, 16, 3))
    assert isinstance(layer, QuantizedConv2d)
    layer.input_quantizer.set(0.125, 0, 255)
    scheme = weight_scheme(name)
    with torch.no_grad():
        layer.weight.copy_(scheme.quantize(layer.weight, scheme.codebook(layer.weight)))
    rewritten = IntegerConv2d(layer)
    assert torch.equal(rewritten.weight(), layer.weight)
    inputs = torch.rand(1, 8, 9, 9) * 40
    with torch.no_grad():
        assert torch.equal(rewritten(inputs), layer(inputs))


@pytest.mark.parametrize("name", ["inq5", "inq8", "dorefa8", "q0.8", "float"])
def test_schemes_whose_weights_are_not(name: str) -> None:
    torch.manual_seed(0)
    layer = prepare(nn.Conv2d(32, 32, 3))
    assert isinstance(layer, QuantizedConv2d)
    layer.input_quantizer.set(0.125, 0, 255)
    scheme = weight_scheme(name)
    with torch.no_grad():
        layer.weight.mul_(10)
        layer.weight.copy_(scheme.quantize(layer.weight, scheme.codebook(layer.weight)))
    with pytest.raises(ValueError, match="int8"):
        IntegerConv2d(layer)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "name", ["u2", "u5", "u8", "s3", "s8", "q4.4", "q6.0", "ternary", "binary"]
)
def test_inputs_of_few_bits(name: str, signed: bool) -> None:
    torch.manual_seed(0)
    layer = prepare(nn.Conv2d(4, 3, 3))
    assert isinstance(layer, QuantizedConv2d)
    with torch.no_grad():
        layer.weight.copy_(layer.weight.mul(256).round() / 1024)
    values = torch.randn(2, 4, 9, 9) * 3
    values = values if signed else values.relu()
    layer.input_quantizer.set(*activation_scheme(name).calibrate(values.flatten()))
    if name == "q4.4" and signed:
        with pytest.raises(ValueError, match="8 bits"):
            IntegerConv2d(layer)
        return
    with torch.no_grad():
        assert torch.equal(IntegerConv2d(layer)(values), layer(values))


@given(
    st.lists(st.integers(-127, 127), min_size=1, max_size=20),
    st.integers(-100, 100),
)
def test_grid(codes: list[int], exponent: int) -> None:
    values = torch.tensor(codes, dtype=torch.float32) * 2.0**exponent
    grid = power_of_two_grid(values)
    if not any(codes):
        assert grid == 1.0
        return
    whole = (values.double() / grid).tolist()
    assert all(value.is_integer() for value in whole)
    assert any(value % 2 for value in whole)  # the largest such power of two
    assert grid == 2.0 ** torch.frexp(torch.tensor(grid, dtype=torch.float64))[1].item() / 2
