"""What an ensemble file holds, read from its bytes: nothing here loads a network."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, card_of, verify
from napari_qsa.ensemble.header import TensorEntry, read_file
from napari_qsa.errors import EnsembleFileError

ENCODINGS = ("zlib", "pairs", "planes", "digits", "zdigits")
CODEBOOKS = ("levels", "grid")
FLOAT_BYTES = 4
MAX_LEVELS = 2**16
_DIGITS = {2: 8, 3: 5, 4: 4, 5: 3, 6: 3}
_MAX_VALUES = 2**28
"""Codes of a whole file that are unpacked to be counted."""


@dataclass(frozen=True)
class Layer:
    """One weight of one member.

    Attributes
    ----------
    member : int
        Which.
    name : str
        Of the parameter in the network.
    encoding : str
        How its codes are packed, see `napari_qsa.quantization.packing`.
    levels : int
        Size of its codebook.
    values : int
        Weights. Where several codes share a byte, up to 7 are hidden: it is rounded up there.
    bytes : int
        Of codes and codebook in the file.
    """

    member: int
    name: str
    encoding: str
    levels: int
    values: int
    bytes: int

    @property
    def bits_per_weight(self) -> float:
        """Codes and codebook, in bits for each weight."""
        return 8 * self.bytes / self.values if self.values else 0.0


@dataclass(frozen=True)
class Inventory:
    """An ensemble file, weighed.

    Attributes
    ----------
    path : Path
        The file.
    card : EnsembleCard
        What it says about itself.
    bytes : int
        Of the whole file.
    layers : tuple of Layer
        Weights kept as codes.
    float_values : int
        Values kept as they are: biases, scales, weights that are not quantized.
    """

    path: Path
    card: EnsembleCard
    bytes: int
    layers: tuple[Layer, ...]
    float_values: int

    @property
    def values(self) -> int:
        """All values, of all members."""
        return self.float_values + sum(layer.values for layer in self.layers)

    @property
    def float32_bytes(self) -> int:
        """What all values take as float32."""
        return FLOAT_BYTES * self.values

    @property
    def ratio(self) -> float:
        """How many times smaller the whole file is than its values as float32."""
        return self.float32_bytes / self.bytes

    @property
    def bits_per_weight(self) -> float | None:
        """Mean over the weights kept as codes; None if there are none."""
        values = sum(layer.values for layer in self.layers)
        return 8 * sum(layer.bytes for layer in self.layers) / values if values else None


def take_inventory(name_or_path: str | Path) -> Inventory:
    """Read an ensemble file, by its shipped name or its path.

    Raises
    ------
    EnsembleFileError
        If there is none, or it is damaged.
    """
    path = shipped.resolve(name_or_path)
    header, data = read_file(path)
    card = card_of(header, path)
    verify(header, data, path)
    layers, float_values, left = [], 0, _MAX_VALUES
    members = {str(member) for member in range(card.members)}
    for name, entry in header.tensors.items():
        member, _, key = name.partition("/")
        stem, _, suffix = key.rpartition(".")
        if member not in members:
            raise _damaged(path, f"an unexpected tensor {name[:80]!r}")
        forms = (header.tensors.get(f"{member}/{stem}.{form}") for form in CODEBOOKS)
        codebook = next((stored for stored in forms if stored is not None), None)
        if suffix in ENCODINGS and codebook is not None:
            is_grid = f"{member}/{stem}.grid" in header.tensors
            levels = _levels(codebook, data if is_grid else None, path)
            values = _count(data[entry.start : entry.stop], suffix, levels, path, left)
            left -= values
            size = entry.stop - entry.start + codebook.stop - codebook.start
            layers.append(Layer(int(member), stem, suffix, levels, values, size))
        elif suffix not in CODEBOOKS:
            float_values += int(np.prod(entry.shape))
    layers.sort(key=lambda layer: layer.member)
    return Inventory(path, card, header.length + data.size, tuple(layers), float_values)


def _levels(codebook: TensorEntry, grid: NDArray[np.uint8] | None, path: Path) -> int:
    """Give the size of a codebook; of a grid, whose bytes are in `grid`, it is the last number."""
    if len(codebook.shape) != 1 or not 1 <= codebook.shape[0] <= MAX_LEVELS:
        raise _damaged(path, f"a codebook of shape {codebook.shape}")
    if grid is None:
        return codebook.shape[0]
    count = float(grid[codebook.start : codebook.stop].view(codebook.dtype)[-1])
    if not 1 <= count <= MAX_LEVELS:
        raise _damaged(path, f"a codebook of {count:g} levels")
    return int(count)


def _count(
    blob: NDArray[np.uint8], encoding: str, levels: int, path: Path, limit: int = _MAX_VALUES
) -> int:
    """Count the codes in a blob without keeping them; more than `limit` bytes are refused."""
    if encoding == "planes":
        bits = max((levels - 1).bit_length(), 1)
        return 8 * (blob.size // bits)
    if encoding == "digits":
        return _DIGITS.get(levels, 1) * blob.size
    try:
        size = sum(len(chunk) for chunk in _inflated(blob.tobytes(), limit))
    except zlib.error as error:
        raise _damaged(path, str(error)) from error
    if encoding == "zlib":
        return size // 2 if levels > 256 else size
    return size * (2 if encoding == "pairs" else _DIGITS.get(levels, 1))


def _damaged(path: Path, reason: str) -> EnsembleFileError:
    return EnsembleFileError(
        f"The ensemble file {path} is damaged ({reason}); fetch or train it again."
    )


def _inflated(blob: bytes, limit: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    total = 0
    while blob and not unpacker.eof:
        chunk = unpacker.decompress(blob, 2**16)
        total += len(chunk)
        if total > limit:
            raise zlib.error("layers of absurd size")
        yield chunk
        blob = unpacker.unconsumed_tail


@dataclass(frozen=True)
class LayerGroup:
    """The same layer of all members.

    Attributes
    ----------
    name : str
        Of the parameter.
    encodings : tuple of str
        Those its members use.
    levels, values : int
        Of one member, the largest.
    bits_per_weight : float
        Mean over the members.
    """

    name: str
    encodings: tuple[str, ...]
    levels: int
    values: int
    bits_per_weight: float


def by_layer(layers: Sequence[Layer]) -> list[LayerGroup]:
    """Bring the members' layers of one name together, in the order of the file."""
    groups = []
    for name in dict.fromkeys(layer.name for layer in layers):
        own = [layer for layer in layers if layer.name == name]
        values = sum(layer.values for layer in own)
        groups.append(
            LayerGroup(
                name,
                tuple(sorted({layer.encoding for layer in own})),
                max(layer.levels for layer in own),
                max(layer.values for layer in own),
                8 * sum(layer.bytes for layer in own) / values if values else 0.0,
            )
        )
    return groups
