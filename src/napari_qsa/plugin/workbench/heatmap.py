"""The uncertainty of a prediction over its image, on a scale that is the same for all images."""

from typing import Any

from napari.layers import Image
from numpy.typing import NDArray

from napari_qsa.plugin.results import UNCERTAINTY_RANGE, uncertainty_colormap
from napari_qsa.plugin.workbench import looks


def heatmap(uncertainty: NDArray[Any], **options: Any) -> Image:
    """Make the layer: transparent where the networks agree, yellow where they do not.

    Parameters
    ----------
    uncertainty : (H, W) float32
        Standard deviation of the networks' probabilities, 0 to 0.5.
    options
        For the layer: its name and place.
    """
    layer = Image(
        uncertainty,
        rgb=False,
        colormap=uncertainty_colormap(),
        contrast_limits=UNCERTAINTY_RANGE,
        blending="translucent",
        **options,
    )
    layer.contrast_limits_range = UNCERTAINTY_RANGE
    layer.colorbar.size, layer.colorbar.font_size = looks.BAR_SIZE, looks.BAR_FONT
    layer.colorbar.visible = True
    return layer
