"""The networks of the papers at their published widths: known answers; and the parts they share."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.networks import Side, build_network
from napari_qsa.networks.blocks import TransposedConv, enlarge
from napari_qsa.networks.dcan import begin_bilinear


def published(name: str, in_channels: int = 3) -> nn.Module:
    """The network at full width: shapes, no values."""
    with torch.device("meta"):
        return build_network(name, in_channels, width=64)


def widths_of(layers: object) -> list[int]:
    """Feature maps that come out of each of some modules."""
    found = []
    for layer in layers:  # type: ignore[attr-defined]
        convolutions = [module for module in layer.modules() if isinstance(module, nn.Conv2d)]
        found.append(convolutions[-1].out_channels)
    return found


def shapes_inside(network: nn.Module, names: list[str], size: tuple[int, int]) -> list[torch.Size]:
    """Shapes of what some modules give, on the meta device."""
    seen: dict[str, torch.Size] = {}
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: output.shape})
        )
    network.eval()(torch.empty(1, 3, *size, device="meta"))
    return [seen[name] for name in names]


def test_suggestive_fcn_has_the_published_scales() -> None:
    network = published("suggestive_fcn")
    names = [f"scales.{level}" for level in range(6)]
    wanted = [256, 256, 512, 1024, 1024, 1024]
    shapes = shapes_inside(network, names, (64, 96))
    expected = [(1, maps, 64 >> level, 96 >> level) for level, maps in enumerate(wanted)]
    assert [tuple(shape) for shape in shapes] == expected
    assert network.descriptor_size == 1024
    for level in range(1, 6):
        first, second = network.scales[level]  # type: ignore[index, misc]
        assert first.filter[2].in_channels * 4 == wanted[level]
        assert (first.shortcut is None) == (wanted[level] == wanted[level - 1])
        assert second.shortcut is None
    steps = [sum(isinstance(m, TransposedConv) for m in up) for up in network.up]  # type: ignore[union-attr]
    assert steps == [1, 2, 3, 4, 5]


def test_unet_fixed_point_has_the_published_size() -> None:
    """4.8 M: the paper's own, one channel in and one map out, beside BN's and our second map."""
    network = published("unet_fixed_point", in_channels=1)
    norms = sum(2 * m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    second_map = 64 * 9 + 1
    assert sum(value.numel() for value in network.parameters()) == 4_832_641 + norms + second_map
    assert widths_of(network.down) == [64, 128, 256, 256]
    assert widths_of(network.up) == [256, 128, 64]


def test_unet_fixed_point_normalises_after_the_relu() -> None:
    """Convolution, ReLU, BN: what the next convolution gets, and its quantizer, is signed."""
    network = build_network("unet_fixed_point", width=4)
    kinds = [type(layer).__name__ for layer in network.down[1]]  # type: ignore[index, union-attr]
    assert kinds == ["Conv2d", "ReLU", "BatchNorm2d"] * 2
    seen: list[Tensor] = []
    network.down[1][3].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))  # type: ignore[index, union-attr]
    network(torch.rand(2, 3, 32, 32))
    assert float(seen[0].detach().min()) < -0.1


@pytest.mark.parametrize("name", ["dcan", "multichannel"])
def test_the_encoder_is_that_of_vgg_16(name: str) -> None:
    network = published(name)
    stages = list(network.down)[:5]  # type: ignore[arg-type]
    weights = [m.weight for stage in stages for m in stage.modules() if isinstance(m, nn.Conv2d)]
    assert len(weights) == 13
    biases = 4224  # VGG-16 has them, BN makes them needless
    assert sum(weight.numel() for weight in weights) + biases == 14_714_688
    assert network.descriptor_size == (1024 if name == "dcan" else 512)


def test_dcan_sums_three_levels_and_shows_each() -> None:
    torch.manual_seed(0)
    network = build_network("dcan", width=2).eval()
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        output, sides = network.with_sides(image)  # type: ignore[operator]
        assert torch.equal(output.logits, network(image).logits)
    assert [(side.target, side.fades, side.weight) for side in sides] == [("maps", True, 1.0)] * 3
    assert torch.allclose(output.logits, sum(side.logits for side in sides), atol=1e-6)
    assert all(float(side.logits.std()) > 0 for side in sides)


def test_multichannel_fuses_its_three_channels_and_nothing_else() -> None:
    torch.manual_seed(0)
    network = build_network("multichannel", width=4).eval()
    fused: list[Tensor] = []
    network.fusion.register_forward_pre_hook(lambda _, inputs: fused.append(inputs[0]))  # type: ignore[union-attr]
    with torch.no_grad():
        _, sides = network.with_sides(torch.rand(2, 3, 32, 48))  # type: ignore[operator]
    region, edge, core, *scales = sides
    assert [side.target for side in sides] == ["gland", "edge", "core"] + ["edge"] * 5
    channels = torch.sigmoid(torch.cat([side.logits for side in (region, edge, core)], dim=1))
    assert torch.equal(fused[0], channels)
    mean = torch.stack([side.logits for side in scales]).mean(dim=0)
    assert torch.allclose(edge.logits, mean, atol=1e-5)  # it begins as their mean
    assert sum(side.weight for side in scales) == pytest.approx(1.0)
    assert not any(side.fades for side in sides)
    assert isinstance(region, Side)


@pytest.mark.parametrize("factor", [2, 4])
def test_a_kernel_of_1_is_a_transposed_convolution(factor: int) -> None:
    torch.manual_seed(0)
    layer = TransposedConv(3, 5, factor).double()
    features = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    weight = layer.convolution.weight.view(5, factor, factor, 3).permute(3, 0, 1, 2)
    expected = F.conv_transpose2d(features, weight, stride=factor)
    assert torch.allclose(layer(features), expected)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_kernel_of_3_is_a_transposed_convolution_too(factor: int) -> None:
    torch.manual_seed(0)
    layer = TransposedConv(3, 5, factor, 3).double()
    features = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    parts = layer.convolution.weight.view(5, factor, factor, 3, 3, 3).flip(4, 5)
    weight = parts.permute(3, 0, 4, 1, 5, 2).reshape(3, 5, 3 * factor, 3 * factor)
    expected = F.conv_transpose2d(features, weight, stride=factor, padding=factor)
    assert torch.allclose(layer(features), expected)


@pytest.mark.parametrize("factor", [2, 8])
def test_it_begins_bilinear(factor: int) -> None:
    torch.manual_seed(0)
    layer = TransposedConv(4, 1, factor, 3, bias=True)
    nn.init.zeros_(layer.convolution.bias)  # type: ignore[arg-type]
    begin_bilinear(layer)
    features = torch.randn(1, 4, 6, 5)
    mixture = layer.convolution.weight.detach().sum(dim=(2, 3))[:1]  # shares sum to 1
    expected = enlarge(F.conv2d(features, mixture[:, :, None, None]), factor)
    inside = (..., slice(factor, -factor), slice(factor, -factor))
    with torch.no_grad():
        found = layer(features)
    assert found.shape == expected.shape
    assert torch.allclose(found[inside], expected[inside], atol=1e-5)
    assert float(found[inside].std()) > 0.1


@pytest.mark.parametrize("name", ["suggestive_fcn", "unet_fixed_point", "dcan", "multichannel"])
def test_the_narrowest_ones_are_small(name: str) -> None:
    sizes = [
        sum(value.numel() for value in build_network(name, width=width).parameters())
        for width in (2, 4, 8)
    ]
    assert 3 * sizes[0] < 1.5 * sizes[1] < sizes[2]
    assert sizes[0] < 100_000
