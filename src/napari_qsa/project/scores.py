"""Numbers per image and model: one file a model, so that a query can start where one ended."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.header import TensorEntry, lay_out, make_header, read_file
from napari_qsa.errors import EnsembleFileError, ProjectError
from napari_qsa.project import checks, models, store
from napari_qsa.project.state import State

_KEY = "scores"
_TENSOR = "descriptors"
_EMBEDDINGS = "embeddings"


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
    columns : mapping of str to float
        Other numbers that a query may need, by name; a file of an earlier release has none.
    embedding : (E,) float32 or None
        The gradient embedding, where a query needed it.
    """

    uncertainty: float
    n_glands: int
    descriptor: NDArray[np.float32]
    image_hash: str
    pixel_size: float | None = None
    columns: Mapping[str, float] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = None


def _are_numbers(values: Any) -> bool:
    return isinstance(values, Mapping) and all(
        isinstance(name, str) and type(value) in (int, float) and math.isfinite(value)
        for name, value in values.items()
    )


_CHECKS: dict[str, checks.Check] = {
    "image": checks.is_id,
    "uncertainty": lambda value: type(value) in (int, float) and math.isfinite(value),
    "n_glands": checks.is_count,
    "image_hash": checks.is_digest,
    "pixel_size": checks.or_none(checks.is_positive),
    "columns": _are_numbers,
    "embedded": checks.is_one_of(True, False),
}
_EARLIER: dict[str, Any] = {"columns": {}, "embedded": False}
"""What an entry lacks that an earlier release wrote."""


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
        for rows in _vectors(merged).values():
            lengths = {len(row) for row in rows}
            if len(lengths) > 1:
                raise ProjectError(
                    f"Descriptors of {' and '.join(map(str, sorted(lengths)))} numbers cannot be "
                    f"of one model {model_key}: score all images again."
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
    rows: list[NDArray[Any]] = [score.descriptor]
    if score.embedding is not None:
        rows.append(score.embedding)
    if (
        not math.isfinite(score.uncertainty)
        or score.n_glands < 0
        or not checks.is_digest(score.image_hash)
        or not _CHECKS["pixel_size"](score.pixel_size)
        or not _are_numbers(score.columns)
        or any(row.ndim != 1 or row.dtype != np.float32 for row in rows)
        or not all(np.isfinite(row).all() for row in rows)
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
            "columns": dict(sorted(scores[name].columns.items())),
            "embedded": scores[name].embedding is not None,
        }
        for name in names
    ]
    none = np.zeros((0, 0), dtype=np.float32)
    vectors = _vectors({name: scores[name] for name in names})
    tables = {name: np.stack(rows) if rows else none for name, rows in vectors.items()}
    entries, data = lay_out(tables)
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
    document = json.loads(header.metadata.get(_KEY, "null"))
    if (
        not isinstance(document, dict)
        or document.get("schema") != store.SCHEMA
        or not isinstance(document.get("images"), list)
    ):
        raise ValueError("it holds no list of images")
    if model is not None and document.get("model") != model:
        return {}
    facts = [
        checks.taken({**_EARLIER, **values} if isinstance(values, dict) else values, _CHECKS)
        for values in document["images"]
    ]
    embedded = [values.pop("embedded") for values in facts]
    descriptors = _table(header.tensors.get(_TENSOR), data, len(facts))
    embeddings: Iterator[NDArray[np.float32]] = iter(())
    if any(embedded):
        embeddings = iter(_table(header.tensors.get(_EMBEDDINGS), data, sum(embedded)))
    return {
        values.pop("image"): Score(
            descriptor=row, embedding=next(embeddings) if has else None, **values
        )
        for values, row, has in zip(facts, descriptors, embedded, strict=True)
    }


def _vectors(scores: Mapping[str, Score]) -> dict[str, list[NDArray[np.float32]]]:
    """Give the rows of each table, in the order of the scores."""
    embeddings = [each.embedding for each in scores.values() if each.embedding is not None]
    tables = {_TENSOR: [each.descriptor for each in scores.values()]}
    return tables | ({_EMBEDDINGS: embeddings} if embeddings else {})


def _table(entry: TensorEntry | None, data: NDArray[np.uint8], rows: int) -> NDArray[np.float32]:
    if entry is None or entry.dtype != np.float32 or len(entry.shape) != 2:
        raise ValueError("it holds no table of descriptors")
    if entry.shape[0] != rows:
        raise ValueError("its images and descriptors are not as many")
    table = np.frombuffer(data[entry.start : entry.stop].tobytes(), np.float32)
    return table.reshape(entry.shape)
