"""Pictures of a segmentation, drawn without a screen."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.formats import replacing
from napari_qsa.wording import counted

LARGEST_UNCERTAINTY = 0.5
"""The end of the colour bar: a standard deviation of values between 0 and 1 is never larger."""

OUTLINE = (0.0, 0.9, 0.2)
OUTLINE_WIDTH = 2
HEIGHT_INCHES = 4.2
DOTS_PER_INCH = 130


def write_picture(path: Path, pixels: NDArray[Any], prediction: Prediction, title: str) -> None:
    """Write a PNG with three panels: the image, the glands outlined, the uncertainty.

    Parameters
    ----------
    path
        The file to make or replace.
    pixels
        ``(H, W, 3) uint8``.
    prediction
        Of this image.
    title
        Written above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = prediction.labels.shape
    side = HEIGHT_INCHES * width / height
    figure = Figure(figsize=(3 * side + 1.2, HEIGHT_INCHES + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    axes[0].imshow(pixels)
    axes[1].imshow(outlined(pixels, prediction.labels))
    heat = axes[2].imshow(prediction.uncertainty, cmap="viridis", vmin=0, vmax=LARGEST_UNCERTAINTY)
    figure.colorbar(heat, ax=axes[2], fraction=0.05, pad=0.02)
    captions = (
        "image",
        glands(prediction),
        f"uncertainty, mean {prediction.image_uncertainty:.3f}",
    )
    for panel, caption in zip(axes, captions, strict=True):
        panel.set_title(caption, fontsize=11)
        panel.set_axis_off()
    figure.suptitle(title, fontsize=13)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    with replacing(path) as file:
        file.write(buffer.getvalue())


def glands(prediction: Prediction) -> str:
    """Say how many glands were found."""
    return counted(int(prediction.labels.max(initial=0)), "gland")


def outlined(pixels: NDArray[Any], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Draw the inner outline of every object on an image.

    Parameters
    ----------
    pixels
        ``(H, W, 3) uint8``.
    labels
        ``(H, W)``, 0 for background.

    Returns
    -------
    NDArray
        ``(H, W, 3) uint8``, a copy.
    """
    from scipy import ndimage
    from skimage.segmentation import find_boundaries

    edge = find_boundaries(labels, mode="inner")
    edge = (
        ndimage.binary_dilation(edge, iterations=OUTLINE_WIDTH - 1) if OUTLINE_WIDTH > 1 else edge
    )
    drawn = np.array(pixels, dtype=np.uint8)
    drawn[edge] = np.round(255 * np.array(OUTLINE)).astype(np.uint8)
    return drawn
