"""From instance labels to what the network learns: gland and separator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_qsa.images.scaling import resize_to, scaled_shape

_WHOLE = 0.999
"""From this share on, rounding aside, all of a pixel is."""


def separator_map(
    labels: NDArray[np.integer], pixel_size: float, reach: float
) -> NDArray[np.bool_]:
    """Mark the pixels within reach of two different glands.

    Parameters
    ----------
    labels : NDArray, shape (H, W), integer
        Instance labels, 0 is background.
    pixel_size : float
        µm of a pixel.
    reach : float
        In µm.

    Returns
    -------
    NDArray, shape (H, W), bool
    """
    reach /= pixel_size
    margin = int(np.ceil(reach)) + 1
    near = np.zeros(labels.shape, np.uint16)
    labels = _numbered(labels)
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = (
            slice(max(side.start - margin, 0), min(side.stop + margin, size))
            for side, size in zip(box, labels.shape, strict=True)
        )
        distance = ndimage.distance_transform_edt(labels[rows, columns] != index)
        near[rows, columns] += distance <= reach
    return near >= 2


def _numbered(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Give the glands the numbers 1 to N: `find_objects` takes memory by the largest label."""
    values, codes = np.unique(labels, return_inverse=True)
    numbers = np.where(values > 0, np.cumsum(values > 0), 0).astype(np.int32)
    return np.asarray(numbers[codes.reshape(labels.shape)])


def training_maps(
    labels: NDArray[np.integer],
    factor: float,
    pixel_size: float,
    reach: float,
    reviewed: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Bring instance labels to the network's grid as training targets.

    Parameters
    ----------
    labels : NDArray, shape (H, W), integer
        Instance labels on the image's grid.
    factor : float
        Size of the network's grid over the size of the image's.
    pixel_size : float
        µm of a pixel of the network's grid.
    reach : float
        µm: a pixel is of the separator where two glands are both within this distance of it.
    reviewed : NDArray, shape (H, W), bool, optional
        Where the labels count; None where they do everywhere. What they are elsewhere changes
        nothing.

    Returns
    -------
    NDArray, shape (2, H', W') or with `reviewed` (3, H', W'), uint8
        255 times the share of each pixel that is gland, and that is separator; then 255 where
        all of a pixel was reviewed, else 0.
    """
    shape = scaled_shape((labels.shape[0], labels.shape[1]), factor)
    if reviewed is not None:
        labels = np.where(reviewed, labels, 0)
    gland = resize_to((labels > 0).astype(np.float32), shape, order=1)
    separator = separator_map(resize_to(labels, shape, order=0), pixel_size, reach)
    maps = [np.round(gland * 255).astype(np.uint8), separator.astype(np.uint8) * 255]
    if reviewed is not None:
        whole = resize_to(reviewed.astype(np.float32), shape, order=1) > _WHOLE
        maps.append(whole.astype(np.uint8) * 255)
    return np.stack(maps)
