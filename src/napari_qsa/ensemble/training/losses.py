"""The loss: cross-entropy and soft Dice, for gland and separator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SEPARATOR_POSITIVE = 3.0
"""A separator pixel counts this many times: they are few."""


def soft_dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    """1 - Dice over the batch, with soft targets; 0 to 1."""
    overlap = 2 * (probability * target).sum() + 1.0
    return 1 - overlap / (probability.square().sum() + target.square().sum() + 1.0)


def segmentation_loss(
    logits: Tensor,
    target: Tensor,
    separator_weight: float,
    reviewed: Tensor | None = None,
    border_weight: float = 0.0,
) -> Tensor:
    """Sum the losses of both outputs.

    Parameters
    ----------
    logits, target : Tensor, shape (N, 2, H, W), float32
        Gland and separator; targets in [0, 1].
    separator_weight : float
        Weight of the separator's loss; the gland's is 1.
    reviewed : Tensor, shape (N, H, W), bool, optional
        The pixels that count; all if None. Where none does, the loss is 0.
    border_weight : float
        A separator pixel counts 1 + this many times in the gland's cross-entropy.
    """
    if reviewed is not None:
        return _reviewed_loss(logits, target, separator_weight, reviewed, border_weight)
    probability = torch.sigmoid(logits)
    gland = F.binary_cross_entropy_with_logits(
        logits[:, 0], target[:, 0], weight=1 + border_weight * target[:, 1]
    )
    gland = gland + soft_dice_loss(probability[:, 0], target[:, 0])
    separator = F.binary_cross_entropy_with_logits(
        logits[:, 1], target[:, 1], pos_weight=logits.new_tensor(SEPARATOR_POSITIVE)
    ) + soft_dice_loss(probability[:, 1], target[:, 1])
    return gland + separator_weight * separator


def _reviewed_loss(
    logits: Tensor,
    target: Tensor,
    separator_weight: float,
    reviewed: Tensor,
    border_weight: float,
) -> Tensor:
    """Sum the same losses over the reviewed pixels alone, picked out before they are summed."""
    if not reviewed.any():
        return logits.sum() * 0.0
    chosen = [side.movedim(1, -1)[reviewed].T[None, :, None] for side in (logits, target)]
    return segmentation_loss(chosen[0], chosen[1], separator_weight, border_weight=border_weight)
