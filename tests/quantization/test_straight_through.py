"""Training with latent weights: levels forward, codes at the end, layers with their own schemes."""

import copy

import pytest
import torch
from torch import nn

from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.quantization import (
    StraightThroughQuantizer,
    convolutions,
    exceptions_of,
    freeze,
    prepare,
    quantizer_of,
    weight_scheme,
    with_names,
)
from napari_qsa.quantization.straight_through import LatentWeight
from napari_qsa.quantization.weights import StraightThroughScheme

SCHEMES = ["twn", "dorefa1", "dorefa3", "q0.4", "qpaper1.3"]
IMAGE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(5))


def tiny(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 2, 1),
    )
    return prepare(layers).to(memory_format=torch.channels_last)


def through(name: str) -> StraightThroughScheme:
    scheme = weight_scheme(name)
    assert isinstance(scheme, StraightThroughScheme)
    return scheme


def step(network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    network(IMAGE).square().mean().backward()
    optimizer.step()


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)


@pytest.mark.parametrize("name", SCHEMES)
def test_computes_with_levels_while_latent_weights_move(name: str) -> None:
    network, scheme = tiny(), through(name)
    quantizer = StraightThroughQuantizer(network, scheme)
    optimizer = adamw(network)
    start = {key: value.detach().clone() for key, value in network.named_parameters()}
    quantizer.advance(0.0)
    assert torch.equal(network[0].weight, start["0.weight"])
    for _ in range(3):
        step(network, optimizer)
        quantizer.restore()
    assert quantizer.portion == 0.0
    assert not torch.equal(network[0].weight, start["0.weight"])
    by_hand = copy.deepcopy(network).eval()
    for key, layer in convolutions(by_hand):
        layer.weight_quantizer = None
        levels = quantizer.codebooks[key] if not scheme.refits else scheme.codebook(layer.weight)
        with torch.no_grad():
            layer.weight.copy_(scheme.quantize(layer.weight, levels))
    with torch.no_grad():
        assert torch.equal(network.eval()(IMAGE), by_hand(IMAGE))


@pytest.mark.parametrize("name", SCHEMES)
def test_codes_stand_still_at_the_end(name: str) -> None:
    network, scheme = tiny(), through(name)
    quantizer = StraightThroughQuantizer(network, scheme)
    optimizer = adamw(network)
    quantizer.advance(0.0)
    for _ in range(3):
        step(network, optimizer)
        quantizer.restore()
    with torch.no_grad():
        before = network.eval()(IMAGE)
        quantizer.advance(1.0)
        assert torch.equal(network(IMAGE), before)
    network.train()
    held = {key: layer.weight.detach().clone() for key, layer in convolutions(network)}
    for _ in range(3):
        step(network, optimizer)
        quantizer.restore()
    quantizer.advance(1.0)
    assert quantizer.portion == 1.0
    for key, layer in convolutions(network):
        assert layer.weight_quantizer is None
        assert torch.equal(layer.weight, held[key])
        assert torch.isin(layer.weight, quantizer.codebooks[key]).all()


@pytest.mark.parametrize("portion", [0.0, 1.0])
@pytest.mark.parametrize("name", ["twn", "dorefa3"])
def test_state_takes_it_up_again(name: str, portion: float) -> None:
    network, scheme = tiny(), through(name)
    quantizer = StraightThroughQuantizer(network, scheme)
    quantizer.advance(0.0)
    step(network, adamw(network))
    quantizer.advance(portion)

    other = tiny(seed=1)
    other.load_state_dict(network.state_dict())
    taken_up = StraightThroughQuantizer(other, scheme)
    taken_up.load_state({key: value.clone() for key, value in quantizer.state().items()})
    assert taken_up.portion == quantizer.portion == portion
    for net, held in ((network, quantizer), (other, taken_up)):
        step(net, adamw(net))
        held.restore()
        held.advance(1.0)
    for key, layer in convolutions(network):
        assert torch.equal(dict(convolutions(other))[key].weight, layer.weight)


def test_freezing_puts_the_levels_in_place() -> None:
    network = tiny()
    StraightThroughQuantizer(network, through("twn")).advance(0.0)
    with torch.no_grad():
        before = network.eval()(IMAGE)
        frozen = freeze(network)
        assert torch.allclose(frozen(IMAGE), before, atol=1e-5)
    assert all(layer.weight.unique().numel() <= 3 for _, layer in convolutions(frozen))
    assert all(layer.weight_quantizer is None for _, layer in convolutions(frozen))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -3e38])
@pytest.mark.parametrize("name", ["inq4", "twn", "dorefa1", "dorefa3", "q0.4", "qpaper1.3"])
def test_no_stage_begins_with_weights_that_diverged(name: str, bad: float) -> None:
    """Their levels may be finite: the file would be written, and hold a broken network."""
    network = tiny()
    quantizer = quantizer_of(network, weight_scheme(name))
    quantizer.advance(0.0)
    with torch.no_grad():
        network[3].weight[2] = bad
    for portion in (0.5, 1.0):
        with pytest.raises(TrainingError, match="layer 3 grew beyond all bounds"):
            quantizer.advance(portion)


def test_layers_have_schemes_of_their_own() -> None:
    network = tiny()
    chosen = exceptions_of(network, {"first": "float", "depthwise": "dorefa1", "6": "q0.7/u4"})
    assert {name: pair[0].name for name, pair in chosen.items()} == {
        "0": "float",
        "3": "dorefa1",
        "6": "q0.7",
    }
    assert chosen["0"][1] is None
    assert chosen["6"][1] is not None
    assert chosen["6"][1].name == "u4"
    layers = dict(convolutions(network))
    first = layers["0"].weight.detach().clone()
    quantizer = quantizer_of(network, weight_scheme("inq4"), chosen)
    quantizer.advance(0.3)
    assert isinstance(layers["3"].weight_quantizer, LatentWeight)
    quantizer.advance(1.0)
    assert torch.equal(layers["0"].weight, first)
    assert layers["3"].weight.unique().numel() == 2
    assert torch.equal((layers["6"].weight * 128).round(), layers["6"].weight * 128)
    sizes = {name: layer.weight.numel() for name, layer in layers.items()}
    assert quantizer.counts == (sizes["3"] + sizes["6"], sum(sizes.values()))
    again = quantizer_of(tiny(), weight_scheme("inq4"), chosen)
    again.load_state(quantizer.state())
    assert again.counts == quantizer.counts


def test_last_and_patterns() -> None:
    network = tiny()
    assert list(exceptions_of(network, {"last": "float/float"})) == ["6"]
    assert list(exceptions_of(network, {"*": "float", "last": "twn"})) == ["0", "3", "6"]
    assert exceptions_of(network, {"*": "float", "last": "twn"})["6"][0].name == "twn"
    assert exceptions_of(network, {}) == {}


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"decoder.*": "float"}, r"no layer 'decoder\.\*'"),
        ({"first": "inq9"}, "no weight scheme 'inq9'"),
        ({"first": "inq4/u1"}, "no activation scheme 'u1'"),
    ],
)
def test_no_such_layer_or_scheme(chosen: dict[str, str], said: str) -> None:
    with pytest.raises(QsaError, match=said):
        exceptions_of(tiny(), chosen)


class Branches(nn.Module):
    """Two layers give maps, and what sees the image is defined last."""

    first_layers, last_layers = ("stem",), ("*.head",)

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.ModuleDict({"head": nn.Conv2d(2, 1, 1)})
        self.two = nn.ModuleDict({"head": nn.Conv2d(2, 1, 1)})
        self.stem = nn.Conv2d(3, 2, 1)


def test_first_and_last_become_names() -> None:
    chosen = {"last": "twn", "depthwise": "inq4", "first": "float"}
    assert with_names(tiny(), chosen) == {"6": "twn", "depthwise": "inq4", "0": "float"}
    network = prepare(Branches())
    found = with_names(network, {"first": "float", "one.head": "twn", "last": "inq4"})
    assert found == {"stem": "float", "one.head": "inq4", "two.head": "inq4"}
    assert list(exceptions_of(network, found)) == ["stem", "one.head", "two.head"]
    assert list(exceptions_of(network, {"last": "inq4"})) == ["stem"]  # as earlier runs have it
