"""Small synthetic training images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.targets import training_maps

MakeImages = Callable[..., list[TrainingImage]]


def _image(number: int, shape: tuple[int, int], channels: int, fold: int) -> TrainingImage:
    """Purple rings on pink: a few discs with a pale lumen."""
    random = np.random.default_rng(number)
    rows, columns = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    pixels = np.full((channels, *shape), 0.8) + random.normal(0, 0.03, (channels, *shape))
    for index in range(1, 4):
        row, column, radius = random.uniform(0, shape[0]), random.uniform(0, shape[1]), 9.0
        distance = np.hypot(rows - row, columns - column)
        labels[distance < radius] = index
        pixels[:, distance < radius] *= np.linspace(0.5, 0.7, channels)[:, None]
        pixels[:, distance < radius / 2] = 0.95
    values = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    stack = np.concatenate([values, training_maps(labels, 1.0, 1.24)])
    return TrainingImage(f"image {number}", f"{number:064x}", fold, torch.from_numpy(stack))


@pytest.fixture(scope="session")
def make_images() -> MakeImages:
    """Make training images: how many, their shape, channels, and the fold of each."""

    def make(
        count: int = 3,
        shape: tuple[int, int] = (44, 52),
        channels: int = 3,
        folds: tuple[int, ...] | None = None,
    ) -> list[TrainingImage]:
        return [
            _image(n, shape, channels, folds[n] if folds is not None else -1) for n in range(count)
        ]

    return make
