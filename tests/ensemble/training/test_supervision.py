"""Deep supervision: the targets by hand, and what each side output adds to the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_qsa.ensemble.training.crops import Batch
from napari_qsa.ensemble.training.losses import segmentation_loss
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.supervision import (
    CORE_REACH,
    FADED,
    fading,
    side_target,
    training_loss,
)
from napari_qsa.networks import DeeplySupervised, Output, Side, build_network

OPTIONS = TrainingOptions(separator_weight=0.7, border_weight=2.0)


class Fixed(nn.Module):
    """Says the same whatever it sees."""

    def __init__(self, logits: Tensor, *sides: Side) -> None:
        super().__init__()
        self.output, self.sides = Output(logits, logits.mean((2, 3))), sides

    def forward(self, image: Tensor) -> Output:
        return self.output

    def with_sides(self, image: Tensor) -> tuple[Output, tuple[Side, ...]]:
        return self.output, self.sides


def drawn(seed: int = 0, side: int = 16) -> Batch:
    random = torch.Generator().manual_seed(seed)
    targets = (torch.rand(2, 2, side, side, generator=random) > 0.5).float()
    return Batch(torch.rand(2, 3, side, side, generator=random), targets, None)


def test_which_networks_are_deeply_supervised() -> None:
    deep = {"dcan": 3, "multichannel": 8}
    for name in ("unet", "suggestive_fcn", "unet_fixed_point", "dcan", "multichannel"):
        network = build_network(name, width=2)
        assert isinstance(network, DeeplySupervised) == (name in deep)
        if isinstance(network, DeeplySupervised):
            network.eval()
            with torch.no_grad():
                output, sides = network.with_sides(torch.rand(2, 3, 32, 64))
                plain = network(torch.rand(2, 3, 32, 64))
            assert output.logits.shape == plain.logits.shape
            assert len(sides) == deep[name]
            for side in sides:
                planes = 2 if side.target == "maps" else 1
                assert side.logits.shape == (2, planes, 32, 64)
                assert 0 < side.weight <= 1


def test_a_network_without_sides_has_the_plain_loss() -> None:
    network, batch = build_network("unet", width=2).eval(), drawn()
    with torch.no_grad():
        loss = training_loss(network, batch, OPTIONS, 0.3)
        expected = segmentation_loss(
            network(batch.pixels).logits, batch.targets, 0.7, border_weight=2.0
        )
    assert torch.equal(loss, expected)


def test_each_side_adds_its_weight_times_its_loss() -> None:
    batch = drawn()
    logits, level = torch.randn(2, 2, 16, 16), torch.randn(2, 2, 16, 16)
    last, other = (
        segmentation_loss(maps, batch.targets, 0.7, border_weight=2.0) for maps in (logits, level)
    )
    network = Fixed(logits, Side(level, "maps", 0.25), Side(level, "maps", fades=True))
    for progress, weight in ((0.0, 1.0), (1 / 3, 0.1), (1.0, FADED), (2.0, FADED)):
        loss = training_loss(network, batch, OPTIONS, progress)
        assert float(loss) == pytest.approx(float(last + (0.25 + weight) * other), rel=1e-5)
        assert fading(progress) == pytest.approx(weight)


def test_targets_of_a_square() -> None:
    maps = torch.zeros(1, 2, 24, 24)
    maps[0, 0, 6:18, 6:18] = 1
    assert torch.equal(side_target(maps, "gland"), maps[:, :1])
    edge = torch.zeros(24, 24)
    edge[5:19, 5:19] = 1
    edge[7:17, 7:17] = 0
    assert torch.equal(side_target(maps, "edge")[0, 0], edge)
    core = torch.zeros(24, 24)
    core[6 + CORE_REACH : 18 - CORE_REACH, 6 + CORE_REACH : 18 - CORE_REACH] = 1
    assert torch.equal(side_target(maps, "core")[0, 0], core)


def test_a_separator_is_an_edge_and_parts_cores() -> None:
    maps = torch.zeros(1, 2, 24, 40)
    maps[0, 0] = 1  # two glands side by side, which go on beyond the crop
    maps[0, 1, :, 20] = 1
    edge, core = (side_target(maps, name)[0, 0] for name in ("edge", "core"))
    assert torch.equal(edge, maps[0, 1])
    expected = torch.ones(24, 40)
    expected[:, 20 - CORE_REACH : 20 + CORE_REACH + 1] = 0
    assert torch.equal(core, expected)


@pytest.mark.parametrize("target", ["gland", "edge", "core", "maps"])
def test_the_right_side_output_costs_nothing_and_a_wrong_one_much(target: Any) -> None:
    batch = drawn(side=32)
    batch.targets[:, :, 4:28, 4:28] = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    wanted = batch.targets if target == "maps" else side_target(batch.targets, target)
    perfect = 40 * batch.targets - 20
    assert float(training_loss(Fixed(perfect), batch, OPTIONS, 0)) < 1e-5
    for logits, low, high in ((40 * wanted - 20, 0.0, 1e-5), (20 - 40 * wanted, 10.0, 200.0)):
        network = Fixed(perfect, Side(logits, target))
        assert low <= float(training_loss(network, batch, OPTIONS, 0.0)) < high


@pytest.mark.parametrize("target", ["gland", "edge", "core", "maps"])
def test_only_what_was_reviewed_counts(target: Any) -> None:
    reviewed = torch.zeros(2, 32, 32, dtype=torch.bool)
    reviewed[:, :20] = True
    planes = 2 if target == "maps" else 1
    logits, level = torch.randn(2, 2, 32, 32), torch.randn(2, planes, 32, 32)

    def loss(change: bool) -> Tensor:
        batch = drawn(side=32)
        if change:
            batch.targets[:, :, 20:] = 1 - batch.targets[:, :, 20:]
        batch = Batch(batch.pixels, batch.targets, reviewed)
        return training_loss(Fixed(logits, Side(level, target)), batch, OPTIONS, 0.0)

    assert torch.equal(loss(change=False), loss(change=True))


@pytest.mark.parametrize("target", ["gland", "edge", "core"])
def test_nothing_reviewed_is_no_loss(target: Any) -> None:
    batch = drawn()
    batch = Batch(batch.pixels, batch.targets, torch.zeros(2, 16, 16, dtype=torch.bool))
    level = torch.randn(2, 1, 16, 16, requires_grad=True)
    loss = training_loss(Fixed(torch.randn(2, 2, 16, 16), Side(level, target)), batch, OPTIONS, 0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert level.grad is not None
    assert not level.grad.any()
