"""Crops with random geometry and stain, each a function of its key alone.

Geometry: rotation, reflection, scale, shear and an elastic field. Stain: optical density is
unmixed into hematoxylin, eosin and DAB (Ruifrok and Johnston 2001), the concentrations and the
stain vectors are jittered, and now and then the eosin is recast as another stain, so that a
network trained on H&E bears brown ones.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_STAINS = torch.tensor([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_UNMIX = torch.linalg.inv(_STAINS / _STAINS.norm(dim=1, keepdim=True))
_ELASTIC_KNOTS = 5


def random_for(*key: int) -> np.random.Generator:
    """Give the generator of a key such as (seed, member, iteration, sample)."""
    return np.random.default_rng(np.random.SeedSequence(key))


def random_crop(
    stack: Tensor, side: int, random: np.random.Generator, stain: float = 1.0, maps: int = 2
) -> Tensor:
    """Cut an augmented crop.

    Parameters
    ----------
    stack : Tensor, shape (C + T, H, W), uint8
        The channels of an image and T maps, as in :class:`~.samples.TrainingImage`.
    side : int
        Side of the crop.
    random : numpy.random.Generator
        Source of every draw.
    stain : float
        Strength of the stain augmentation; used for three-channel images only.
    maps : int
        T.

    Returns
    -------
    Tensor, shape (C + T, side, side), float32
        In [0, 1].
    """
    grid, (top, left, bottom, right) = _sampling_grid(stack, side, random)
    window = stack[:, top:bottom, left:right].float().div_(255)
    height, width = window.shape[1:]
    scale = torch.tensor([2.0 / width, 2.0 / height])
    offset = torch.tensor([float(left), float(top)])
    normal = (grid - offset + 0.5) * scale - 1.0
    crop = F.grid_sample(
        window[None], normal[None], mode="bilinear", padding_mode="reflection", align_corners=False
    )[0]
    if stack.shape[0] - maps == 3 and stain > 0:
        crop[:3] = jitter_stain(crop[:3], random, stain)
    return crop


def plain_crop(stack: Tensor, side: int, random: np.random.Generator) -> Tensor:
    """Cut a crop without augmentation; as :func:`random_crop` otherwise."""
    height, width = stack.shape[1:]
    top = int(random.integers(max(height - side, 0) + 1))
    left = int(random.integers(max(width - side, 0) + 1))
    window = stack[:, top : top + side, left : left + side].float().div_(255)
    rows, columns = (
        torch.from_numpy(np.pad(np.arange(size), (0, side - size), mode="symmetric"))
        for size in window.shape[1:]
    )
    return window[:, rows][:, :, columns]


def _sampling_grid(
    stack: Tensor, side: int, random: np.random.Generator
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Where each pixel of the crop lies in the image: (side, side, 2) x and y, and their window."""
    height, width = stack.shape[1:]
    angle = random.uniform(0, 2 * math.pi)
    scale = math.exp(random.uniform(-0.3, 0.3))
    stretch = math.exp(random.uniform(-0.12, 0.12))
    shear = random.uniform(-0.12, 0.12)
    flip = 1.0 if random.random() < 0.5 else -1.0
    matrix = torch.tensor(
        [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
    ) @ torch.tensor([[scale * stretch * flip, scale * shear], [0.0, scale / stretch]])
    margin = 0.3 * side
    centre = [
        random.uniform(margin, size - 1 - margin) if size > 2 * margin + 1 else (size - 1) / 2
        for size in (width, height)
    ]
    axis = torch.arange(side) - (side - 1) / 2
    plane = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    knots = torch.from_numpy(random.normal(0.0, 1.0, (1, 2, _ELASTIC_KNOTS, _ELASTIC_KNOTS)))
    amplitude = random.uniform(0.0, 0.03) * side
    field = F.interpolate(knots.float(), size=(side, side), mode="bicubic", align_corners=True)
    grid = (plane + amplitude * field[0].permute(1, 2, 0)) @ matrix.T + torch.tensor(
        centre, dtype=torch.float32
    )
    left, top = (int(v) - 1 for v in grid.amin(dim=(0, 1)).floor())
    right, bottom = (int(v) + 3 for v in grid.amax(dim=(0, 1)).ceil())
    top, left = max(top, 0), max(left, 0)
    return grid, (top, left, min(bottom, height), min(right, width))


def jitter_stain(image: Tensor, random: np.random.Generator, strength: float = 1.0) -> Tensor:
    """Change the stains of an H&E image.

    Parameters
    ----------
    image : Tensor, shape (3, H, W), float32
        RGB in [0, 1].
    random : numpy.random.Generator
        Source of every draw.
    strength : float
        1 is the default range.

    Returns
    -------
    Tensor, same shape, float32, in [0, 1]
    """
    amount = 1.0 + strength * random.normal(0.0, 0.18, 3)
    stains = (_STAINS / _STAINS.norm(dim=1, keepdim=True)).numpy().astype(np.float64)
    stains = stains + strength * random.normal(0.0, 0.05, (3, 3))
    kind = random.random()
    if kind < 0.12 * strength:  # another counterstain takes the place of eosin
        stains[1] = random.dirichlet([1.5, 1.5, 1.5]) + 0.1
    elif kind < 0.2 * strength:  # brown chromogen in the place of eosin, blue hematoxylin
        stains[1] = _STAINS[2].numpy() + random.normal(0.0, 0.06, 3)
    elif kind < 0.25 * strength:  # all stains swap places
        stains = stains[random.permutation(3)]
    stains = np.clip(stains, 0.02, None)
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    mixing = _UNMIX.double().numpy() @ (amount[:, None] * stains)
    gain = math.exp(strength * random.normal(0.0, 0.12))
    haze = strength * abs(random.normal(0.0, 0.03))
    density = -torch.log(image.clamp_min(1 / 255))
    flat = torch.from_numpy((gain * mixing).T).float() @ density.reshape(3, -1)
    result = torch.exp(-(flat + haze)).reshape(image.shape)
    noise = strength * random.uniform(0.0, 0.02)
    if random.random() < 0.3:
        speckle = random.standard_normal(image.shape[1:], dtype=np.float32)
        result = result + noise * torch.from_numpy(speckle)
    elif random.random() < 0.2:
        result = F.avg_pool2d(F.pad(result[None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)[0]
    return result.clamp(0.0, 1.0)
