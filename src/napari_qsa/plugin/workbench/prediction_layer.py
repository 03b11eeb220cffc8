"""The layer of a prediction: found by what it is, whatever it is called now."""

import math
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_qsa.metrics.glands import Gland
from napari_qsa.plugin.identity import record

KIND = "proposal"
"""What the glands a model proposes are noted as, with the id of their ``image``."""
SHARE = 0.25
"""Of the canvas, what a gland takes that is brought into view."""
CHOSEN = (0.94, 0.89, 0.26, 1.0)
"""Yellow of Okabe and Ito: brighter than the other outlines and than any tissue."""


def find(viewer: ViewerModel, image_id: str) -> Labels | None:
    """Return the layer of the prediction of an image."""
    wanted = {"kind": KIND, "image": image_id}
    for layer in viewer.layers:
        if wanted.items() <= record(layer).items():
            return layer
    return None


def look_at(viewer: Any, layer: Labels, gland: Gland) -> None:
    """Select a gland in its layer and bring it to the middle of the view.

    The view comes closer where the gland would be small, and never goes further away.
    """
    layer.visible = True
    layer.selected_label = gland.label
    _stand_out(layer, gland.label)
    centre = np.zeros(layer.ndim)
    centre[-2:] = gland.row, gland.column
    middle = np.asarray(layer.data_to_world(centre))
    viewer.scene.camera.center = (0.0, float(middle[-2]), float(middle[-1]))
    side = math.sqrt(gland.area_px) * abs(float(layer.scale[-1]))
    closer = SHARE * min(viewer.canvas.size) / side
    viewer.scene.camera.zoom = max(viewer.scene.camera.zoom, closer)


def _stand_out(layer: Labels, label: int) -> None:
    """Draw one gland in a colour of its own, where all others are alike."""
    colours = layer.colormap
    if isinstance(colours, DirectLabelColormap):
        common = {key: colours.color_dict[key] for key in (None, 0) if key in colours.color_dict}
        layer.colormap = DirectLabelColormap(color_dict={**common, label: CHOSEN})
