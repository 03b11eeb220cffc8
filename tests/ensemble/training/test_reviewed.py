"""Only reviewed pixels are learned from; what the labels are elsewhere changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_qsa.ensemble.training import crops as crops_module
from napari_qsa.ensemble.training.crops import Crops
from napari_qsa.ensemble.training.losses import segmentation_loss
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.targets import training_maps

OPTIONS = TrainingOptions(batch=6, crop=32, seed=1)


def pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn((2, 2, 9, 11), generator=random, requires_grad=True)
    return logits, torch.rand((2, 2, 9, 11), generator=random)


def labelled(height: int = 60, width: int = 70) -> np.ndarray:
    labels = np.zeros((height, width), np.int32)
    labels[5:25, 5:30], labels[5:25, 33:60], labels[40:55, 20:50] = 1, 2, 3
    return labels


def test_unreviewed_pixels_add_nothing_to_the_loss_or_its_gradient() -> None:
    logits, target = pair()
    reviewed = torch.zeros((2, 9, 11), dtype=torch.bool)
    reviewed[0, :4], reviewed[1, :, 7:] = True, True
    loss = segmentation_loss(logits, target, 0.5, reviewed)
    loss.backward()
    gradient = logits.grad
    assert (gradient.abs().sum(dim=1) > 0).equal(reviewed)
    other = torch.where(reviewed[:, None], target, 1 - target)
    assert segmentation_loss(logits, other, 0.5, reviewed) == loss
    wrong = torch.where(reviewed[:, None], 1 - target, target)
    assert segmentation_loss(logits, wrong, 0.5, reviewed) != loss


def test_where_all_was_reviewed_the_loss_is_that_of_all() -> None:
    logits, target = pair()
    everywhere = torch.ones((2, 9, 11), dtype=torch.bool)
    both = [segmentation_loss(logits, target, 0.5, which) for which in (None, everywhere)]
    assert torch.isclose(*both, rtol=1e-6)


def test_where_nothing_was_reviewed_nothing_is_learned() -> None:
    logits, target = pair()
    loss = segmentation_loss(logits, target, 0.5, torch.zeros((2, 9, 11), dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("factor", [1.0, 0.5, 1.3])
def test_labels_outside_the_region_change_no_target(factor: float) -> None:
    labels = labelled()
    reviewed = np.zeros(labels.shape, bool)
    reviewed[:30, 10:45] = True
    other = np.where(reviewed, labels, 9)
    maps = [training_maps(values, factor, 1.24, 6.0, reviewed) for values in (labels, other)]
    assert maps[0].shape[0] == 3
    assert np.array_equal(*maps)
    whole = training_maps(labels, factor, 1.24, 6.0, np.ones(labels.shape, bool))
    assert np.array_equal(whole[:2], training_maps(labels, factor, 1.24, 6.0))
    assert (whole[2] == 255).all()
    share = maps[0][2].mean() / 255
    assert 0 < share <= reviewed.mean() + 1e-9


def image(reviewed: np.ndarray | None, number: int = 0) -> TrainingImage:
    labels = labelled()
    pixels = np.random.default_rng(number).integers(0, 256, (3, *labels.shape), np.uint8)
    maps = training_maps(labels, 1.0, 1.24, 6.0, reviewed)
    stack = torch.from_numpy(np.concatenate([pixels, maps]))
    return TrainingImage(f"{number}", f"{number:064x}", -1, stack)


def drawn(images: list[TrainingImage], augment: bool, iteration: int = 0):
    share = np.full(len(images), 1 / len(images))
    plain = ((0.5,) * 3, (0.5,) * 3)
    crops = Crops(images, share, OPTIONS, 0, plain, torch.device("cpu"))
    return crops.batch(iteration, augment)


@pytest.mark.parametrize("augment", [True, False])
def test_a_region_that_is_everything_changes_no_crop(augment: bool) -> None:
    plain = drawn([image(None)], augment)
    marked = drawn([image(np.ones((60, 70), bool))], augment)
    assert plain.reviewed is None
    assert marked.reviewed is not None
    assert marked.reviewed.all()
    assert torch.equal(plain.pixels, marked.pixels)
    assert torch.equal(plain.targets, marked.targets)


def test_crops_of_images_with_a_region_and_without_go_together() -> None:
    half = np.zeros((60, 70), bool)
    half[:, :35] = True
    batch = drawn([image(half), image(None, 1)], augment=True)
    assert batch.targets.shape == (6, 2, 32, 32)
    assert batch.reviewed is not None
    shares = batch.reviewed.float().mean(dim=(1, 2))
    assert (shares == 1).any()
    assert ((shares > 0) & (shares < 1)).any()


def test_crops_are_looked_for_where_something_was_reviewed(monkeypatch) -> None:
    corner = np.zeros((60, 70), bool)
    corner[:14, :14] = True

    def empty() -> int:
        batches = [drawn([image(corner)], True, iteration) for iteration in range(6)]
        return sum(int((~b.reviewed.flatten(1).any(dim=1)).sum()) for b in batches)

    found = empty()
    monkeypatch.setattr(crops_module, "ATTEMPTS", 1)
    assert found < empty()


def test_training_never_sees_what_was_not_reviewed(quick, make_trainer, tmp_path: Path) -> None:
    """Two runs whose labels differ outside the region end with the same weights."""
    reviewed = np.zeros((60, 70), bool)
    reviewed[:40, :50] = True
    weights = []
    for number, outside in enumerate((0, 8)):
        labels = np.where(reviewed, labelled(), outside)
        pixels = np.random.default_rng(5).integers(0, 256, (3, *labels.shape), np.uint8)
        maps = training_maps(labels, 1.0, 1.24, 6.0, reviewed)
        stack = torch.from_numpy(np.concatenate([pixels, maps]))
        images = [TrainingImage("a", "0" * 64, -1, stack)]
        trainer = make_trainer(tmp_path / str(number), images=images, iterations=10)
        weights.append([p.detach().clone() for p in trainer.run().state_dict().values()])
    assert all(torch.equal(*both) for both in zip(*weights, strict=True))
