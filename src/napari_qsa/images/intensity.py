"""The values of a volume as gray levels: one scale for all of its slices."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qsa.images.volume_options import VolumeOptions

PERCENTILES = (0.5, 99.5)
"""What lies below and above is black and white: air around the patient, and metal in it."""

LOOKED_AT = 64
"""So many slices, evenly spaced, stand for a volume."""

Scale = tuple[float, float]
"""The values that become black and white."""


class Sliced(Protocol):
    """A volume whose slices can be read."""

    @property
    def stack(self) -> NDArray[Any]:
        """Of its slices."""

    @property
    def options(self) -> VolumeOptions:
        """With the window, if one is given."""

    def slice_of(self, page: int) -> NDArray[Any]:
        """Read one."""


def scale_of(volume: Sliced) -> Scale:
    """Tell which values of a volume become black and white.

    The window that its options give; else its `PERCENTILES`, of the finite values of at most
    `LOOKED_AT` slices. Both ends are equal if all values are.
    """
    return volume.options.window or _percentiles(volume)


def to_16_bits(values: NDArray[Any], scale: Scale) -> NDArray[np.uint16]:
    """Turn values into gray levels; NaN becomes black.

    Parameters
    ----------
    values : (H, W) any real dtype
    scale
        What becomes 0 and 65,535; beyond it is cut off.

    Returns
    -------
    (H, W) uint16
    """
    low, high = scale
    if not high > low:
        return np.zeros(values.shape, np.uint16)
    unit = (values.astype(np.float64) - low) / (high - low)
    unit = np.clip(np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    return np.rint(unit * 65535).astype(np.uint16)


def _percentiles(volume: Sliced) -> Scale:
    pages = len(volume.stack)
    chosen = np.unique(np.linspace(0, pages - 1, min(pages, LOOKED_AT)).round().astype(int))
    values = np.concatenate([volume.slice_of(int(page)).ravel() for page in chosen])
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(values, PERCENTILES)
    if low == high:  # nearly all is background
        low, high = values.min(), values.max()
    return float(low), float(high)
