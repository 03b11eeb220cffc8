"""Deep supervision: losses for what a network says on its way, from the same labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.ensemble.training.losses import (
    SEPARATOR_POSITIVE,
    segmentation_loss,
    soft_dice_loss,
)
from napari_qsa.networks import DeeplySupervised, Side

if TYPE_CHECKING:
    from napari_qsa.ensemble.training.crops import Batch
    from napari_qsa.ensemble.training.options import TrainingOptions

EDGE_REACH = 1
"""Pixels of the network's grid: an edge lies within this distance of where a gland ends."""

CORE_REACH = 4
"""Pixels: the core of a gland is further than this from what is not of it."""

FADED = 1e-3
"""Where the weight of a fading side output ends (Chen et al. 2016, section 3.3)."""

_REACHES = {"maps": 0, "gland": 0, "edge": EDGE_REACH, "core": CORE_REACH}


def training_loss(
    network: nn.Module, batch: Batch, options: TrainingOptions, progress: float
) -> Tensor:
    """Run a network on a batch and sum the losses of all its outputs.

    Parameters
    ----------
    network : nn.Module
        In training mode; its side outputs count if it is `DeeplySupervised`.
    batch : Batch
        Crops and targets.
    options : TrainingOptions
        Of the run: weights of the separator and of borders.
    progress : float
        Share of the float phase that is over; above 1 after it.

    Returns
    -------
    Tensor, shape (), float32
    """
    sides: tuple[Side, ...] = ()
    if isinstance(network, DeeplySupervised):
        output, sides = network.with_sides(batch.pixels)
    else:
        output = network(batch.pixels)
    terms = (batch.targets, options.separator_weight, batch.reviewed, options.border_weight)
    loss = segmentation_loss(output.logits, *terms)
    for side in sides:
        weight = side.weight * (fading(progress) if side.fades else 1.0)
        if side.target == "maps":
            loss = loss + weight * segmentation_loss(side.logits, *terms)
        else:
            loss = loss + weight * _map_loss(side, batch)
    return loss


def fading(progress: float) -> float:
    """Weight of a fading side output: from 1 by a constant factor down to `FADED`."""
    return float(FADED ** min(progress, 1.0))


def side_target(targets: Tensor, target: str) -> Tensor:
    """Make the map that a side output learns from gland and separator.

    Parameters
    ----------
    targets : Tensor, shape (N, 2, H, W), float32
        In [0, 1].
    target : {"gland", "edge", "core"}
        The gland as it is; what lies within `EDGE_REACH` of the end of a gland or is of a
        separator; the gland further than `CORE_REACH` from background and separators. Beyond the
        crop nothing ends.

    Returns
    -------
    Tensor, shape (N, 1, H, W), float32
    """
    gland, separator = targets[:, :1], targets[:, 1:2]
    if target == "gland":
        return gland
    if target == "edge":
        band = _widest(gland, EDGE_REACH) + _widest(-gland, EDGE_REACH)
        return torch.maximum(band, separator)
    return -_widest(-torch.minimum(gland, 1 - separator), CORE_REACH)


def _widest(maps: Tensor, reach: int) -> Tensor:
    return F.max_pool2d(maps, 2 * reach + 1, stride=1, padding=reach)


def _map_loss(side: Side, batch: Batch) -> Tensor:
    """Cross-entropy and soft Dice of one map; a pixel counts if all it is made from does."""
    wanted = side_target(batch.targets, side.target)
    logits = side.logits
    if batch.reviewed is not None:
        unknown = (~batch.reviewed[:, None]).float()
        counts = _widest(unknown, _REACHES[side.target]) == 0
        if not counts.any():
            return logits.sum() * 0.0
        logits, wanted = logits[counts], wanted[counts]
    positive = SEPARATOR_POSITIVE if side.target == "edge" else 1.0
    entropy = F.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=logits.new_tensor(positive)
    )
    return entropy + soft_dice_loss(torch.sigmoid(logits), wanted)
