"""Image layers as what is segmented: their pixels, pixel size and place in a stack."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import ArrayLike
from pint.errors import DimensionalityError

from napari_qsa.images.pixel_size import plausible
from napari_qsa.plugin.identity import identify, record
from napari_qsa.session.state import Subject


def sources(viewer: ViewerModel) -> Iterator[Image]:
    """Yield the image layers that may be segmented: all but the maps we made."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and "source" not in record(layer):
            yield layer


def pixel_size(layer: Layer) -> float | None:
    """Return the size of a layer's pixels in µm, see `pixel_size_of`."""
    return pixel_size_of(layer.scale, layer.units)


def pixel_size_of(scale: Any, units: Any) -> float | None:
    """Return the size of pixels in µm by a layer's scale and units; None if these are no lengths.

    None too where one number would be wrong or cannot be meant: pixels that are not square, or a
    size no microscope gives, by the rule that holds for files.
    """
    try:
        height, width = (
            float(side * (1 * unit).to("micrometer").magnitude)
            for side, unit in zip(scale[-2:], units[-2:], strict=True)
        )
    except DimensionalityError:
        return None
    return plausible(width, height)


def current_plane(viewer: ViewerModel, layer: Layer) -> tuple[int, ...]:
    """Return the indices of the plane of a stack that the viewer shows; () for a single image."""
    position = layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :])
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    return tuple(
        int(np.clip(round(index), 0, length - 1))
        for index, length in zip(position[: layer.ndim - 2], shape, strict=False)
    )


def subject(viewer: ViewerModel, layer: Image) -> Subject:
    """Describe the shown plane of an image layer; nothing is read or copied here."""
    data = layer.data[0] if layer.multiscale else layer.data
    plane = current_plane(viewer, layer)
    return Subject(identify(layer), layer.name, partial(_take, data, plane), layer.rgb, plane)


def find(viewer: ViewerModel, key: str) -> Image | None:
    """Return the image layer with an identity, whatever its name is now."""
    return next((layer for layer in sources(viewer) if record(layer).get("id") == key), None)


def _take(data: Any, plane: tuple[int, ...]) -> ArrayLike:
    taken: ArrayLike = data[plane] if plane else data
    return taken
