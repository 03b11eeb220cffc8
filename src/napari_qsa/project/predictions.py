"""What models gave for images, bit for bit: one TIFF file for each model and image.

Four pages, deflated: probability, uncertainty, separator, labels. The second one's description
is a JSON object that says of what image the file is. Predictions can be made again, so that a
damaged file, or one of an image that has changed, is as good as none.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError
from napari_qsa.images.predictions import PREDICTION, SOFTWARE
from napari_qsa.project import checks, models, store
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.state import State

_MAPS = ("probability", "uncertainty", "separator")


@dataclass(frozen=True, eq=False)
class Stored:
    """A prediction as it is kept.

    Attributes
    ----------
    probability, uncertainty, separator : (H, W) float32
        See `napari_qsa.ensemble.prediction.Prediction`.
    labels : (H, W) uint16 or uint32
        0 outside, else the gland's number.
    pixel_size : float
        The one the image was taken to have, in µm.
    notes : tuple of str
        Sentences about what was assumed and left out.
    """

    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    separator: NDArray[np.float32]
    labels: NDArray[Any]
    pixel_size: float
    notes: tuple[str, ...] = ()


_CHECKS: dict[str, checks.Check] = {
    "image": checks.is_id,
    "image_hash": checks.is_digest,
    "model": checks.is_text,
    "pixel_size": checks.is_positive,
    "notes": lambda value: isinstance(value, list) and all(map(checks.is_text, value)),
}


def save(state: State, model_key: str, image_id: str, stored: Stored) -> None:
    """Keep a prediction, instead of a former one by this model.

    Raises
    ------
    QsaError
        If it does not fit the image, or cannot be written.
    """
    if not checks.is_id(model_key):
        raise ProjectError(f"{model_key!r} is no key of a model: choose one from the list.")
    record = state.record(image_id)
    pages = [np.asarray(getattr(stored, name)) for name in _MAPS]
    labels = np.asarray(stored.labels)
    floats = all(page.dtype == np.float32 and page.shape == record.shape for page in pages)
    if not floats or labels.shape != record.shape or labels.dtype.kind not in "bui":
        raise ProjectError(
            f"A prediction of {image_id} must have three float32 maps and labels of "
            f"{record.height} x {record.width} pixels: predict the image again."
        )
    if int(labels.min()) < 0 or int(labels.max()) > np.iinfo(np.uint32).max:
        raise ProjectError(f"The labels predicted of {image_id} are no numbers of glands.")
    dtype = np.uint16 if int(labels.max()) <= np.iinfo(np.uint16).max else np.uint32
    facts = {
        "schema": store.SCHEMA,
        "image": image_id,
        "image_hash": record.sampled_hash,
        "model": models.content_of(state, model_key),
        "pixel_size": float(stored.pixel_size),
        "notes": list(stored.notes),
    }
    data = _encode([*pages, labels.astype(dtype)], facts)
    with state.writing():
        path = state.layout.prediction(model_key, image_id)
        store.make_folder(path.parent)
        store.write_bytes(path, data)


def read(state: State, model_key: str, image_id: str) -> Stored | None:
    """Read what a model gave for an image as it is now; None if there is nothing sound."""
    record = state.record(image_id)
    if not checks.is_id(model_key):
        return None
    try:
        with tifffile.TiffFile(state.layout.prediction(model_key, image_id)) as file:
            facts = _facts(file)
            pages = [page.asarray() for page in file.pages]
    except Exception:  # what a parser raises on a damaged file is not foreseeable
        return None
    *maps, labels = pages
    sound = (
        _is_of(facts, record, models.content_of(state, model_key))
        and len(maps) == len(_MAPS)
        and all(page.shape == record.shape for page in pages)
        and all(page.dtype == np.float32 for page in maps)
        and labels.dtype in (np.uint16, np.uint32)
    )
    if not sound:
        return None
    notes = tuple(facts["notes"])
    return Stored(maps[0], maps[1], maps[2], labels, facts["pixel_size"], notes)


def known(state: State, model_key: str) -> set[str]:
    """List the images, as they are now, for which there is a prediction by a model."""
    if not checks.is_id(model_key):
        return set()
    model = models.content_of(state, model_key)
    found = set()
    for path in state.layout.predictions(model_key).glob("*.tif"):
        record = state.records.get(path.stem)
        if record is None:
            continue
        try:
            with tifffile.TiffFile(path) as file:
                facts = _facts(file)
        except Exception:  # as above
            continue
        if _is_of(facts, record, model):
            found.add(record.id)
    return found


def _is_of(facts: dict[str, Any], record: ImageRecord, model: str) -> bool:
    """Tell whether a file is of an image and a model as they are now."""
    wanted = record.id, record.sampled_hash, model
    return (facts["image"], facts["image_hash"], facts["model"]) == wanted


def _encode(pages: list[NDArray[Any]], facts: dict[str, Any]) -> bytes:
    """Make the file: the same bytes for the same prediction."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for place, page in enumerate(pages):
            # The first one tells everybody that this is no image and no annotation.
            text = json.dumps(facts, allow_nan=False) if place == 1 else PREDICTION
            writer.write(
                page,
                photometric="minisblack",
                compression="zlib",
                metadata=None,
                software=SOFTWARE,
                description=text,
            )
    return file.getvalue()


def _facts(file: tifffile.TiffFile) -> dict[str, Any]:
    """Read the JSON object; ValueError, or what a parser raises, if it is none."""
    values = json.loads(file.pages[1].description)  # type: ignore[union-attr]
    if not isinstance(values, dict) or values.get("schema") != store.SCHEMA:
        raise ValueError("it is of another release")
    return checks.taken(values, _CHECKS)
