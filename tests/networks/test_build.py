"""The networks: shapes, strides, descriptors and what cannot be built."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_qsa.cli.train import NETWORKS as NAMED_BY_THE_COMMAND
from napari_qsa.errors import QsaError
from napari_qsa.networks import NETWORKS, Output, build_network
from napari_qsa.quantization import convolutions, prepare, with_names

SMALL: dict[str, dict[str, Any]] = {
    "efficient_fcn": {"width": 4},
    "unet": {"width": 2},
    "suggestive_fcn": {"width": 2},
    "unet_fixed_point": {"width": 2},
    "dcan": {"width": 2},
    "multichannel": {"width": 4},
}
NAMES = sorted(SMALL)


def small(name: str, in_channels: int = 3, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(name, in_channels, **SMALL[name])


def at_rest(name: str) -> nn.Module:
    """A network in evaluation mode, its statistics those of a batch: its features do not vanish."""
    network = small(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(4, 3, 64, 64))
    return network.eval()


def test_every_network_is_tested_here() -> None:
    assert set(NETWORKS) == set(SMALL) == set(NAMED_BY_THE_COMMAND)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("batch", "channels", "height", "width"), [(1, 3, 1, 2), (2, 1, 2, 1), (3, 4, 2, 3)]
)
def test_output_has_the_size_of_the_input(
    name: str, batch: int, channels: int, height: int, width: int
) -> None:
    network = small(name, channels).eval()
    shape = (height * network.stride, width * network.stride)
    with torch.no_grad():
        output = network(torch.rand(batch, channels, *shape))
    assert isinstance(output, Output)
    assert output.logits.shape == (batch, 2, *shape)
    assert output.logits.dtype == torch.float32
    assert output.descriptor.shape == (batch, network.descriptor_size)
    assert torch.isfinite(output.logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_stride_is_the_smallest_step_of_the_size(name: str) -> None:
    network = small(name).eval()
    side = network.stride + network.stride // 2
    with torch.no_grad(), pytest.raises(RuntimeError, match="size"):
        network(torch.zeros(1, 3, side, network.stride))


@pytest.mark.parametrize("name", NAMES)
def test_images_of_a_batch_do_not_mix_at_rest(name: str) -> None:
    network = at_rest(name)
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        together, alone = network(images), network(images[1:2])
    assert together.logits.std() > 0.1
    assert not torch.allclose(together.logits[0], together.logits[1], atol=0.1)
    assert torch.allclose(together.logits[1:2], alone.logits, atol=1e-4)
    assert torch.allclose(together.descriptor[1:2], alone.descriptor, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_descriptor_is_the_spatial_mean_of_the_last_encoder_features(name: str) -> None:
    network = at_rest(name)
    last = {"efficient_fcn": "encoder.blocks.15", "suggestive_fcn": "scales.5"}.get(name)
    last = network.get_submodule(last) if last else network.down[-1]
    seen: list[Tensor] = []
    last.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        descriptor = network(torch.rand(2, 3, 64, 96)).descriptor
    (features,) = seen
    assert features.shape[2:] == (64 // network.stride, 96 // network.stride)
    expected = features.double().sum((2, 3)) / (features.shape[2] * features.shape[3])
    assert torch.allclose(descriptor.double(), expected, atol=1e-5)
    assert expected.std() > 0.1
    assert not torch.equal(descriptor[0], descriptor[1])


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_takes_part(name: str) -> None:
    network = small(name)
    output = network(torch.rand(2, 3, 64, 64))
    output.logits.square().mean().backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.abs().sum() > 0, parameter


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_makes_the_network(name: str) -> None:
    first, again, other = small(name, seed=5), small(name, seed=5), small(name, seed=6)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_a_network_without_values_does_not_load_the_compiler() -> None:
    """That takes a second or more, of every process that opens an ensemble file."""
    code = """
import sys, torch
from napari_qsa.networks import NETWORKS, build_network
from napari_qsa.quantization import freeze, prepare
with torch.device("meta"):
    for name in NETWORKS:
        freeze(prepare(build_network(name, width=4)))
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_encoder_has_the_published_number_of_parameters() -> None:
    encoder = small("efficient_fcn").encoder
    convolutional = sum(value.numel() for value in encoder.parameters())
    head = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    assert convolutional + head == 4_652_008  # EfficientNet-Lite0: 4.652 M


def test_width_scales_the_network() -> None:
    def size(name: str, **options: Any) -> int:
        return sum(value.numel() for value in build_network(name, **options).parameters())

    assert size("unet", width=8) > 3.5 * size("unet", width=4)
    assert size("efficient_fcn", width=16) > size("efficient_fcn", width=8)
    assert build_network("unet", width=3).descriptor_size == 48


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnet", {}, "no network 'resnet'.*efficient_fcn, unet"),
        ("unet", {"depth": 3}, "'unet' does not take these options.*depth"),
        ("unet", {"pretrained": True}, "'unet' does not take these options.*pretrained"),
        ("efficient_fcn", {"width": "wide"}, "does not take these options"),
        ("suggestive_fcn", {"width": 2.5}, "does not take these options"),
        ("efficient_fcn", {"width": 1}, "width of at least 2, not 1"),
        ("unet", {"width": 0}, "width of at least 1, not 0"),
        ("unet", {"in_channels": 0}, "at least 1 channel, not 0"),
    ],
)
def test_what_cannot_be_built_is_said_in_a_sentence(
    name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(QsaError, match=words) as raised:
        build_network(name, **options)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_layers_that_see_the_image_and_give_the_maps(name: str) -> None:
    network = prepare(small(name)).eval()
    run: list[str] = []
    for layer, convolution in convolutions(network):
        convolution.register_forward_hook(lambda *_, layer=layer: run.append(layer))
    network(torch.zeros(1, 3, network.stride * 2, network.stride * 2))
    (first,) = with_names(network, {"first": "float"})
    last = with_names(network, {"last": "float"})
    assert first == run[0]
    assert run[-1] in last
    assert len(last) == (6 if name == "dcan" else 1)
