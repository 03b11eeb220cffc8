"""Small synthetic training images, and a member that trains on them in a second."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_qsa.ensemble.training import member as member_module
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.schedule import Phase
from napari_qsa.ensemble.training.targets import training_maps

MakeImages = Callable[..., list[TrainingImage]]
TINY = TrainingOptions(
    network="unet", network_options={"width": 4}, iterations=24, batch=2, crop=32, seed=3
)


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
    stack = np.concatenate([values, training_maps(labels, 1.0, 1.24, 6.0)])
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


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Report after every iteration, and estimate statistics on few crops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_module, "REPORT_EVERY", 1)
        patch.setattr(member_module, "CALIBRATION_BATCHES", 2)
        patch.setattr(member_module, "STATISTICS_BATCHES", 3)
        yield


@pytest.fixture(scope="session")
def make_trainer(make_images: MakeImages) -> Callable[..., MemberTrainer]:
    """Make the trainer of a tiny member: its folder, its report, changes of the options."""

    def make(
        folder: Path,
        report: Callable[[dict[str, Any]], None] = lambda event: None,
        start_from: Path | None = None,
        images: list[TrainingImage] | None = None,
        member: int = 0,
        channels: int = 3,
        plan: tuple[Phase, ...] = (),
        **changes: Any,
    ) -> MemberTrainer:
        return MemberTrainer(
            images if images is not None else make_images(3, channels=channels),
            dataclasses.replace(TINY, **changes),
            member,
            folder,
            ((0.5,) * channels, (0.5,) * channels),
            report,
            start_from=start_from,
            plan=plan,
        )

    return make
