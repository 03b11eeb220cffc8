"""JSON documents and folders that survive a crash, and sentences where they are damaged."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.formats import replacing, sync_folder

SCHEMA = 1
"""Version of all documents in a project; a newer one is refused."""

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


class NewerSchemaError(ProjectError):
    """A document was written by a newer release."""


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object of a schema this release knows.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such file.
    ProjectError
        If it is unreadable, damaged, or of a newer schema (`NewerSchemaError`).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be read ({error.strerror}): check its permissions and the connection."
        ) from error
    except UnicodeDecodeError as error:
        raise damaged(path, "it is not UTF-8 text") from error
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not text.strip() else "it is not whole JSON"
        raise damaged(path, reason) from error
    if not isinstance(values, dict) or type(values.get("schema")) is not int:
        raise damaged(path, "it does not name its schema")
    if values["schema"] > SCHEMA:
        raise NewerSchemaError(
            f"{path} was written by a newer release (schema {values['schema']}, this one reads "
            f"{SCHEMA}): update napari-qsa."
        )
    return values


def write_document(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a document as a whole; `schema` is added.

    Raises
    ------
    QsaError
        If it cannot be written; the old one is then as it was.
    """
    text = json.dumps({"schema": SCHEMA, **values}, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, text.encode() + b"\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file as a whole.

    Raises
    ------
    QsaError
        If it cannot be written; the old one is then as it was.
    """
    with replacing(path) as file:
        file.write(data)


def damaged(path: Path, reason: str) -> ProjectError:
    """Make the sentence for a document that cannot be trusted."""
    return ProjectError(
        f"{path} is damaged ({reason}): restore it from a backup; nothing was changed."
    )


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that are still there after a power cut.

    Raises
    ------
    QsaError
        If it cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise QsaError(
            f"{folder} cannot be made ({error.strerror}): check permissions and free space."
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove the hidden files of writers that were killed; only for the folder's one writer."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if is_leftover(entry.name):
            entry.unlink(missing_ok=True)


def is_leftover(name: str) -> bool:
    """Tell whether a file is one that a killed writer did not come to rename."""
    return _LEFTOVER.fullmatch(name) is not None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
