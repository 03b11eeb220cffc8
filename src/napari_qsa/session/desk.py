"""What all parts of a workbench share: the project that is open, its threads, and its failures."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from psygnal import Signal

from napari_qsa.errors import QsaError
from napari_qsa.jobs import Engine
from napari_qsa.project import Project, ProjectNotOwned
from napari_qsa.session.dispatch import Post
from napari_qsa.session.lane import Lane

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """Something that could not be done; the last good state holds.

    Attributes
    ----------
    message
        One sentence: what, where, what to do.
    details
        For a bug report: a traceback; empty where the sentence says all.
    part
        Of the workbench in which it happened, such as ``"annotation"``.
    readable
        The folder of a project that cannot be owned, but could be opened read-only.
    """

    message: str
    details: str = ""
    part: str = ""
    readable: Path | None = None


class Desk:
    """What the parts of a workbench work at; they know it and not one another.

    Parameters
    ----------
    post
        Makes a call in the owner's thread; from any thread.
    engine
        For heavy work; one is made if None.

    Attributes
    ----------
    disk : Lane
        For what the user waits for, and for what must not get lost: opening and saving.
    background : Lane
        For what takes long: adding, searching.
    """

    project_changed = Signal()
    failed = Signal(Failure)

    def __init__(self, post: Post, engine: Engine | None = None) -> None:
        self.post = post
        self.engine = engine or Engine()
        self.disk = Lane(post, "qsa-disk")
        self.background = Lane(post, "qsa-background")
        self._project: Project | None = None

    @property
    def project(self) -> Project | None:
        """The project that is open."""
        return self._project

    def put_project(self, project: Project | None) -> None:
        """Change which project is open, and tell everybody."""
        self._project = project
        self.project_changed.emit()

    def do(
        self, part: str, work: Callable[[], T], then: Callable[[T], object] | None = None
    ) -> None:
        """Read or write files in the disk lane; a failure is told to everybody.

        Parameters
        ----------
        part
            Whose work it is, for the `Failure`.
        work
            Called in the lane.
        then
            Called with its result, in the owner's thread.
        """
        self.disk.do(work, then, partial(self.fail, part))

    def fail(self, part: str, error: BaseException) -> Failure:
        """Tell everybody what went wrong, and return what was told."""
        failure = self.failure(part, error)
        self.failed.emit(failure)
        return failure

    def failure(self, part: str, error: BaseException) -> Failure:
        """Put into words what went wrong."""
        known = isinstance(error, QsaError)
        message = str(error) if known else f"Something unexpected went wrong: {error!r}."
        notes = "\n".join(getattr(error, "__notes__", ()))
        details = notes if known else "".join(traceback.format_exception(error))
        readable = error.folder if isinstance(error, ProjectNotOwned) else None
        return Failure(message, details, part, readable)

    def close(self) -> None:
        """Let go of the threads and of the engine; what was to be written is written."""
        self.disk.close()
        self.background.close()
        self.engine.shutdown(wait=False, cancel_futures=True)
