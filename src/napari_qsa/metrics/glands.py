"""One row of numbers for each gland of an image: how large, how round, how sure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Gland:
    """The numbers of one gland; in several pieces it is still one.

    Attributes
    ----------
    label : int
        Its number in the image.
    area_px : int
        Pixels.
    area_um2 : float or None
        In µm²; None where the pixel size is unknown.
    eccentricity : float
        Of the ellipse with the same second moments: 0 for a circle, towards 1 for a line.
    mean_uncertainty : float or None
        Mean over its pixels, 0 to 0.5; None where there is no map.
    row, column : float
        Its centroid, in pixels from the centre of the first one.
    """

    label: int
    area_px: int
    area_um2: float | None
    eccentricity: float
    mean_uncertainty: float | None
    row: float
    column: float


def gland_table(
    labels: NDArray[Any],
    pixel_size: float | None = None,
    uncertainty: NDArray[np.float32] | None = None,
) -> tuple[Gland, ...]:
    """Measure every gland of an image.

    Parameters
    ----------
    labels
        ``(H, W)`` whole numbers, 0 outside.
    pixel_size
        In µm.
    uncertainty
        ``(H, W) float32``.

    Returns
    -------
    tuple of Gland
        By label, ascending.

    Raises
    ------
    ValueError
        If the map is of another shape.
    """
    from skimage.measure import regionprops

    if uncertainty is not None and uncertainty.shape != labels.shape:
        raise ValueError(f"labels of {labels.shape} have no map of {uncertainty.shape}")
    glands = []
    for found in regionprops(labels):
        area = int(found.area)
        row, column = found.centroid
        doubt = None
        if uncertainty is not None:
            doubt = float(uncertainty[found.slice][found.image].mean(dtype=np.float64))
        glands.append(
            Gland(
                label=int(found.label),
                area_px=area,
                area_um2=None if pixel_size is None else area * pixel_size * pixel_size,
                eccentricity=float(found.eccentricity),
                mean_uncertainty=doubt,
                row=float(row),
                column=float(column),
            )
        )
    return tuple(glands)
