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
    layer.input_quantizer.set(1.0, 0, 63)
    with pytest.raises(ValueError, match="8 bits"):
        IntegerConv2d(layer)


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
