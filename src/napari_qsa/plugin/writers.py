"""Save a labels layer from napari's own dialog, in the formats that exports have."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.formats import fit_numbers, save_labels
from napari_qsa.formats.labels import format_of
from napari_qsa.images.predictions import PREDICTION, SAVED
from napari_qsa.plugin.identity import KEY
from napari_qsa.plugin.sources import pixel_size_of


def write_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the labels of one layer.

    A TIFF file has 16 bits, or 32 if a number needs them; PNG has 16 and BMP 8. Numbers that
    do not fit are given anew, from 1.

    Parameters
    ----------
    path
        Its extension says in which format.
    data
        ``(H, W)`` whole numbers, or levels of them.
    attributes
        The layer's, as napari gives them.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    QsaError
        If the layer is no single image, the format does not hold it, or it cannot be written.
    """
    labels = _plane(path, data)
    form = format_of(path, int(labels.max(initial=0)))
    if form is None:
        raise QsaError(f"{path} cannot be written: name it .tif, .png or .bmp.")
    labels = fit_numbers(labels, form, str(attributes.get("name") or Path(path).name))
    pixel_size = None
    if attributes.get("scale") is not None and attributes.get("units") is not None:
        pixel_size = pixel_size_of(attributes["scale"], attributes["units"])
    mark = PREDICTION if _is_predicted(labels, attributes) else SAVED
    save_labels(path, labels, form, pixel_size, mark)
    return [path]


def _plane(path: str, data: Any) -> NDArray[Any]:
    labels = np.asarray(data[0] if isinstance(data, Sequence) else data)
    while labels.ndim > 2 and len(labels) == 1:  # one plane of a stack
        labels = labels[0]
    if labels.ndim != 2:
        raise QsaError(
            f"{path} cannot be written: the layer has the shape {labels.shape}; save one plane "
            "of a stack."
        )
    return labels


def _is_predicted(labels: NDArray[Any], attributes: Mapping[str, Any]) -> bool:
    """Tell whether labels are still just those that a model predicted."""
    noted = attributes.get("metadata", {}).get(KEY)
    checksum = noted.get("checksum") if isinstance(noted, dict) else None
    return checksum is not None and checksum == zlib.crc32(np.ascontiguousarray(labels).data)
