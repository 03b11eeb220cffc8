"""Quantizers in whole networks: every convolution's input, residual sums not; and freezing."""

import copy
import functools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.networks import build_network
from napari_qsa.networks.efficientnet import InvertedBottleneck
from napari_qsa.quantization import (
    ChannelAffine,
    activation_scheme,
    calibrate_activations,
    convolutions,
    freeze,
    prepare,
)

OPTIONS: dict[str, dict[str, Any]] = {"efficient_fcn": {"width": 4}, "unet": {"width": 2}}
NAMES = sorted(OPTIONS)


def batches(count: int = 2, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, 32, 32, generator=generator) for _ in range(count)]


@functools.cache
def _network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = build_network(name, **OPTIONS[name])
    generator = torch.Generator().manual_seed(1)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in norms:
        module.momentum = 1.0  # take over the statistics of one batch
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64, generator=generator))
    for module in norms:
        for value in (module.weight, module.bias):
            value.data.add_(0.2 * torch.rand(value.shape, generator=generator))
    return network.eval()


def network_of(name: str) -> nn.Module:
    """A network with running statistics of its own, as after some training."""
    return copy.deepcopy(_network_of(name))


@functools.cache
def _calibrated(name: str, scheme: str) -> nn.Module:
    network = prepare(network_of(name))
    calibrate_activations(network, activation_scheme(scheme), batches())
    return network


def calibrated(name: str, scheme: str = "u8") -> nn.Module:
    return copy.deepcopy(_calibrated(name, scheme))


@pytest.mark.parametrize("name", NAMES)
def test_preparing_keeps_names_values_and_results(name: str) -> None:
    plain = network_of(name)
    prepared = prepare(copy.deepcopy(plain))
    before, after = dict(plain.named_parameters()), dict(prepared.named_parameters())
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    (image,) = batches(1)
    with torch.no_grad():
        assert torch.equal(plain(image).logits, prepared(image).logits)
    assert len(list(convolutions(prepared))) == sum(
        isinstance(module, nn.Conv2d) for module in plain.modules()
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_convolution_sees_codes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = calibrated(name)
    assert all(layer.input_quantizer.enabled for _, layer in convolutions(network))
    seen: list[Tensor] = []
    convolve = F.conv2d

    def watch(inputs: Tensor, *rest: Any, **more: Any) -> Tensor:
        seen.append(inputs)
        return convolve(inputs, *rest, **more)

    monkeypatch.setattr(F, "conv2d", watch)
    order: list[Any] = []
    for _, layer in convolutions(network):
        layer.register_forward_pre_hook(lambda module, inputs: order.append(module))
    with torch.no_grad():
        network(batches(1, seed=7)[0])
    assert len(seen) == len(order) == len(list(convolutions(network)))
    for inputs, layer in zip(seen, order, strict=True):
        codes = inputs / layer.input_quantizer.scale
        assert torch.equal(codes, codes.round())
        assert codes.min() >= layer.input_quantizer.lowest
        assert codes.max() <= layer.input_quantizer.highest
        assert codes.unique().numel() > 1


@pytest.mark.parametrize(("scheme", "unsigned_after_relu"), [("u8", True), ("s8", False)])
@pytest.mark.parametrize("name", NAMES)
def test_unsigned_after_relu_signed_elsewhere(
    name: str, scheme: str, unsigned_after_relu: bool
) -> None:
    network = calibrated(name, scheme)
    unsigned = {key for key, layer in convolutions(network) if layer.input_quantizer.lowest == 0}
    if not unsigned_after_relu:
        assert not unsigned
        return
    keys = [key for key, _ in convolutions(network)]
    if name == "unet":  # all but the image come from a ReLU
        assert unsigned == set(keys[1:])
        return
    # Depthwise and projecting layers follow a ReLU6, expanding ones a linear bottleneck.
    expanding = {f"encoder.blocks.{n}.layers.0" for n in range(1, 16)}
    inside = {key for key in keys if key.startswith("encoder.blocks.")} - expanding
    assert inside <= unsigned
    assert {"fuse.0", "head", *(f"lateral.{n}.0" for n in range(4))} <= unsigned
    assert not unsigned & (expanding | {"encoder.stem.0", "context.0"})
    assert not unsigned & {f"top.{n}.0" for n in range(4)}  # their skips are linear bottlenecks


def test_residual_sums_stay_float() -> None:
    network = calibrated("efficient_fcn")
    seen: list[tuple[InvertedBottleneck, Tensor, Tensor]] = []
    for module in network.modules():
        if isinstance(module, InvertedBottleneck) and module.residual:
            module.register_forward_hook(
                lambda block, inputs, output: seen.append((block, inputs[0].clone(), output))
            )
    with torch.no_grad():
        network(batches(1)[0])
        assert len(seen) == 9
        for block, features, output in seen:
            assert torch.equal(output, features + block.layers(features))
            first = next(layer for _, layer in convolutions(block))
            assert not torch.equal(first.input_quantizer(features), features)


@pytest.mark.parametrize("name", NAMES)
def test_calibration_records_in_float_and_at_rest(name: str) -> None:
    network = prepare(network_of(name)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    calibrate_activations(network, activation_scheme("u8"), batches())
    assert network.training
    for key, value in network.state_dict().items():
        if ".input_quantizer." not in key:
            assert torch.equal(value, before[key]), key
    again = prepare(network_of(name))
    calibrate_activations(again, activation_scheme("u8"), batches())
    for (_, first), (_, second) in zip(convolutions(network), convolutions(again), strict=True):
        assert first.input_quantizer.recorded is None
        assert first.input_quantizer.scale == second.input_quantizer.scale


def test_calibration_is_of_each_layers_own_input() -> None:
    network = prepare(network_of("unet"))
    expected: dict[str, list[Tensor]] = {key: [] for key, _ in convolutions(network)}
    hooks = [
        layer.register_forward_pre_hook(
            lambda module, inputs, key=key: expected[key].append(inputs[0].flatten())
        )
        for key, layer in convolutions(network)
    ]
    with torch.no_grad():
        for batch in batches():
            network(batch)
    for hook in hooks:
        hook.remove()
    calibrate_activations(network, activation_scheme("u8"), batches())
    for key, layer in convolutions(network):
        wanted = activation_scheme("u8").calibrate(torch.cat(expected[key]))
        quantizer = layer.input_quantizer
        found = (float(quantizer.scale), float(quantizer.lowest), float(quantizer.highest))
        assert found == wanted, key


def test_float_activations_stay_off() -> None:
    network = prepare(network_of("unet"))
    calibrate_activations(network, activation_scheme("float"), batches())
    assert not any(layer.input_quantizer.enabled for _, layer in convolutions(network))


@pytest.mark.parametrize("name", NAMES)
def test_state_round_trip_keeps_a_network_quantized(name: str) -> None:
    network = calibrated(name)
    other = prepare(build_network(name, **OPTIONS[name])).eval()
    other.load_state_dict(network.state_dict())
    (image,) = batches(1, seed=3)
    with torch.no_grad():
        assert torch.equal(other(image).logits, network(image).logits)
        assert not torch.equal(other(image).logits, network_of(name)(image).logits)


def test_channel_affine_is_batch_normalisation_at_rest() -> None:
    norm = nn.BatchNorm2d(5, eps=1e-3).eval()
    generator = torch.Generator().manual_seed(0)
    for value in (norm.weight, norm.bias, norm.running_mean):
        value.data.copy_(torch.randn(5, generator=generator))  # type: ignore[union-attr]
    norm.running_var = torch.rand(5, generator=generator) * 10 + 1e-4
    features = torch.randn(2, 5, 7, 9, generator=generator) * 3
    with torch.no_grad():
        assert torch.allclose(
            ChannelAffine.of(norm)(features), norm(features), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("name", NAMES)
def test_freezing_leaves_the_weights_alone(name: str) -> None:
    network = calibrated(name)
    weights = {key: layer.weight.detach().clone() for key, layer in convolutions(network)}
    (image,) = batches(1, seed=5)
    with torch.no_grad():
        before = network(image).logits
        frozen = freeze(network.train())
        after = frozen(image).logits
    assert frozen is network
    assert not any(isinstance(module, nn.BatchNorm2d) for module in frozen.modules())
    assert not any(module.training for module in frozen.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    for key, layer in convolutions(frozen):
        assert torch.equal(layer.weight, weights[key])
    # Codes flip at rare ties only: the two ways round differently before the next quantizer.
    spread = float(before.std())
    assert float((after - before).abs().mean()) < 0.02 * spread


@pytest.mark.parametrize("name", NAMES)
def test_freezing_a_float_network_keeps_its_results(name: str) -> None:
    network = prepare(network_of(name))
    (image,) = batches(1)
    with torch.no_grad():
        before = network(image)
        after = freeze(network)(image)
    assert torch.allclose(after.logits, before.logits, rtol=1e-3, atol=1e-3)
    assert torch.allclose(after.descriptor, before.descriptor, rtol=1e-3, atol=1e-3)
