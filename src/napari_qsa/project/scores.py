"""Numbers per image and model: one file a model, so that a query can start where one ended."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.header import lay_out, make_header, read_file
from napari_qsa.errors import EnsembleFileError, ProjectError
from napari_qsa.project import checks, models, store
from napari_qsa.project.state import State

_KEY = "scores"
_TENSOR = "descriptors"


@dataclass(frozen=True)
class Score:
    """What a model says of one image.

    Attributes
    ----------
    uncertainty : float
    n_glands : int
    descriptor : (D,) float32
    image_hash : str
        Sampled hash of the image that was scored.
    pixel_size : float or None
        The one it was taken to have, in µm.
    """

    uncertainty: float
    n_glands: int
    descriptor: NDArray[np.float32]
    image_hash: str
    pixel_size: float | None = None


_CHECKS: dict[str, checks.Check] = {
    "image": checks.is_id,
    "uncertainty": lambda value: type(value) in (int, float) and math.isfinite(value),
    "n_glands": checks.is_count,
    "image_hash": checks.is_digest,
    "pixel_size": checks.or_none(checks.is_positive),
}


def save_scores(state: State, model_key: str, scores: Mapping[str, Score]) -> None:
    """Add scores to those there are by this model; those of images that changed are dropped.

    Raises
    ------
    QsaError
        If a number is none, descriptors differ in length, or the file cannot be written.
    """
    with state.writing():
        if not checks.is_id(model_key):
            raise ProjectError(f"{model_key!r} is no key of a model: choose one from the list.")
        for image_id, score in scores.items():
            state.record(image_id)
            _check(image_id, score)
        path, model = state.layout.score(model_key), models.content_of(state, model_key)
        merged = {**_current(state, path, model), **scores}
        lengths = {len(score.descriptor) for score in merged.values()}
        if len(lengths) > 1:
            raise ProjectError(
                f"Descriptors of {' and '.join(map(str, sorted(lengths)))} numbers cannot be of "
                f"one model {model_key}: score all images again."
            )
        store.make_folder(path.parent)
        store.write_bytes(path, _encode(merged, model))


def read_scores(state: State, model_key: str) -> dict[str, Score]:
    """Read what a model said of the images as they are now; a damaged file holds nothing."""
    if not checks.is_id(model_key):
        return {}
    return _current(state, state.layout.score(model_key), models.content_of(state, model_key))


def problems(state: State) -> list[str]:
    """Write a sentence for each file that is damaged."""
    found = []
    for path in sorted(state.layout.scores.glob("*/scores.safetensors")):
        try:
            _read(path, None)
        except ValueError as error:
            found.append(
                f"{path} is damaged ({error}): these scores are left out; score the images again."
            )
    return found


def _current(state: State, path: Path, model: str) -> dict[str, Score]:
    try:
        found = _read(path, model)
    except ValueError:
        return {}
    return {
        image_id: score
        for image_id, score in found.items()
        if image_id in state.records and state.records[image_id].sampled_hash == score.image_hash
    }


def _check(image_id: str, score: Score) -> None:
    numbers: NDArray[Any] = score.descriptor
    if (
        not math.isfinite(score.uncertainty)
        or score.n_glands < 0
        or not checks.is_digest(score.image_hash)
        or not _CHECKS["pixel_size"](score.pixel_size)
        or numbers.ndim != 1
        or numbers.dtype != np.float32
        or not np.isfinite(numbers).all()
    ):
        raise ProjectError(
            f"The score of {image_id} holds what is no number, or a descriptor that is no row of "
            "float32: predict the image again."
        )


def _encode(scores: Mapping[str, Score], model: str) -> bytes:
    """Make the file: the same bytes for the same scores, in whatever order they came."""
    names = sorted(scores)
    facts = [
        {
            "image": name,
            "uncertainty": float(scores[name].uncertainty),
            "n_glands": int(scores[name].n_glands),
            "image_hash": scores[name].image_hash,
            "pixel_size": scores[name].pixel_size,
        }
        for name in names
    ]
    rows = [scores[name].descriptor for name in names]
    table = np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)
    entries, data = lay_out({_TENSOR: table})
    text = json.dumps({"schema": store.SCHEMA, "model": model, "images": facts}, allow_nan=False)
    return make_header(entries, {_KEY: text}) + data


def _read(path: Path, model: str | None) -> dict[str, Score]:
    """Read a file; none, or one of a model that was replaced, holds nothing.

    Raises
    ------
    ValueError
        With a part of a sentence if it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        header, data = read_file(path)
    except EnsembleFileError as error:
        raise ValueError("it is cut off or malformed") from error
    entry = header.tensors.get(_TENSOR)
    document = json.loads(header.metadata.get(_KEY, "null"))
    if (
        not isinstance(document, dict)
        or document.get("schema") != store.SCHEMA
        or not isinstance(document.get("images"), list)
    ):
        raise ValueError("it holds no list of images")
    if model is not None and document.get("model") != model:
        return {}
    facts = [checks.taken(values, _CHECKS) for values in document["images"]]
    if entry is None or entry.dtype != np.float32 or len(entry.shape) != 2:
        raise ValueError("it holds no table of descriptors")
    if entry.shape[0] != len(facts):
        raise ValueError("its images and descriptors are not as many")
    table = np.frombuffer(data[entry.start : entry.stop].tobytes(), np.float32)
    return {
        values.pop("image"): Score(descriptor=row, **values)
        for values, row in zip(facts, table.reshape(entry.shape), strict=True)
    }
