"""Watching a member changes nothing about it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from napari_qsa.ensemble.training.monitor import Watch, gland_dice
from napari_qsa.ensemble.training.samples import TrainingImage

WATCH = Watch("validation.json", losses=10, scores=4)


class Bright(nn.Module):
    """Takes what is bright for gland."""

    def forward(self, pixels: torch.Tensor) -> SimpleNamespace:
        gland = pixels[:, :1] - 0.5
        return SimpleNamespace(logits=torch.cat([gland, gland], dim=1))


def image(bright: np.ndarray, gland: np.ndarray, reviewed: np.ndarray | None = None):
    planes = [bright] * 3 + [gland, np.zeros_like(gland)]
    planes += [] if reviewed is None else [reviewed]
    stack = torch.from_numpy(np.stack(planes).astype(np.uint8) * 255)
    return TrainingImage("a", "0" * 64, -1, stack)


def score(*images: TrainingImage) -> float:
    return gland_dice(Bright(), images, 3, lambda pixels: pixels)


def test_the_dice_is_pooled_over_reviewed_pixels() -> None:
    left, top = np.zeros((40, 50), bool), np.zeros((40, 50), bool)
    left[:, :25], top[:20] = True, True
    assert score(image(left, left)) == 1
    assert score(image(left, top)) == pytest.approx(0.5)
    assert score(image(left, ~left)) == 0
    assert score(image(left, top, reviewed=left & top)) == 1
    assert score(image(left, left), image(left, top)) == pytest.approx(0.75)
    nothing = np.zeros((40, 50), bool)
    assert score(image(nothing, nothing)) == 1


def test_a_network_stays_in_its_mode() -> None:
    network = Bright()
    left = np.ones((40, 50), bool)
    for mode in (True, False):
        network.train(mode)
        gland_dice(network, [image(left, left)], 3, lambda pixels: pixels)
        assert network.training is mode


def test_a_watched_member_ends_with_the_same_weights(
    quick, make_trainer, make_images, tmp_path: Path
) -> None:
    events: list[dict] = []
    plain = make_trainer(tmp_path / "plain").run()
    trainer = make_trainer(tmp_path / "watched", report=events.append)
    trainer.watch = WATCH
    trainer._validation = make_images(5)[3:]
    watched = trainer.run()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name
    scores = [event for event in events if event["event"] == "validation"]
    assert [event["iteration"] for event in scores] == [6, 12, 18, 24, 24]
    assert all(0 <= event["dice"] <= 1 and event["images"] == 2 for event in scores)
    assert len({event["dice"] for event in scores}) > 1
    losses = [event["iteration"] for event in events if event["event"] == "progress"]
    assert len(losses) >= 10


def test_without_validation_a_member_is_watched_on_what_it_does_not_train_on(
    quick, make_trainer, make_images, tmp_path: Path
) -> None:
    images = make_images(3, folds=(0, 1, 2))
    trainer = make_trainer(tmp_path / "folds", images=images, member=1, folds=3)
    assert trainer._validation == [images[1]]
    events: list[dict] = []
    everything = make_trainer(tmp_path / "all", report=events.append, folds=3)
    everything.watch = WATCH
    assert everything._validation == []
    everything.run()
    assert not any(event["event"] == "validation" for event in events)
