"""A reference for brown-stained glands that nobody had to draw."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMOOTHING_UM = 4.0
"""Standard deviation of the Gaussian, in µm: half a nucleus, so that unstained nuclei fill up."""


def brown_mask(pixels: NDArray[Any], pixel_size: float) -> NDArray[np.bool_]:
    """Mark what is stained brown: the DAB channel, smoothed, above Otsu's threshold.

    DAB is unmixed as by Ruifrok and Johnston (2001). Lumina are not stained, so a segmentation
    that rightly fills them loses a little against this mask.

    Parameters
    ----------
    pixels
        ``(H, W, 3) uint8``, haematoxylin and DAB.
    pixel_size
        In µm.

    Returns
    -------
    NDArray
        ``(H, W) bool``.
    """
    from scipy import ndimage
    from skimage.color import rgb2hed
    from skimage.filters import threshold_otsu

    brown = ndimage.gaussian_filter(rgb2hed(pixels)[..., 2], SMOOTHING_UM / pixel_size)
    return np.asarray(brown > threshold_otsu(brown))
