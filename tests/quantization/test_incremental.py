"""The incremental algorithm: largest first, and what is frozen never moves."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_qsa.quantization import IncrementalQuantizer, convolutions, prepare, weight_scheme
from napari_qsa.quantization.inq import INQ

PORTIONS = INQ(4).portions


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


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)


OPTIMIZERS = [sgd, adamw]
MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]


class Stepper:
    """Optimizer steps on a fixed problem."""

    def __init__(self, network: nn.Module, make: MakeOptimizer) -> None:
        self.network, self.optimizer = network, make(network)
        generator = torch.Generator().manual_seed(9)
        self.image = torch.randn(2, 3, 8, 8, generator=generator)
        self.target = torch.randn(2, 2, 8, 8, generator=generator)

    def step(self) -> None:
        self.optimizer.zero_grad()
        (self.network(self.image) - self.target).square().mean().backward()
        self.optimizer.step()


def frozen_weights(quantizer: IncrementalQuantizer) -> dict[str, Tensor]:
    return {
        name: weight.detach()[quantizer.frozen[name]].clone()
        for name, weight in quantizer.weights.items()
    }


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether all tensors agree in every bit, the sign of zero included."""
    return all(
        torch.equal(first[name].view(torch.int32), second[name].view(torch.int32)) for name in first
    )


def test_first_and_last_convolution_are_quantized() -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    assert list(quantizer.weights) == ["0", "3", "6"]
    quantizer.advance(1.0)
    for name, layer in convolutions(network):
        assert torch.isin(layer.weight, quantizer.codebooks[name]).all()
        assert quantizer.codebooks[name].numel() == 9


def test_largest_weights_come_first() -> None:
    network = tiny()
    before = {name: layer.weight.detach().clone() for name, layer in convolutions(network)}
    quantizer = IncrementalQuantizer(network, INQ(4))
    quantizer.advance(0.3)
    for name, layer in convolutions(network):
        frozen = quantizer.frozen[name]
        assert int(frozen.sum()) == round(0.3 * frozen.numel())
        assert before[name][frozen].abs().min() >= before[name][~frozen].abs().max()
        assert torch.equal(layer.weight[~frozen], before[name][~frozen])
        expected = INQ(4).quantize(before[name], INQ(4).codebook(before[name]))
        assert torch.equal(layer.weight[frozen], expected[frozen])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_frozen_codes_are_bit_identical_through_all_stages(make: MakeOptimizer) -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    stepper = Stepper(network, make)  # one optimizer for all stages: its moments are never fresh
    for _ in range(3):
        stepper.step()
    for portion in PORTIONS:
        held = frozen_weights(quantizer)
        masks = {name: mask.clone() for name, mask in quantizer.frozen.items()}
        quantizer.advance(portion)
        assert quantizer.portion == pytest.approx(portion, abs=0.05)
        for name, mask in masks.items():  # T is monotone, and what was frozen keeps its code
            assert (quantizer.frozen[name] | ~mask).all()
            assert torch.equal(quantizer.weights[name][mask], held[name])
        held = frozen_weights(quantizer)
        free = {name: weight.detach().clone() for name, weight in quantizer.weights.items()}
        for _ in range(4):
            stepper.step()
            quantizer.restore()
            assert same(frozen_weights(quantizer), held)
        for name, weight in quantizer.weights.items():
            moving = ~quantizer.frozen[name]
            if moving.any():
                assert not torch.equal(weight[moving], free[name][moving])


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("mask_gradients", [False, True])
def test_without_restore_frozen_codes_would_move(make: MakeOptimizer, mask_gradients: bool) -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    stepper = Stepper(network, make)
    for _ in range(3):
        stepper.step()
    quantizer.advance(0.5)
    held = frozen_weights(quantizer)
    if mask_gradients:  # momentum, Adam's moments and weight decay are enough
        for name, weight in quantizer.weights.items():
            weight.register_hook(lambda grad, name=name: grad * ~quantizer.frozen[name])
    stepper.step()
    assert not same(frozen_weights(quantizer), held)


def test_last_portion_leaves_only_normalisation_and_biases() -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    quantizer.advance(1.0)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    stepper = Stepper(network, adamw)
    for _ in range(3):
        stepper.step()
        quantizer.restore()
    changed = {
        name for name, value in network.named_parameters() if not torch.equal(value, before[name])
    }
    assert quantizer.portion == 1.0
    assert changed == {"1.weight", "1.bias", "4.weight", "4.bias", "6.bias"}


def test_weights_that_outgrow_the_codebook_are_clamped_not_zeroed() -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    quantizer.advance(0.3)
    name, weight = "0", quantizer.weights["0"]
    levels = quantizer.codebooks[name].clone()
    with torch.no_grad():
        weight.copy_(torch.where(quantizer.frozen[name], weight, 50.0))
    free = ~quantizer.frozen[name]
    quantizer.advance(1.0)
    assert torch.equal(quantizer.codebooks[name], levels)
    assert (weight[free] == levels.max()).all()


def test_a_layer_of_zeros_stays_at_zero() -> None:
    network = tiny()
    layer = dict(convolutions(network))["3"]
    nn.init.zeros_(layer.weight)
    quantizer = IncrementalQuantizer(network, INQ(4))
    stepper = Stepper(network, adamw)
    for portion in PORTIONS:
        quantizer.advance(portion)
        stepper.step()
        quantizer.restore()
    assert quantizer.codebooks["3"].tolist() == [0.0]
    assert not layer.weight.any()


def test_float_restarts_freeze_nothing() -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, weight_scheme("float-restarts"))
    plain = tiny()
    for net, hold in ((network, True), (plain, False)):
        stepper = Stepper(net, adamw)
        for portion in PORTIONS:
            if hold:
                quantizer.advance(portion)
            stepper.step()
            if hold:
                quantizer.restore()
    assert quantizer.portion == 0.0
    assert same(dict(network.named_parameters()), dict(plain.named_parameters()))


def test_state_takes_a_quantizer_up_again() -> None:
    network = tiny()
    quantizer = IncrementalQuantizer(network, INQ(4))
    stepper = Stepper(network, adamw)
    quantizer.advance(0.5)
    stepper.step()
    quantizer.restore()
    held = frozen_weights(quantizer)

    other = tiny(seed=1)
    other.load_state_dict(network.state_dict())
    taken_up = IncrementalQuantizer(other, INQ(4))
    taken_up.load_state({name: value.clone() for name, value in quantizer.state().items()})
    Stepper(other, adamw).step()
    taken_up.restore()
    assert same(frozen_weights(taken_up), held)
    taken_up.advance(1.0)
    quantizer.advance(1.0)
    for name, levels in quantizer.codebooks.items():
        assert torch.equal(taken_up.codebooks[name], levels)


def test_state_before_the_first_stage() -> None:
    quantizer = IncrementalQuantizer(tiny(), INQ(4))
    other = IncrementalQuantizer(tiny(), INQ(4))
    other.load_state(quantizer.state())
    assert other.portion == 0.0
    assert not other.codebooks


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=1, max_size=6),
    st.integers(0, 2**31 - 1),
)
def test_masks_only_grow_whatever_the_weights_do(
    values: list[float], portions: list[float], seed: int
) -> None:
    network = prepare(nn.Sequential(nn.Conv2d(len(values), 1, 1)))
    quantizer = IncrementalQuantizer(network, INQ(4))
    weight = quantizer.weights["0"]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        weight.copy_(torch.tensor(values).view_as(weight))
    reached = 0
    for portion in portions:  # not even rising ones may un-freeze
        before, codes = quantizer.frozen["0"].clone(), weight.detach().clone()
        quantizer.advance(portion)
        reached = max(reached, round(portion * len(values)))
        assert int(quantizer.frozen["0"].sum()) == reached
        assert (quantizer.frozen["0"] | ~before).all()
        assert torch.equal(weight[before], codes[before])
        with torch.no_grad():
            weight.add_(torch.randn(weight.shape, generator=generator) * 5)
        quantizer.restore()
        assert torch.isin(weight[quantizer.frozen["0"]], quantizer.codebooks["0"]).all()
