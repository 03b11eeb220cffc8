"""The layer of a prediction: found by what it is, whatever it is called now."""

import math
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_qsa.metrics.glands import Gland
from napari_qsa.plugin.identity import record

KIND = "proposal"
"""What the glands a model proposes are noted as, with the id of their ``image``."""
SHARE = 0.25
"""Of the canvas, what a gland takes that is brought into view."""


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
    centre = np.zeros(layer.ndim)
    centre[-2:] = gland.row, gland.column
    middle = np.asarray(layer.data_to_world(centre))
    viewer.camera.center = (0.0, float(middle[-2]), float(middle[-1]))
    side = math.sqrt(gland.area_px) * abs(float(layer.scale[-1]))
    closer = SHARE * min(viewer.canvas.size) / side
    viewer.camera.zoom = max(viewer.camera.zoom, closer)
