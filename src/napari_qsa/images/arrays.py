"""An array from somewhere else, held to the same rules as a file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_qsa.errors import ImageError
from napari_qsa.images.raw import Raw
from napari_qsa.images.reading import Image, as_image


def image_from_array(
    array: ArrayLike, name: str, rgb: bool, pixel_size: float | None = None
) -> Image:
    """Take an array as an image: 8 or 16 bits, gray or RGB, transparency on white.

    Parameters
    ----------
    array : (H, W) or (H, W, 3 or 4) array-like of any dtype
        A lazy array is computed.
    name
        What the array is called where an error speaks of it.
    rgb
        Whether the last axis holds colours; a fourth one is transparency.
    pixel_size
        In µm, if known.

    Raises
    ------
    ImageError
        One sentence that names the array and the remedy.
    """
    values: np.ndarray[Any, Any] = np.asarray(array)
    wanted = 3 if rgb else 2
    if values.ndim != wanted or 0 in values.shape:
        raise ImageError(
            f"{name} has shape {values.shape}: only a single plane with pixels in it can be used."
        )
    alpha = rgb and values.shape[-1] == 4
    pixels, full_scale = as_image(Path(name), Raw(values, alpha, pixel_size))
    return Image(pixels, pixel_size, full_scale=full_scale)
