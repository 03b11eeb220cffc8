"""What a project knows of each image: the content of ``images.json``."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_qsa.project import checks, store

Role = Literal["train", "validation", "excluded"]
ROLES: tuple[Role, ...] = ("train", "validation", "excluded")
RoleFrom = Literal["default", "rule", "user"]
AskedFor = Literal["annotate", "validate"]

_SLUG_LENGTH = 48


@dataclass(frozen=True)
class ImageRecord:
    """One image of a project. Its annotation follows from the revisions and is not in here.

    Attributes
    ----------
    id : str
        Never changes, and names the folder of its revisions.
    name : str
        For people; may change and repeat.
    path : str
        Of the file, with ``/``: relative to the folder that the project lies in, if below it.
    page : int or None
        Of a stack, counted from 0.
    size, mtime_ns : int
        Bytes, and time of the last change, of the file when it was looked at last.
    sampled_hash : str
        See `references.sampled_hash`: what the image is.
    sha256 : str or None
        Of the whole file; None until it was computed.
    width, height : int
        In pixels.
    pixel_size : float or None
        In µm, if the file or its data set says so.
    group : str
        What must not be divided between training and validation: ``patient:...``,
        ``pattern:...``, ``file:...`` (pages of one stack) or ``image:...``.
    grade : str or None
    role : {"train", "validation", "excluded"}
    role_from : {"default", "rule", "user"}
        Who gave the role; the user's word stays.
    round : int or None
        The round in which the image was last asked for.
    asked_for : {"annotate", "validate"} or None
        What it was asked for then.
    """

    id: str
    name: str
    path: str
    page: int | None
    size: int
    mtime_ns: int
    sampled_hash: str
    sha256: str | None
    width: int
    height: int
    pixel_size: float | None
    group: str
    grade: str | None
    role: Role = "train"
    role_from: RoleFrom = "default"
    round: int | None = None
    asked_for: AskedFor | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width


_CHECKS: dict[str, checks.Check] = {
    "id": checks.is_id,
    "name": checks.is_text,
    "path": checks.is_text,
    "page": checks.or_none(checks.is_count),
    "size": checks.is_count,
    "mtime_ns": lambda value: type(value) is int,
    "sampled_hash": checks.is_digest,
    "sha256": checks.or_none(checks.is_digest),
    "width": checks.is_count,
    "height": checks.is_count,
    "pixel_size": checks.or_none(checks.is_positive),
    "group": checks.is_text,
    "grade": checks.or_none(checks.is_text),
    "role": checks.is_one_of(*ROLES),
    "role_from": checks.is_one_of("default", "rule", "user"),
    "round": checks.or_none(checks.is_count),
    "asked_for": checks.is_one_of("annotate", "validate", None),
}


def read_records(path: Path) -> dict[str, ImageRecord]:
    """Read ``images.json``, in the order the images were added.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ProjectError
        If it is damaged, or of a newer schema.
    """
    entries = store.read_document(path).get("images")
    if not isinstance(entries, list):
        raise store.damaged(path, "it holds no list of images")
    records: dict[str, ImageRecord] = {}
    for place, entry in enumerate(entries):
        try:
            record = ImageRecord(**checks.taken(entry, _CHECKS))
        except ValueError as error:
            raise store.damaged(path, f"image {place + 1}: {error}") from error
        if record.id in records:
            raise store.damaged(path, f"two images are called {record.id}")
        records[record.id] = record
    return records


def write_records(path: Path, records: Iterable[ImageRecord]) -> None:
    """Replace ``images.json``; one line for each image, so that two states can be compared."""
    lines = ",\n".join(
        json.dumps(vars(record), ensure_ascii=False, allow_nan=False) for record in records
    )
    head = json.dumps({"schema": store.SCHEMA})[:-1]
    store.write_bytes(path, f'{head}, "images": [\n{lines}\n]}}\n'.encode())


def new_id(stem: str, sampled_hash: str, taken: Mapping[str, Any]) -> str:
    """Make an id that can be read and typed, and names a folder on every system."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-") or "image"
    first = image_id = f"{slug}-{sampled_hash[:8]}"
    number = 2
    while image_id in taken:
        image_id, number = f"{first}-{number}", number + 1
    return image_id
