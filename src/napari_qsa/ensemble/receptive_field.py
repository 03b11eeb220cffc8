"""How much of the surroundings a network really uses: the halo its tiles need."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

TOLERANCE = 1e-3
"""Largest change of a probability beyond the halo, by default."""

_THICKNESS = 8
_CUT = 6


@torch.inference_mode()
def measure_halo(
    network: nn.Module, image: Tensor, tolerance: float = TOLERANCE, max_halo: int = 1024
) -> int:
    """Measure the smallest halo that a tile needs, in pixels of the network's grid.

    A strip of the image is cut off at each of its four sides in turn, and the probabilities that
    remain are compared with those of the uncut image: the halo is the distance from the cut
    beyond which none changes by more than the tolerance.

    In float the change decays, and the halo comes out far below the theoretical receptive field.
    With quantized activations it does not: the smallest change upstream flips codes, and those
    flip others, up to a level of about the quantization noise. But where nothing upstream
    changes, nothing does, and convolutions of small codebooks are exact in float32 whatever the
    tile; so such networks need nearly their whole receptive field, and are then tiled bit for bit.

    Parameters
    ----------
    network
        Frozen, in evaluation mode.
    image
        ``(C, H, W)`` or ``(1, C, H, W) float32``, normalised, with the content of real images;
        continued by reflection where it is too small.
    tolerance
        Largest difference of a probability (gland or separator).
    max_halo
        Where the search ends, and what is returned if no smaller halo suffices.

    Returns
    -------
    halo
        A multiple of the network's stride, at least one stride, at most `max_halo` rounded up.
    """
    stride = int(network.stride)  # type: ignore[arg-type]
    steps = -(-max_halo // stride)
    thick, cut, long = (stride * n for n in (_THICKNESS, _CUT, steps + _CUT + 2))
    image = image.reshape(1, *image.shape[-3:])
    needed = 1
    for axis in (2, 3):
        strip = _continued(image, (long, thick) if axis == 2 else (thick, long))
        whole = _probabilities(network, strip)
        for first in (cut, 0):
            kept = _probabilities(network, strip.narrow(axis, first, long - cut).contiguous())
            change = (kept - whole.narrow(axis, first, long - cut)).abs()
            profile = change.movedim(axis, 0).reshape(-1, stride, thick * 2).amax(dim=(1, 2))
            if first == 0:
                profile = profile.flip(0)
            beyond = torch.nonzero(profile[:steps] > tolerance)
            if len(beyond):
                needed = max(needed, int(beyond[-1]) + 1)
    return min(needed, steps) * stride


def _probabilities(network: nn.Module, image: Tensor) -> Tensor:
    return torch.sigmoid(network(image).logits)


def _continued(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Cut or continue an image by reflection to a shape, about its centre."""
    for axis, wanted in zip((2, 3), shape, strict=True):
        size = image.shape[axis]
        period = max(2 * (size - 1), 1)
        index = (np.arange(wanted) + (size - wanted) // 2) % period
        index = np.minimum(index, period - index) if size > 1 else 0 * index
        image = image.index_select(axis, torch.from_numpy(index).to(image.device))
    return image
