"""The ensemble file: one safetensors, format version 1, nothing in it but numbers and a card.

For member ``m`` and an entry ``key`` of its network's state dict:

``m/key.zlib`` (or ``.pairs``, ``.planes``, ``.digits``, ``.zdigits``)
    ``(n,) uint8``: the codes of a quantized weight, packed; the suffix names the encoding
    (`napari_qsa.quantization.packing`).
``m/key.levels``
    ``(L,) float32``: its codebook, ascending; the weight is ``levels[codes]``.
``m/key.grid``
    In its place, ``(4,) float32``: step, first, stride and count of a codebook of equal distances,
    ``(first + stride * (0, 1, ..., count - 1)) * step``.
``m/rest.float32``
    All other entries of that dtype, flattened, in the order of their names: biases, scales and
    shifts of the batch normalisation, scales of the activations, weights that are not quantized.

The writer knows no quantization scheme: an array of at least two axes with at most 65,536
different values is stored as codes wherever that is smaller. The metadata holds the card
(`napari_qsa.ensemble.card`), and a SHA-256 of the card and of all tensors, so that damage shows.
Shapes are not repeated in the file: they come from the network the card names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble import codebooks
from napari_qsa.ensemble.card import (
    CARD_KEY,
    CHECKSUM_KEY,
    EnsembleCard,
    card_of,
    checksum,
    verify,
)
from napari_qsa.ensemble.header import lay_out, make_header, read_file
from napari_qsa.errors import EnsembleFileError, QsaError
from napari_qsa.formats import replacing
from napari_qsa.quantization import packing

Array = NDArray[Any]
State = Mapping[str, Array]

_HEADER_COST = 180  # bytes the two entries of a coded weight take in the header, about


class Spec(NamedTuple):
    """Shape and dtype of one entry of a state."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def without_negative_zeros(state: State) -> dict[str, Array]:
    """Turn -0.0 into 0.0, which every computation treats alike, so that a codebook has one zero."""
    return {
        key: np.ascontiguousarray(value + 0.0 if value.dtype.kind == "f" else value).reshape(
            value.shape
        )
        for key, value in state.items()
    }


def write_states(path: str | Path, card: EnsembleCard, states: Sequence[State]) -> None:
    """Write an ensemble file; it replaces an earlier one only when it is complete.

    Parameters
    ----------
    path
        Of the file.
    card
        Its ``members`` is the number of states.
    states
        One per member: float32 arrays (other dtypes are kept too) by name. -0.0 becomes 0.0; all
        else comes back bit for bit, which is checked before the file is put in place.

    Raises
    ------
    EnsembleFileError
        If a value is not finite, or the file cannot be written.
    """
    path = Path(path)
    states = [without_negative_zeros(state) for state in states]
    if not states or len(states) != card.members:
        raise EnsembleFileError(
            f"{path} was not written: the card says {card.members} members, not {len(states)}."
        )
    tensors: dict[str, Array] = {}
    for member, state in enumerate(states):
        for key, value in state.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise EnsembleFileError(
                    f"{path} was not written: {key} of member {member} is not finite; "
                    "train it again with a lower learning rate."
                )
        tensors.update(_encode(f"{member}/", state))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(_serialize(card, tensors))
            file.flush()
            _verify(Path(file.name), states)
    except OSError as error:
        raise EnsembleFileError(
            f"The ensemble file {path} cannot be written: {error.strerror}."
        ) from error
    except EnsembleFileError:
        raise
    except QsaError as error:
        raise EnsembleFileError(f"The ensemble file {error}") from error


def read_states(
    path: str | Path, template: Mapping[str, Spec], card: EnsembleCard | None = None
) -> list[dict[str, Array]]:
    """Read the states of all members.

    Parameters
    ----------
    path
        Of the file.
    template
        The entries of the network's state dict. Nothing larger is ever allocated, whatever the
        file claims.
    card
        Already read from this file, or None.

    Raises
    ------
    EnsembleFileError
        If the file cannot be read, is damaged, or holds another network.
    """
    header, data = read_file(path)
    card = card or card_of(header, path)
    verify(header, data, path)
    tensors = {
        name: data[entry.start : entry.stop].view(entry.dtype).reshape(entry.shape)
        for name, entry in header.tensors.items()
    }
    states = []
    try:
        for member in range(card.members):
            states.append(_decode(f"{member}/", tensors, template))
    except ValueError as error:
        raise _unusable(path, str(error)) from error
    if tensors:
        raise _unusable(path, f"it holds an unexpected tensor {next(iter(tensors))[:80]!r}")
    return states


def _encode(prefix: str, state: State) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    rest: dict[str, list[Array]] = {}
    for key in sorted(state):
        value = state[key]
        coded = _codes(value)
        if coded is None:
            rest.setdefault(value.dtype.name, []).append(value.ravel())
            continue
        tensors |= {f"{prefix}{key}.{suffix}": part for suffix, part in coded.items()}
    for name, values in rest.items():
        tensors[f"{prefix}rest.{name}"] = np.concatenate(values)
    return tensors


def _codes(value: Array) -> dict[str, Array] | None:
    """Packed codes and codebook of an array of few values; None if it stays as it is."""
    if value.ndim < 2 or value.dtype != np.float32:
        return None
    levels = np.unique(value)
    if not 1 <= levels.size <= packing.MAX_LEVELS:
        return None
    best: dict[str, Array] | None = None
    size = value.nbytes - _HEADER_COST
    for suffix, codebook, all_levels in codebooks.forms(levels):
        if codebook.nbytes < size:
            blob, encoding = packing.pack(
                np.searchsorted(all_levels, value.ravel()), all_levels.size
            )
            if blob.size + codebook.nbytes < size:
                size = blob.size + codebook.nbytes
                best = {encoding: blob, suffix: codebook}
    return best


def _decode(
    prefix: str, tensors: dict[str, Array], template: Mapping[str, Spec]
) -> dict[str, Array]:
    """Decode one member, taking its tensors out of the dict; ValueError says what is wrong."""
    state: dict[str, Array] = {}
    rest: dict[str, list[str]] = {}
    for key in sorted(template):
        shape, dtype = template[key]
        suffix = next((f for f in codebooks.FORMS if f"{prefix}{key}.{f}" in tensors), None)
        if suffix is None:
            rest.setdefault(dtype.name, []).append(key)
            continue
        encoding = next((e for e in packing.ENCODINGS if f"{prefix}{key}.{e}" in tensors), None)
        if encoding is None:
            raise ValueError(f"it lacks the codes of {prefix}{key}")
        blob = tensors.pop(f"{prefix}{key}.{encoding}")
        levels = codebooks.read(suffix, tensors.pop(f"{prefix}{key}.{suffix}"))
        if dtype != np.float32 or levels is None or blob.dtype != np.uint8:
            raise ValueError(f"the codebook or the codes of {prefix}{key} are malformed")
        try:
            codes = packing.unpack(blob.ravel(), encoding, int(np.prod(shape)), levels.size)
        except ValueError as error:
            raise ValueError(f"in {prefix}{key} {error}") from error
        state[key] = levels[codes].reshape(shape)
    for name, keys in rest.items():
        values = tensors.pop(f"{prefix}rest.{name}", np.empty(0, dtype=name))
        sizes = [int(np.prod(template[key].shape)) for key in keys]
        if values.dtype.name != name or values.shape != (sum(sizes),):
            raise ValueError(f"{prefix}rest.{name} does not fit its network")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{prefix}rest.{name} holds values that are not finite")
        parts = np.split(values, np.cumsum(sizes)[:-1])
        for key, part in zip(keys, parts, strict=True):
            state[key] = part.reshape(template[key].shape).copy()
    return state


def _serialize(card: EnsembleCard, tensors: Mapping[str, Array]) -> bytes:
    text = card.to_json()
    entries, data = lay_out(tensors)
    digest = checksum(text, np.frombuffer(data, dtype=np.uint8))
    return make_header(entries, {CARD_KEY: text, CHECKSUM_KEY: digest}) + data


def _verify(path: Path, states: Sequence[State]) -> None:
    template = {key: Spec(value.shape, value.dtype) for key, value in states[0].items()}
    for state, back in zip(states, read_states(path, template), strict=True):
        for key, value in state.items():
            if value.tobytes() != back[key].tobytes():
                raise EnsembleFileError(f"{path} was not written: {key} would not come back.")


def _unusable(path: str | Path, reason: str) -> EnsembleFileError:
    return EnsembleFileError(
        f"The ensemble file {path} cannot be used: {reason}; fetch or train it again."
    )
