"""Small maps of uncertainty, beside the scores of a model: where it is unsure in an image."""

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError
from napari_qsa.project import checks, models, store
from napari_qsa.project.state import State

_MOST = 512
"""Pixels of a side: a larger file is none of ours."""


def save(
    state: State, model_key: str, image_id: str, image_hash: str, small: NDArray[np.uint8]
) -> None:
    """Keep the map of an image; an earlier one is replaced.

    Parameters
    ----------
    model_key, image_id
    image_hash
        Sampled hash of the image that was scored.
    small : (h, w) uint8
        See `napari_qsa.metrics.small_map.small_map`.

    Raises
    ------
    QsaError
        If it is no such map, or cannot be written.
    """
    from PIL.Image import fromarray
    from PIL.PngImagePlugin import PngInfo

    fits = small.ndim == 2 and small.size > 0 and max(small.shape) <= _MOST
    if small.dtype != np.uint8 or not fits:
        raise ProjectError(f"The map of {image_id} is none: score the image again.")
    with state.writing():
        if not checks.is_id(model_key):
            raise ProjectError(f"{model_key!r} is no key of a model: choose one from the list.")
        state.record(image_id)
        path = state.layout.map(model_key, image_id)
        facts = PngInfo()
        facts.add_text("image", image_hash)
        facts.add_text("model", models.content_of(state, model_key))
        file = io.BytesIO()
        fromarray(small).save(file, "PNG", pnginfo=facts)
        store.make_folder(path.parent)
        store.write_bytes(path, file.getvalue())


def read(state: State, model_key: str, image_id: str) -> NDArray[np.uint8] | None:
    """Read the map of an image as it is now; None if there is nothing sound."""
    if not checks.is_id(model_key):
        return None
    record = state.record(image_id)
    wanted = {"image": record.sampled_hash, "model": models.content_of(state, model_key)}
    with suppress(Exception):  # what a decoder raises on damaged bytes is not foreseeable
        return _read(state.layout.map(model_key, image_id), wanted)
    return None


def _read(path: Path, wanted: dict[str, str]) -> NDArray[np.uint8] | None:
    from PIL.PngImagePlugin import PngImageFile

    if not path.is_file():
        return None
    with PngImageFile(path) as picture:
        if picture.mode != "L" or max(picture.size) > _MOST:
            return None
        found = {name: picture.text.get(name) for name in wanted}
        return np.array(picture) if found == wanted else None
