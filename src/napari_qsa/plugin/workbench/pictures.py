"""Small pictures: thumbnails as Qt draws them, and heatmaps over them."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage, QPixmap

from napari_qsa.plugin.results import UNCERTAINTY_RANGE, uncertainty_colormap


def pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    """Make ``(h, w, 3)`` pixels drawable."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).tobytes()
    return QPixmap.fromImage(
        QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    )


def heatmap_over(pixels: NDArray[np.uint8], uncertainty: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay a map of uncertainty over a thumbnail, by the colours of the large heatmap.

    Parameters
    ----------
    pixels
        ``(h, w, 3)``.
    uncertainty
        ``(h', w')`` of the same image, 0 to 0.5.
    """
    rows, columns = (
        np.minimum((np.arange(side) + 0.5) * other / side, other - 1).astype(np.intp)
        for side, other in zip(pixels.shape[:2], uncertainty.shape, strict=True)
    )
    low, high = UNCERTAINTY_RANGE
    share = np.clip((uncertainty[np.ix_(rows, columns)] - low) / (high - low), 0, 1)
    colours = uncertainty_colormap().map(share.ravel()).reshape(*share.shape, 4)
    alpha = colours[..., 3:]
    mixed = (1 - alpha) * pixels + alpha * 255 * colours[..., :3]
    return np.asarray(np.round(mixed), dtype=np.uint8)
