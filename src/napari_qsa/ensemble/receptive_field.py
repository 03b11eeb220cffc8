"""How much of the surroundings a network really uses: the halo its tiles need."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

TOLERANCE = 1e-3
"""Largest change of a probability that a halo may leave, by default."""


@torch.inference_mode()
def measure_halo(
    network: nn.Module, image: Tensor, tolerance: float = TOLERANCE, max_halo: int = 256
) -> int:
    """Measure the smallest halo that a tile needs, in pixels of the network's grid.

    The theoretical receptive field of a deep encoder is far larger than what it uses, so it is
    measured as it is needed: blocks of one stride are cut out with a growing halo, and their
    probabilities compared with those of the whole image.

    Parameters
    ----------
    network
        Frozen, in evaluation mode.
    image
        ``(C, H, W)`` or ``(1, C, H, W) float32``, normalised; continued by reflection where it is
        too small for the largest halo.
    tolerance
        Largest allowed difference of a probability (gland or separator).
    max_halo
        Where the search ends, and what is returned if no smaller halo suffices.

    Returns
    -------
    halo
        A multiple of the network's stride, at least one stride, at most `max_halo` rounded up.
    """
    stride = int(network.stride)  # type: ignore[arg-type]
    steps = -(-max_halo // stride)
    whole = _continued(image.reshape(1, *image.shape[-3:]), stride * (2 * steps + 5))
    reference = torch.sigmoid(network(whole).logits)
    needed = 1
    for row, column in _blocks(steps, stride):
        kept = reference[..., row : row + stride, column : column + stride]
        for halo in range(needed * stride, steps * stride, stride):
            side = stride + 2 * halo
            crop = whole[..., row - halo :, column - halo :][..., :side, :side]
            inner = torch.sigmoid(network(crop.contiguous()).logits)
            inner = inner[..., halo : halo + stride, halo : halo + stride]
            if float((inner - kept).abs().max()) <= tolerance:
                break
            needed = halo // stride + 1
    return needed * stride


def _blocks(steps: int, stride: int) -> Iterator[tuple[int, int]]:
    """Corners of five blocks that have the largest halo on all sides."""
    for row, column in ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4)):
        yield (steps + row) * stride, (steps + column) * stride


def _continued(image: Tensor, side: int) -> Tensor:
    """Cut or continue an image by reflection to ``side x side``, about its centre."""
    indices = []
    for size in image.shape[-2:]:
        period = max(2 * (size - 1), 1)
        index = (np.arange(side) + (size - side) // 2) % period
        indices.append(
            torch.from_numpy(np.minimum(index, period - index) if size > 1 else 0 * index)
        )
    return image[..., indices[0].to(image.device), :][..., indices[1].to(image.device)]
