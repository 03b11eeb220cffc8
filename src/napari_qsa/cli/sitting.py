"""A project for the length of a command: opened, worked at, waited for, closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from napari_qsa.cli.console import bar, note
from napari_qsa.errors import QsaError
from napari_qsa.project import Project
from napari_qsa.session.chores import Cancelled, Chores, Progress
from napari_qsa.session.desk import Failure
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.rescue import PART as RESCUE
from napari_qsa.session.state import State, Status
from napari_qsa.session.workbench import Workbench

T = TypeVar("T")
_WAKE = 0.5
"""Seconds; on Windows an interrupt is seen between two waits only."""

_STOPPING = 30.0
"""Seconds that a part has to write what it has when it is interrupted."""


class Part(Protocol):
    """What of a workbench works for long."""

    @property
    def status(self) -> Status:
        """How far it is, or how it ended."""

    @property
    def running(self) -> bool:
        """Whether it works."""

    def cancel(self) -> None:
        """Stop soon."""


class Sitting:
    """A workbench whose calls are made while a command waits.

    Parameters
    ----------
    *parts
        Of the workbench whose failures matter, beside the project, its images and annotations:
        the others look at their files too when a project is opened.

    Attributes
    ----------
    workbench : Workbench
        The same as the window's.
    failures : list of Failure
        What went wrong since they were looked at last.
    """

    def __init__(self, *parts: str) -> None:
        self._parts = {"project", "images", "annotation", *parts}
        self._inbox = Inbox()
        self.workbench = Workbench(self._inbox.post)
        self.failures: list[Failure] = []
        self._said: list[str] = []
        self.workbench.desk.failed.connect(self._heard)

    @property
    def project(self) -> Project:
        """The project that is open."""
        project = self.workbench.desk.project
        if project is None:
            raise QsaError("No project is open: open one first.")
        return project

    def until(self, done: Callable[[], bool]) -> None:
        """Make the calls as they come, until something is done."""
        while True:
            try:
                return self._inbox.run_until(done, _WAKE)
            except TimeoutError:
                continue

    def work(self, part: Part, title: str) -> Status:
        """Wait for a part and show how far it is; return how it ended.

        An interrupt stops the part; what it has by then is kept.
        """
        with bar(title) as shown:

            def done() -> bool:
                shown.update(part.status.fraction or 0.0, part.status.message)
                return not part.running

            try:
                self.until(done)
            except KeyboardInterrupt:
                part.cancel()
                self._inbox.run_until(lambda: not part.running, _STOPPING)
                raise
        return part.status

    def ask(self, work: Callable[[], T]) -> T:
        """Read or write files as the window does, in the desk's lane; raises what `work` raises."""
        answers: list[T] = []
        errors: list[BaseException] = []
        self.workbench.desk.disk.do(work, answers.append, errors.append)
        self.until(lambda: bool(answers or errors))
        if errors:
            raise errors[0]
        return answers[0]

    def settle(self) -> None:
        """Wait until all images were looked at, and what was said of them was heard."""
        self.until(lambda: self.workbench.pool.complete)
        self.ask(lambda: None)

    def ask_long(self, part: str, title: str, work: Callable[[Progress, Cancelled], T]) -> T:
        """Do what takes long, with a bar, in the desk's other lane.

        Raises
        ------
        QsaError
            What went wrong.
        """
        answers: list[Any] = []

        def then(answer: T) -> Status:
            answers.append(answer)
            return Status(State.DONE)

        chores = Chores(self.workbench.desk)
        chores.do(part, f"{title}…", work, then)
        self.work(chores, title)
        if not answers:
            self.stop_at_failures()
        answer: T = answers[0]
        return answer

    def tell_failures(self) -> bool:
        """Write what went wrong, a line for each, and tell whether there was something."""
        found = [line for failure in self.failures for line in sentences(failure)]
        self.failures.clear()
        for line in found:
            note(f"Error: {line}")
        return bool(found)

    def stop_at_failures(self) -> None:
        """End the command with what went wrong, if something did.

        Raises
        ------
        QsaError
            The last failure; those before are written.
        """
        if self.failures:
            last = sentences(self.failures.pop())
            self.tell_failures()
            raise QsaError("\n".join(last))

    def tell_rescued(self) -> None:
        """Write what became of strokes that could not be saved at the time; that is no error."""
        for sentence in self._said:
            note(sentence)
        self._said.clear()

    def _heard(self, failure: Failure) -> None:
        if failure.part == RESCUE:
            self._said.append(failure.message)
        elif failure.part in self._parts:
            self.failures.append(failure)


@contextmanager
def sitting(*parts: str) -> Iterator[Sitting]:
    """Give a workbench without a project."""
    room = Sitting(*parts)
    try:
        yield room
    finally:
        room.workbench.close()
    room.stop_at_failures()  # what could not be written in the end


@contextmanager
def opened(
    folder: Path, *parts: str, read_only: bool = False, rescued: bool = True
) -> Iterator[Sitting]:
    """Open a project; one that is only read may be open elsewhere.

    What could not be saved at the time is taken up and said, if `rescued`.

    Raises
    ------
    QsaError
        If there is none, or it is in use.
    """
    with sitting(*parts) as room:
        room.workbench.open_project(folder, read_only, rescued)
        room.work(room.workbench, "Opening")
        room.stop_at_failures()
        room.tell_rescued()
        room.settle()
        yield room


def sentences(failure: Failure) -> list[str]:
    """Give what a user should read of a failure: never a traceback."""
    if failure.details and "Traceback" not in failure.details:
        return failure.details.splitlines()
    return [failure.message]
