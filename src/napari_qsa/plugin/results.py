"""Predictions as layers: aligned with their image, updated in place, never over a user's edit."""

import zlib
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils import Colormap
from napari.utils.colormaps import ensure_colormap
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_qsa.plugin.identity import identify, record
from napari_qsa.session.state import Segmented

UNCERTAINTY_RANGE = (0.0, 0.5)
"""The largest standard deviation that values between 0 and 1 can have is 0.5."""
OUTLINED_PIXELS = 1_000_000
"""napari draws the outlines of all labels anew at each stroke: too slow in larger images."""
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def uncertainty_colormap() -> Colormap:
    """Return viridis, transparent where the ensemble is certain."""
    colors = np.array(ensure_colormap("viridis").colors)
    colors[:, 3] = np.clip(np.linspace(0, 2, len(colors)), 0, 0.9)
    return Colormap(colors, name="napari-qsa uncertainty", display_name="uncertainty")


LOOKS: dict[str, dict[str, Any]] = {
    "probability": {"visible": False, "contrast_limits": (0.0, 1.0), "colormap": "gray"},
    "uncertainty": {"contrast_limits": UNCERTAINTY_RANGE, "blending": "translucent"},
    "glands": {},
}
"""How each kind of result looks at first, from the lowest layer to the highest."""


def show(viewer: ViewerModel, source: Image, result: Segmented) -> dict[str, Layer]:
    """Show a prediction in layers of its own above its image, and return them by kind.

    Layers that an earlier run made for the same plane are updated. If the glands were edited
    meanwhile, that layer is left as it is, as the user's own, and a new one is made.
    """
    prediction, plane = result.prediction, result.subject.plane
    arrays: dict[str, NDArray[Any]] = {
        "probability": prediction.probability,
        "uncertainty": prediction.uncertainty,
        "glands": prediction.labels,
    }
    layers = {}
    for kind, look in LOOKS.items():
        array = arrays[kind].reshape((1,) * len(plane) + arrays[kind].shape)
        layer = _earlier(viewer, source, kind, plane)
        if layer is None:
            place = _place(source, plane)
            layer = _add(viewer, kind, array, {"name": f"{kind} · {source.name}", **place, **look})
        else:
            _replace(layer, array)
        facts = {"source": identify(source), "kind": kind, "plane": plane}
        identify(layer, **facts, checksum=_checksum(array) if kind == "glands" else None)
        layers[kind] = layer
    align(viewer, source)
    return layers


def align(viewer: ViewerModel, source: Image) -> None:
    """Lay all results of an image over it, where it is now."""
    for layer in viewer.layers:
        noted = record(layer)
        if noted.get("source") == identify(source):
            for name, value in _place(source, noted["plane"]).items():
                # Each assignment draws the layer anew, which takes time with large labels.
                if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
                    setattr(layer, name, value)


def is_edited(layer: Layer) -> bool:
    """Whether the glands in a layer are no longer those that were predicted."""
    return bool(_checksum(np.asarray(layer.data)) != record(layer).get("checksum"))


def _earlier(viewer: ViewerModel, source: Image, kind: str, plane: tuple[int, ...]) -> Layer | None:
    """Find the layer an earlier run made; one with edits is handed over to the user."""
    wanted = {"source": identify(source), "kind": kind, "plane": plane}
    for layer in viewer.layers:
        if wanted.items() <= record(layer).items():
            if kind == "glands" and is_edited(layer):
                identify(layer, kind="edited glands")
            else:
                return layer
    return None


def _add(viewer: ViewerModel, kind: str, array: NDArray[Any], options: dict[str, Any]) -> Layer:
    if kind == "glands":
        outlined = array.size <= OUTLINED_PIXELS
        labels: Layer = viewer.add_labels(array, opacity=1.0 if outlined else 0.4, **options)
        labels.contour = 2 if outlined else 0
        return labels
    if kind == "uncertainty":
        options["colormap"] = uncertainty_colormap()
    layer: Layer = viewer.add_image(array, rgb=False, **options)
    layer.colorbar.visible = kind == "uncertainty"
    return layer


def _replace(layer: Layer, array: NDArray[Any]) -> None:
    layer.data = array
    if isinstance(layer, Labels):
        # napari keeps the undo steps of the old labels, and would paint them into the new.
        editable, mode = layer.editable, layer.mode
        layer.editable = False
        layer.editable = editable
        layer.mode = mode


def _place(source: Image, plane: tuple[int, ...]) -> dict[str, Any]:
    """Return what lays a layer over one plane of an image; () for an image that is no stack."""
    place = {name: getattr(source, name) for name in PLACE}
    index = np.zeros(source.ndim)
    index[: len(plane)] = plane
    turn = Affine(
        rotate=source.rotate, scale=source.scale, shear=source.shear, ndim=source.ndim
    ).linear_matrix
    return {**place, "translate": source.translate + turn @ index}


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)
