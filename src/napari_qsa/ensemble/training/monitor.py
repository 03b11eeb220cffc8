"""Watch a member while it trains, on images it does not train on; no weight depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_qsa.ensemble.training.samples import TrainingImage

MOST_IMAGES = 12
MOST_PIXELS = 512
"""Side of what is looked at of an image, on the network's grid."""

_STRIDE = 32
_REVIEWED = 255


@dataclass(frozen=True)
class Watch:
    """How closely a run is watched.

    Attributes
    ----------
    validation : str
        A list of images to watch it on, relative to the run's folder; where it is empty, each
        member is watched on the images it is not trained on.
    losses : int
        Points of the curve of the loss of each member, at least.
    scores : int
        Points of that of the Dice.
    """

    validation: str
    losses: int = 60
    scores: int = 10

    def loss_every(self, iterations: int) -> int:
        """Say how many iterations lie between two points."""
        return max(1, iterations // self.losses)

    def score_every(self, iterations: int) -> int:
        """Say how many iterations lie between two scores."""
        return max(1, -(-iterations // self.scores))


@torch.no_grad()
def gland_dice(
    network: nn.Module,
    images: Sequence[TrainingImage],
    channels: int,
    normalised: Callable[[Tensor], Tensor],
) -> float:
    """Score a network on the middle of a few images.

    Parameters
    ----------
    network : nn.Module
        Left in the mode it was in.
    images : sequence of TrainingImage
        `MOST_IMAGES` of them, evenly picked, are looked at.
    channels : int
        Of an image.
    normalised : callable
        Brings (1, C, H, W) values in [0, 1] to what the network sees.

    Returns
    -------
    float
        2 |P and T| / (|P| + |T|) of the reviewed gland pixels of all images together; 1 where
        there are none on either side.
    """
    was_training = network.training
    network.eval()
    both = total = 0.0
    for image in _some(images):
        stack = _middle(image.stack)
        height, width = stack.shape[1:]
        pixels = stack[:channels].float().div_(255)[None]
        padding = (0, -width % _STRIDE, 0, -height % _STRIDE)
        logits = network(normalised(F.pad(pixels, padding, mode="replicate"))).logits
        found = logits[0, 0, :height, :width].cpu() >= 0
        truth = stack[channels] >= 128
        if stack.shape[0] > channels + 2:
            reviewed = stack[channels + 2] == _REVIEWED
            found, truth = found & reviewed, truth & reviewed
        both += float((found & truth).sum())
        total += float(found.sum() + truth.sum())
    network.train(was_training)
    return 2 * both / total if total else 1.0


def _some(images: Sequence[TrainingImage]) -> list[TrainingImage]:
    count = min(len(images), MOST_IMAGES)
    return [images[place * len(images) // count] for place in range(count)]


def _middle(stack: Tensor) -> Tensor:
    starts = [max(side - MOST_PIXELS, 0) // 2 for side in stack.shape[1:]]
    rows, columns = (slice(start, start + MOST_PIXELS) for start in starts)
    return stack[:, rows, columns]
