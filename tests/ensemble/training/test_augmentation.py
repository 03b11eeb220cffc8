"""Crops: functions of their key alone, one geometry for image and targets, stain on its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_qsa.ensemble.training import augmentation
from napari_qsa.ensemble.training.augmentation import (
    jitter_stain,
    plain_crop,
    random_crop,
    random_for,
)
from napari_qsa.ensemble.training.samples import TrainingImage

MakeImages = Callable[..., list[TrainingImage]]
Crop = Callable[[Tensor, int, np.random.Generator], Tensor]
CROPS: list[Crop] = [random_crop, plain_crop]
sizes = st.integers(1, 70)
patient = settings(deadline=None, max_examples=40)


def noise(height: int, width: int, planes: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (planes, height, width), generator=generator, dtype=torch.uint8)


def test_keys_make_generators() -> None:
    first = random_for(0, 1, 2, 3).random(4)
    assert np.array_equal(random_for(0, 1, 2, 3).random(4), first)
    for key in [(1, 1, 2, 3), (0, 0, 2, 3), (0, 1, 3, 3), (0, 1, 2, 4), (0, 1, 2, 3, 1)]:
        assert not np.array_equal(random_for(*key).random(4), first)


@pytest.mark.parametrize("crop", CROPS)
def test_a_crop_is_a_function_of_its_key(crop: Crop) -> None:
    stack = noise(60, 80)
    before = stack.clone()
    first = crop(stack, 32, random_for(0, 0, 5, 1))
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002 - the global state must not matter
    assert torch.equal(crop(stack, 32, random_for(0, 0, 5, 1)), first)
    assert torch.equal(stack, before)
    assert not torch.equal(crop(stack, 32, random_for(0, 0, 5, 2)), first)
    assert not torch.equal(crop(stack, 32, random_for(0, 0, 6, 1)), first)


@pytest.mark.parametrize("crop", CROPS)
@patient
@given(height=sizes, width=sizes, planes=st.sampled_from([3, 5, 6]), key=st.integers(0, 2**32 - 1))
def test_any_image_gives_a_crop_in_range(
    crop: Crop, height: int, width: int, planes: int, key: int
) -> None:
    result = crop(noise(height, width, planes), 32, random_for(key))
    assert result.shape == (planes, 32, 32)
    assert result.dtype == torch.float32
    assert torch.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


@patient
@given(height=sizes, width=sizes, key=st.integers(0, 2**32 - 1))
def test_image_and_targets_share_one_geometry(height: int, width: int, key: int) -> None:
    plane = noise(height, width, planes=1)
    crop = random_crop(plane.repeat(5, 1, 1), 32, random_for(key), stain=0.0)
    assert all(torch.equal(crop[0], other) for other in crop[1:])


def test_crops_show_the_place_the_grid_says() -> None:
    rows, columns = torch.meshgrid(torch.arange(200), torch.arange(250), indexing="ij")
    stack = torch.stack([columns, rows]).clamp_max(255).to(torch.uint8)
    inside = 0
    for key in range(20):
        grid, _ = augmentation._sampling_grid(stack, 64, random_for(key))
        x, y = random_crop(stack, 64, random_for(key)) * 255
        within = ((grid > 0) & (grid < torch.tensor([249.0, 199.0]))).all(dim=-1)
        inside += int(within.sum())
        assert torch.allclose(x[within], grid[..., 0][within], atol=0.02)
        assert torch.allclose(y[within], grid[..., 1][within], atol=0.02)
    assert inside > 0.7 * 20 * 64 * 64


def test_geometry_turns_mirrors_and_scales() -> None:
    stack = noise(200, 200)
    determinants, angles = [], []
    for key in range(60):
        grid, _ = augmentation._sampling_grid(stack, 64, random_for(key))
        along_x = (grid[32, 63] - grid[32, 0]) / 63
        along_y = (grid[63, 32] - grid[0, 32]) / 63
        determinants.append(float(along_x[0] * along_y[1] - along_x[1] * along_y[0]))
        angles.append(float(torch.atan2(along_y[1], along_y[0])))
    signs = np.sign(determinants)
    assert 15 < (signs > 0).sum() < 45
    assert np.ptp(np.sqrt(np.abs(determinants))) > 0.3
    assert np.abs(determinants).min() > 0.4
    assert np.abs(determinants).max() < 2.5
    assert set(np.floor(np.array(angles) / (np.pi / 2))) == {-2.0, -1.0, 0.0, 1.0}


def test_stain_leaves_the_targets_alone(make_images: MakeImages) -> None:
    (image,) = make_images(1, shape=(64, 80))
    changed = 0.0
    for key in range(12):
        plain = random_crop(image.stack, 32, random_for(key), stain=0.0)
        stained = random_crop(image.stack, 32, random_for(key), stain=1.0)
        assert torch.equal(plain[3:], stained[3:])
        changed += float((plain[:3] - stained[:3]).abs().mean())
    assert changed / 12 > 0.03


def test_stain_changes_colours_not_places() -> None:
    image = torch.empty(3, 24, 40)
    image[:, :, :20] = torch.tensor([0.85, 0.65, 0.80])[:, None, None]  # eosin
    image[:, :, 20:] = torch.tensor([0.35, 0.25, 0.55])[:, None, None]  # hematoxylin
    moved = []
    for key in range(30):
        out = jitter_stain(image, random_for(key))
        left, right = (
            out[:, :, :19],
            out[:, :, 21:],
        )  # beside the border: a blur is one of the kinds
        for side in (left, right):
            assert side.std(dim=(1, 2)).max() < 0.025  # speckle at most
        assert (left.mean(dim=(1, 2)) - right.mean(dim=(1, 2))).abs().max() > 0.1
        moved.append(float((left.mean(dim=(1, 2)) - image[:, 0, 0]).abs().max()))
    assert np.median(moved) > 0.03


def test_stain_of_no_strength_is_the_identity() -> None:
    image = noise(16, 16, planes=3).float().clamp_min(3) / 255
    padded = F.pad(image[None], (1, 1, 1, 1), mode="replicate")
    blurred = F.avg_pool2d(padded, 3, stride=1)[0]
    same = 0
    for key in range(40):
        out = jitter_stain(image, random_for(key), strength=0.0)
        is_same = torch.allclose(out, image, atol=1e-3)
        assert is_same or torch.allclose(out, blurred, atol=1e-3)
        same += is_same
    assert 28 <= same < 40  # a blur now and then has no strength


def test_only_colour_images_are_stained() -> None:
    for planes in (3, 6):
        stack = noise(50, 50, planes)
        plain, stained = (random_crop(stack, 32, random_for(4), stain=s) for s in (0.0, 1.0))
        assert torch.equal(plain, stained)


@patient
@given(height=st.integers(32, 60), width=st.integers(32, 60), key=st.integers(0, 2**32 - 1))
def test_plain_crops_are_windows_of_the_image(height: int, width: int, key: int) -> None:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    stack = torch.stack([rows, columns, noise(height, width, 1)[0]]).to(torch.uint8)
    crop = plain_crop(stack, 32, random_for(key))
    top, left = (round(float(value) * 255) for value in crop[:2, 0, 0])
    assert torch.equal(crop, stack[:, top : top + 32, left : left + 32].float() / 255)


def test_plain_crops_reach_every_corner() -> None:
    stack = torch.arange(36, dtype=torch.uint8).reshape(1, 6, 6)
    origins = {int(plain_crop(stack, 4, random_for(key))[0, 0, 0] * 255) for key in range(200)}
    assert origins == {row * 6 + column for row in range(3) for column in range(3)}


def test_plain_crops_of_tiny_images_are_mirrored() -> None:
    stack = torch.tensor([[[1, 2, 3]]], dtype=torch.uint8)
    crop = plain_crop(stack, 32, random_for(0)) * 255
    period = [1.0, 2.0, 3.0, 3.0, 2.0, 1.0]
    assert torch.allclose(crop[0, 17], torch.tensor((period * 6)[:32]))
    assert torch.equal(crop[0, 0], crop[0, 31])
