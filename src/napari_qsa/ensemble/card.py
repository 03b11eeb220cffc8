"""What an ensemble file says about itself, and how to read that from the file's bytes.

Nothing here imports torch: a window or a command can show a card at once. An ensemble file is a
safetensors file; its header holds a JSON string, the card, in the metadata entry ``ensemble``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.header import Header, read_header
from napari_qsa.ensemble.instances import InstanceOptions, options_from_dict
from napari_qsa.errors import EnsembleFileError

FORMAT_VERSION = 1
CARD_KEY = "ensemble"
CHECKSUM_KEY = "sha256"
ROLES = ("suggestive", "segmentation")
MAX_MEMBERS = 64
MAX_HALO = 4096


@dataclass(frozen=True)
class TrainingImage:
    """One image an ensemble was trained on.

    Attributes
    ----------
    name
        Of the image in its data set.
    sha256
        Of the file's bytes, 64 hexadecimal digits.
    fold
        The fold it is in: member `fold` was trained without it. None where every member may have
        seen it.
    """

    name: str
    sha256: str
    fold: int | None = None


@dataclass(frozen=True)
class EnsembleCard:
    """All that is known about an ensemble besides its weights.

    Attributes
    ----------
    role
        ``segmentation`` or ``suggestive``.
    network, network_options, in_channels
        What `napari_qsa.networks.build_network` needs; the option ``pretrained`` is left out,
        since the weights are in the file.
    members
        How many networks.
    weights, activations
        Names of the quantization schemes.
    layers
        Layers whose schemes are others: name to weight scheme, or ``weights/activations``.
    pixel_size
        Of the grid the networks work on, in µm.
    source_pixel_size
        Of the training images, in µm; assumed for an image that does not say its own.
    mean, std
        One value per channel: networks see ``(values in 0 to 1 - mean) / std``.
    halo, stride
        In pixels of the networks' grid: what a tile needs around it, and what sizes and origins of
        tiles are multiples of.
    instances
        How maps become objects.
    training
        Every training image.
    folds
        Number of patient folds, member m trained without fold m; 0 for bootstraps.
    seeds
        The random seeds, one for each member.
    version, date
        Of the software that trained it, and the day (ISO 8601).
    metrics
        What was measured: free JSON.
    notes
        Sentences a user must read, such as terms of use.
    format_version
        Of the file.
    """

    role: str
    network: str
    network_options: Mapping[str, Any]
    in_channels: int
    members: int
    weights: str
    activations: str
    pixel_size: float
    source_pixel_size: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    halo: int
    stride: int
    instances: InstanceOptions = field(default_factory=InstanceOptions)
    layers: Mapping[str, str] = field(default_factory=dict)
    training: tuple[TrainingImage, ...] = ()
    folds: int = 0
    seeds: tuple[int, ...] = ()
    version: str = ""
    date: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        options = {k: v for k, v in self.network_options.items() if k != "pretrained"}
        object.__setattr__(self, "network_options", options)

    def held_out_member(self, sha256: str) -> int | None:
        """Give the one member that never saw an image, or None if there is none or many.

        Copies of one image may have come into several folds: then every member saw it.
        """
        if self.folds != self.members:
            return None
        folds = {image.fold for image in self.training if image.sha256 == sha256}
        return folds.pop() if len(folds) == 1 else None

    def to_json(self) -> str:
        """Write the card as one line of JSON; NaN and infinity are refused (ValueError)."""
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> EnsembleCard:
        """Read a card; unknown entries are ignored.

        Raises
        ------
        ValueError
            If the text is no JSON, or an entry is missing, of the wrong type or out of range; the
            message is a part of a sentence.
        """
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("its card is nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError("its card is no JSON object")
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(
                f"it has format version {str(version)[:20]}, and this release reads version "
                f"{FORMAT_VERSION}"
            )
        return _card(values)


def read_card(path: str | Path) -> EnsembleCard:
    """Read the card of an ensemble file from its first bytes.

    Raises
    ------
    EnsembleFileError
        If the file cannot be read, or is no ensemble file of this format version.
    """
    return card_of(read_header(path), path)


def card_of(header: Header, path: str | Path) -> EnsembleCard:
    """Read the card in a header; EnsembleFileError names `path`."""
    text = header.metadata.get(CARD_KEY)
    if text is None:
        raise EnsembleFileError(
            f"{path} is a safetensors file but no ensemble of napari-qsa: it has no card."
        )
    try:
        return EnsembleCard.from_json(text)
    except ValueError as error:
        raise EnsembleFileError(
            f"The ensemble file {path} cannot be used: {error}; fetch or train it again."
        ) from error


def checksum(text: str, data: NDArray[np.uint8]) -> str:
    """Compute the SHA-256 of a card's text and of the bytes of all tensors."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    digest.update(data.data)
    return digest.hexdigest()


def verify(header: Header, data: NDArray[np.uint8], path: str | Path) -> None:
    """Refuse a file, by an EnsembleFileError, whose checksum shows damage; it has a card."""
    if header.metadata.get(CHECKSUM_KEY) != checksum(header.metadata[CARD_KEY], data):
        raise EnsembleFileError(
            f"The ensemble file {path} cannot be used: its checksum is wrong, so it is damaged; "
            "fetch or train it again."
        )


def _card(values: dict[str, Any]) -> EnsembleCard:
    members = _whole(values, "members", 1, MAX_MEMBERS)
    channels = _whole(values, "in_channels", 1, 64)
    card = EnsembleCard(
        role=_text(values, "role"),
        network=_text(values, "network"),
        network_options=_small_options(_entry(values, "network_options", dict)),
        in_channels=channels,
        members=members,
        weights=_text(values, "weights"),
        activations=_text(values, "activations"),
        pixel_size=_real(values, "pixel_size", 1e-4, 1e4),
        source_pixel_size=_real(values, "source_pixel_size", 1e-4, 1e4),
        mean=_reals(values, "mean", channels, -1e3),
        std=_reals(values, "std", channels, 1e-6),
        halo=_whole(values, "halo", 0, MAX_HALO),
        stride=_whole(values, "stride", 1, 1024),
        instances=options_from_dict(_entry(values, "instances", dict)),
        layers=_texts(_entry(values, "layers", dict, {})),
        training=tuple(_training_image(v) for v in _entry(values, "training", list, [])),
        folds=_whole(values, "folds", 0, MAX_MEMBERS),
        seeds=_seeds(_entry(values, "seeds", list, [])),
        version=_text(values, "version"),
        date=_text(values, "date"),
        metrics=_entry(values, "metrics", dict, {}),
        notes=tuple(_texts(dict(enumerate(_entry(values, "notes", list, [])))).values()),
    )
    if card.role not in ROLES:
        raise ValueError(f"its role is {card.role[:40]!r}, not one of {', '.join(ROLES)}")
    return card


def _entry(values: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = values.get(name, default)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"the entry {name!r} of its card is missing or malformed")
    return value


def _text(values: dict[str, Any], name: str) -> str:
    text: str = _entry(values, name, str)
    return text


def _whole(values: dict[str, Any], name: str, lowest: int, highest: int) -> int:
    value: int = _entry(values, name, int)
    if not lowest <= value <= highest:
        raise ValueError(f"the entry {name!r} of its card is out of range")
    return value


def _real(values: dict[str, Any], name: str, lowest: float, highest: float = 1e3) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"the entry {name!r} of its card is missing or no number")
    if not lowest <= value <= highest:
        raise ValueError(f"the entry {name!r} of its card is out of range")
    return float(value)


def _reals(values: dict[str, Any], name: str, count: int, lowest: float) -> tuple[float, ...]:
    entries = _entry(values, name, list)
    if len(entries) != count:
        raise ValueError(f"the entry {name!r} of its card has not one value per channel")
    return tuple(_real({name: value}, name, lowest) for value in entries)


def _texts(values: dict[Any, Any]) -> dict[Any, str]:
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("an entry of its card is no text")
    return values


def _seeds(values: list[Any]) -> tuple[int, ...]:
    if not all(isinstance(value, int) for value in values):
        raise ValueError("the entry 'seeds' of its card is malformed")
    return tuple(values)


def _training_image(value: Any) -> TrainingImage:
    match value:
        case {"name": str(name), "sha256": str(digest)}:
            fold = value.get("fold")
            good_fold = fold is None or (type(fold) is int and 0 <= fold < MAX_MEMBERS)
            if good_fold and re.fullmatch("[0-9a-f]{64}", digest):
                return TrainingImage(name, digest, fold)
    raise ValueError("the entry 'training' of its card is malformed")


def _small_options(options: dict[str, Any]) -> dict[str, Any]:
    """Let only few and small options through: a network is built from them before it is checked."""
    if len(options) > 32 or not all(_is_small(value) for value in options.values()):
        raise ValueError("the entry 'network_options' of its card is malformed or too large")
    return options


def _is_small(value: Any) -> bool:
    match value:
        case bool() | None:
            return True
        case int() | float():
            return abs(value) <= 4096
        case str():
            return len(value) <= 100
        case list():
            return len(value) <= 32 and all(type(v) is int and abs(v) <= 4096 for v in value)
    return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"its card holds {name}")
