"""One owner at a time: who holds a project, as others are told."""

import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_qsa.errors import ProjectError
from napari_qsa.jobs.lock import lock
from napari_qsa.project import checks, clock

_START = 1
"""The text begins behind the first byte: Windows lets no one else read a locked byte."""

_MOST = 4096


@dataclass(frozen=True)
class Owner:
    """The process that holds a project.

    Attributes
    ----------
    host, user : str
    pid : int
    since : str
        ISO 8601, UTC.
    """

    host: str
    user: str
    pid: int
    since: str


class ProjectNotOwned(ProjectError):
    """A project cannot be owned here; it can still be opened read-only.

    Attributes
    ----------
    folder : Path
        Of the project.
    """

    def __init__(self, folder: Path, message: str) -> None:
        super().__init__(message)
        self.folder = folder


class ProjectLocked(ProjectNotOwned):
    """A project is open in another process, or a second time in this one.

    Attributes
    ----------
    owner : Owner or None
        None if the owner has not said who it is.
    """

    def __init__(self, folder: Path, owner: Owner | None) -> None:
        self.owner = owner
        by = (
            f"by {owner.user} on {owner.host} since {owner.since} (process {owner.pid})"
            if owner
            else "by another process"
        )
        super().__init__(folder, f"{folder} is in use {by}: close it there, or open it read-only.")


def this_user() -> str:
    """Name the user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name is known, as in some containers
        return "unknown"


def this_host() -> str:
    """Name this machine."""
    return socket.gethostname()


@contextmanager
def owning(folder: Path, path: Path) -> Iterator[None]:
    """Hold the lock file `path` of a project for the length of the block.

    Raises
    ------
    ProjectLocked
        If it is held already.
    ProjectNotOwned
        If the lock file cannot be opened for writing.
    """
    with ExitStack() as stack:
        try:
            held = stack.enter_context(lock(path))
            if held:
                _write_owner(path)
        except OSError as error:
            raise ProjectNotOwned(
                folder,
                f"{path} cannot be locked ({error.strerror}): open the project read-only, or "
                "give yourself write permission.",
            ) from error
        if not held:
            raise ProjectLocked(folder, read_owner(path))
        yield


def read_owner(path: Path) -> Owner | None:
    """Read who said to hold a lock last; None if nothing sound is written there."""
    try:
        with path.open("rb") as file:
            file.seek(_START)
            values = json.loads(file.read(_MOST))
        found = checks.taken(
            values,
            {
                "host": checks.is_text,
                "user": checks.is_text,
                "pid": checks.is_count,
                "since": checks.is_text,
            },
        )
    except (OSError, ValueError):
        return None
    return Owner(**found)


def _write_owner(path: Path) -> None:
    owner = Owner(this_host(), this_user(), os.getpid(), clock.stamp())
    with path.open("r+b") as file:
        file.seek(_START)
        file.write(json.dumps(asdict(owner)).encode() + b"\n")
        file.truncate()
