"""Batches of crops: what a member sees in an iteration, a function of its key alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_qsa.ensemble.training.augmentation import plain_crop, random_crop, random_for
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage

ATTEMPTS = 8
"""How often a crop is drawn anew in which too little was reviewed."""

ENOUGH_REVIEWED = 0.1
"""Share of a crop."""

_REVIEWED = 0.99
"""A pixel that was sampled between reviewed ones and others does not count."""


@dataclass(frozen=True)
class Batch:
    """Crops and their targets.

    Attributes
    ----------
    pixels : Tensor, shape (N, C, S, S), float32
        Normalised.
    targets : Tensor, shape (N, 2, S, S), float32
        Gland and separator, in [0, 1].
    reviewed : Tensor, shape (N, S, S), bool, or None
        The pixels that count; None where all do.
    """

    pixels: Tensor
    targets: Tensor
    reviewed: Tensor | None


class Crops:
    """Draws the batches of one member.

    Parameters
    ----------
    images : sequence of TrainingImage
        All images of the run.
    share : NDArray, shape (n,), float64
        Of each image in the member's draws; sums to 1.
    options : TrainingOptions
        Of the run.
    member : int
        Which network.
    normalisation : tuple
        Mean and standard deviation of each channel, of values in [0, 1].
    device : torch.device
        Where batches go.
    """

    def __init__(
        self,
        images: Sequence[TrainingImage],
        share: NDArray[np.float64],
        options: TrainingOptions,
        member: int,
        normalisation: tuple[Sequence[float], Sequence[float]],
        device: torch.device,
    ) -> None:
        self._images = images
        self._share = share
        self._options = options
        self._member = member
        mean, std = normalisation
        self._mean = torch.tensor(mean).view(1, -1, 1, 1)
        self._std = torch.tensor(std).view(1, -1, 1, 1)
        self._channels = len(mean)
        self._device = device

    def batch(self, iteration: int, augment: bool) -> Batch:
        """Draw crops; augmented, or as they are in the images."""
        crops = [self._crop(iteration, sample, augment) for sample in range(self._options.batch)]
        planes = max(crop.shape[0] for crop in crops)
        stack = torch.stack([_with_planes(crop, planes) for crop in crops])
        targets = stack[:, self._channels :]
        reviewed = targets[:, 2] > _REVIEWED if planes > self._channels + 2 else None
        return Batch(
            self.normalised(stack[:, : self._channels]),
            targets[:, :2].to(self._device),
            None if reviewed is None else reviewed.to(self._device),
        )

    def normalised(self, pixels: Tensor) -> Tensor:
        """Bring (N, C, H, W) values in [0, 1] to what a network sees, where it sees it."""
        pixels = (pixels - self._mean) / self._std
        return pixels.to(self._device, memory_format=torch.channels_last)

    def _crop(self, iteration: int, sample: int, augment: bool) -> Tensor:
        options = self._options
        key = (options.seed, self._member, iteration, sample, int(augment))
        random = random_for(*key)
        image = self._images[int(random.choice(len(self._images), p=self._share))]
        maps = image.stack.shape[0] - self._channels
        for attempt in range(1, ATTEMPTS + 1):
            crop = (
                random_crop(image.stack, options.crop, random, options.stain, maps)
                if augment
                else plain_crop(image.stack, options.crop, random)
            )
            if maps == 2 or float((crop[-1] > _REVIEWED).float().mean()) >= ENOUGH_REVIEWED:
                break
            random = random_for(*key, attempt)
        return crop


def _with_planes(crop: Tensor, planes: int) -> Tensor:
    """Add a plane that says all was reviewed, where others of the batch have one."""
    missing = planes - crop.shape[0]
    return crop if not missing else torch.cat([crop, torch.ones(missing, *crop.shape[1:])])
