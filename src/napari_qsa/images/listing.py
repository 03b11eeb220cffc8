"""A list of images with their labels and regions: one JSON file that opens like a folder."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_qsa.errors import DatasetError
from napari_qsa.images.item import ALL, Item

SUFFIX = ".json"
SCHEMA = 1

_KINDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "image": (str,),
    "label": (str, type(None)),
    "part": (str,),
    "patient": (str, type(None)),
    "grade": (str, type(None)),
    "page": (int, type(None)),
    "pixel_size": (int, float, type(None)),
    "label_page": (int, type(None)),
    "region_page": (int, type(None)),
}


def encode_listing(items: Iterable[Item], folder: Path, near: Path) -> bytes:
    """Give the content of a list.

    Parameters
    ----------
    items
        With unique names.
    folder
        In which the list will lie.
    near
        Paths below this folder are written relative to `folder`, so that all of it can be moved;
        others are written in full.
    """
    entries = [
        {
            **{name: getattr(item, name) for name in _KINDS},
            "image": _written(item.image, folder, near),
            "label": None if item.label is None else _written(item.label, folder, near),
        }
        for item in items
    ]
    text = json.dumps({"schema": SCHEMA, "images": entries}, indent=1, ensure_ascii=False)
    return text.encode() + b"\n"


def read_listing(path: Path) -> tuple[Item, ...]:
    """Read the items of a list, in its order.

    Raises
    ------
    DatasetError
        If it cannot be read, or is no such list.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): check it.") from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, "it is no JSON") from error
    if not isinstance(values, dict) or not isinstance(values.get("images"), list):
        raise _refused(path, "it holds no list of images")
    if values.get("schema") != SCHEMA:
        raise _refused(path, f"it has schema {values.get('schema')}, this release reads {SCHEMA}")
    items = tuple(
        _item(path, place, entry) for place, entry in enumerate(values["images"], start=1)
    )
    if len({item.name.casefold() for item in items}) != len(items):
        raise _refused(path, "two of its images have one name")
    return items


def _item(path: Path, place: int, entry: Any) -> Item:
    if not isinstance(entry, dict):
        raise _refused(path, f"image {place} is no object")
    facts: dict[str, Any] = {name: entry.get(name) for name in _KINDS}
    facts["part"] = facts["part"] or ALL
    for name, kinds in _KINDS.items():
        if not isinstance(facts[name], kinds) or isinstance(facts[name], bool):
            raise _refused(path, f"image {place}: the entry {name!r} is missing or malformed")
    for name in ("image", "label"):
        if facts[name] is not None:
            facts[name] = Path(os.path.normpath(path.absolute().parent / facts[name]))
    return Item(**facts)


def _written(path: Path, folder: Path, near: Path) -> str:
    absolute = Path(os.path.abspath(path))
    if not absolute.is_relative_to(os.path.abspath(near)):
        return absolute.as_posix()
    return Path(os.path.relpath(absolute, folder)).as_posix()


def _refused(path: Path, reason: str) -> DatasetError:
    return DatasetError(
        f"{path} cannot be used as a list of images ({reason}): give a folder of images."
    )
