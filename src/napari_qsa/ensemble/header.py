"""The safetensors container, read with limits on everything a hostile file may claim.

The format: eight bytes, little endian, with the length of the header; the header, a JSON object
of ``name: {dtype, shape, data_offsets}`` and the strings in ``__metadata__``; the tensors' bytes.
It is written here too, since the library's own writer orders the metadata at random, and the same
ensemble is to give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import EnsembleFileError

MAX_HEADER = 32 * 2**20
"""Bytes; 5 members of 1,000 layers and 100,000 training images stay far below."""
MAX_FILE = 2**31
"""Bytes."""

DTYPES: Mapping[str, np.dtype[Any]] = {
    name: np.dtype(numpy_name)
    for name, numpy_name in {
        "BOOL": "bool",
        "U8": "uint8",
        "I32": "<i4",
        "I64": "<i8",
        "F32": "<f4",
        "F64": "<f8",
    }.items()
}


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies: dtype, shape, and its bytes ``[start, stop)`` after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """Strings and tensors a file declares; `length` is where the tensors' bytes begin."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorEntry]
    length: int


def read_header(path: str | Path) -> Header:
    """Read and check the header alone.

    Raises
    ------
    EnsembleFileError
        If the file cannot be read or its header is damaged.
    """
    with _opened(path) as (file, size):
        return _parse(path, file, size)


def read_file(path: str | Path) -> tuple[Header, NDArray[np.uint8]]:
    """Read the header and, as one array of bytes, all that follows it.

    Raises
    ------
    EnsembleFileError
        If the file cannot be read or its header is damaged.
    """
    with _opened(path) as (file, size):
        header = _parse(path, file, size)
        return header, np.frombuffer(file.read(size - header.length), dtype=np.uint8)


def lay_out(tensors: Mapping[str, NDArray[Any]]) -> tuple[dict[str, Any], bytes]:
    """Order tensors by alignment and name; give their header entries, and their bytes."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    entries: dict[str, Any] = {}
    parts: list[bytes] = []
    stop = 0
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        start, stop = stop, stop + value.nbytes
        entries[name] = {
            "dtype": names[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [start, stop],
        }
        parts.append(value.tobytes())
    return entries, b"".join(parts)


def make_header(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Write the header, padded with blanks to a multiple of 8 bytes."""
    header = {"__metadata__": dict(metadata), **entries}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file for reading and give its size; an OSError becomes an EnsembleFileError."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            yield file, size
    except OSError as error:
        reason = error.strerror or "it is no ordinary file"
        raise EnsembleFileError(f"The ensemble file {path} cannot be read: {reason}.") from error


def _parse(path: str | Path, file: BinaryIO, size: int) -> Header:
    length = int.from_bytes(file.read(8), "little")
    if size > MAX_FILE:
        raise _damaged(path, "it is larger than any ensemble")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        raise _damaged(path, "its header is longer than the file or absurdly long")
    try:
        entries = json.loads(file.read(length))
    except (ValueError, RecursionError):
        raise _damaged(path, "its header is no JSON") from None
    if not isinstance(entries, dict):
        raise _damaged(path, "its header is no JSON object")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(path, "the metadata in its header is malformed")
    available = size - 8 - length
    tensors = {}
    for name, entry in entries.items():
        tensor = _tensor(entry, available)
        if tensor is None:
            raise _damaged(path, f"the tensor {name[:80]!r} is malformed or cut off")
        tensors[name] = tensor
    stop = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if tensor.start < stop:
            raise _damaged(path, f"the tensor {name[:80]!r} overlaps another")
        stop = tensor.stop
    return Header(metadata, tensors, 8 + length)


def _tensor(entry: Any, available: int) -> TensorEntry | None:
    match entry:
        case {"dtype": str(name), "shape": list(shape), "data_offsets": [int(start), int(stop)]}:
            if name not in DTYPES or len(shape) > 8:
                return None
            if not all(type(side) is int and 0 <= side <= MAX_FILE for side in shape):
                return None
            count = 1
            for side in shape:
                count *= side
            dtype = DTYPES[name]
            if 0 <= start <= stop <= available and stop - start == count * dtype.itemsize:
                return TensorEntry(dtype, tuple(shape), start, stop)
    return None


def _damaged(path: str | Path, reason: str) -> EnsembleFileError:
    return EnsembleFileError(
        f"{path} is no ensemble file, or a damaged one: {reason}; fetch or train it again."
    )
