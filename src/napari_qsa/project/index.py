"""What was read of the annotations once, kept in the user's cache: never needed, only faster.

A row counts only where its fingerprint is that of the image's folder as it is now and its own
check sum is right, so a lost, old or damaged index costs time and changes no answer.
"""

import hashlib
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "NAPARI_QSA_CACHE"
"""Environment variable with the cache folder; empty, there is no index."""

_VERSION = 1
_BUSY_SECONDS = 0.5
_AT_ONCE = 500


@dataclass(frozen=True)
class Row:
    """What was read of one image: its folder's fingerprint then, and a text."""

    fingerprint: str
    text: str


class Index:
    """The rows of one project in one place.

    Parameters
    ----------
    path : Path or None
        Of the SQLite file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def of(cls, project_id: str, folder: Path) -> "Index":
        """Find the index of a project; a copy of it in another folder has another one."""
        cache = cache_folder()
        if cache is None:
            return cls(None)
        place = hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()[:16]
        return cls(cache / "projects" / f"{project_id}-{place}-v{_VERSION}.sqlite")

    def read(self, images: Sequence[str]) -> dict[str, Row]:
        """Read the sound rows of some images; none if there is no index or it cannot be used."""
        if self.path is None or not self.path.is_file():
            return {}
        try:
            with closing(self._connect(self.path)) as database:
                found: list[tuple[str, str, str, str]] = []
                for start in range(0, len(images), _AT_ONCE):
                    wanted = images[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(wanted))
                    found += database.execute(
                        f"SELECT image, fingerprint, text, sum FROM rows WHERE image IN ({marks})",
                        wanted,
                    )
                return {
                    image: Row(fingerprint, text)
                    for image, fingerprint, text, checksum in found
                    if checksum == _checksum(image, fingerprint, text)
                }
        except sqlite3.Error as error:
            self._give_up(error)
            return {}

    def write(self, rows: Mapping[str, Row]) -> None:
        """Add or replace rows, if the index can be written."""
        if self.path is None or not rows:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect(self.path)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS rows "
                    "(image TEXT PRIMARY KEY, fingerprint TEXT, text TEXT, sum TEXT)"
                )
                database.executemany(
                    "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)",
                    (
                        (image, row.fingerprint, row.text, _checksum(image, *_parts(row)))
                        for image, row in rows.items()
                    ),
                )
        except sqlite3.Error as error:
            self._give_up(error)
        except OSError:
            self.path = None  # no cache can be kept here

    def _connect(self, path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=_BUSY_SECONDS)
        database.execute("PRAGMA synchronous = OFF")  # what a power cut breaks is read again
        return database

    def _give_up(self, error: sqlite3.Error) -> None:
        """Remove a damaged index; one that is only busy or not writable is left."""
        if self.path is not None and not isinstance(error, sqlite3.OperationalError):
            try:
                self.path.unlink(missing_ok=True)
            except OSError:
                self.path = None


def cache_folder() -> Path | None:
    """Say where this program keeps what can be made again; None if nowhere."""
    if (chosen := os.environ.get(VARIABLE)) is not None:
        return Path(chosen) if chosen else None
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "napari-qsa"


def _parts(row: Row) -> tuple[str, str]:
    return row.fingerprint, row.text


def _checksum(image: str, fingerprint: str, text: str) -> str:
    return hashlib.sha256(f"{image}\n{fingerprint}\n{text}".encode()).hexdigest()
