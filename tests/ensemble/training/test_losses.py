"""The loss, by hand."""

import math

import pytest
import torch

from napari_qsa.ensemble.training.losses import (
    SEPARATOR_POSITIVE,
    segmentation_loss,
    soft_dice_loss,
)


def test_soft_dice_by_hand() -> None:
    target = torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert float(soft_dice_loss(target, target)) == 0.0
    assert float(soft_dice_loss(torch.full((4,), 0.5), target)) == pytest.approx(1 - 3 / 4)
    assert float(soft_dice_loss(1 - target, target)) == pytest.approx(1 - 1 / 5)
    assert float(soft_dice_loss(torch.zeros(4), torch.zeros(4))) == 0.0


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_undecided_network(weight: float) -> None:
    target = torch.zeros(1, 2, 2, 2)
    target[:, 0] = 1
    target[:, 1, 0] = 1
    loss = float(segmentation_loss(torch.zeros(1, 2, 2, 2), target, weight))
    half = math.log(2)
    gland = half + 1 - (2 * 4 * 0.5 + 1) / (4 * 0.25 + 4 + 1)
    separator = half * (SEPARATOR_POSITIVE + 1) / 2 + 1 - (2 * 2 * 0.5 + 1) / (4 * 0.25 + 2 + 1)
    assert loss == pytest.approx(gland + weight * separator, rel=1e-6)


def test_perfect_prediction_costs_nothing_and_a_wrong_one_much() -> None:
    target = (torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    logits = 40 * target - 20
    assert float(segmentation_loss(logits, target, 0.5)) < 1e-5
    assert float(segmentation_loss(-logits, target, 0.5)) > 20
    assert float(segmentation_loss(logits.flip(1), target, 0.5)) > 5  # the channels are not alike


def test_gradient_points_to_the_target() -> None:
    target = (torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    segmentation_loss(logits, target, 0.5).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad < 0, target > 0.5)


def test_pixels_of_the_separator_count_more_for_the_gland() -> None:
    target = torch.zeros(1, 2, 2, 2)
    target[:, 1, 0] = 1  # two of four pixels, none of them gland
    logits = torch.zeros(1, 2, 2, 2)
    plain = float(segmentation_loss(logits, target, 0.0))
    weighted = float(segmentation_loss(logits, target, 0.0, border_weight=4.0))
    assert weighted - plain == pytest.approx(math.log(2) * (5 + 1) / 2 - math.log(2), rel=1e-6)
    everywhere = torch.ones(1, 2, 2, dtype=torch.bool)
    again = float(segmentation_loss(logits, target, 0.0, everywhere, border_weight=4.0))
    assert again == pytest.approx(weighted, rel=1e-6)
