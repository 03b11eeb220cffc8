"""Long work on files, one after another: it says how far it is and can be cancelled."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from psygnal import Signal

from napari_qsa.session.desk import Desk
from napari_qsa.session.state import State, Status

T = TypeVar("T")
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]

_PAUSE = 0.1
"""Seconds between two reports of progress: a window need not be told of each file."""


class Chores:
    """Opening, adding and searching, in the desk's background lane.

    Parameters
    ----------
    desk
        Whose lane is used, and who is told of failures.
    """

    status_changed = Signal(Status)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._status = Status()
        self._pending: list[threading.Event] = []

    @property
    def status(self) -> Status:
        """What is done now, or how the last chore ended."""
        return self._status

    @property
    def running(self) -> bool:
        """Whether there is a chore that has not ended."""
        return bool(self._pending)

    def do(
        self,
        part: str,
        message: str,
        work: Callable[[Progress, Cancelled], T],
        then: Callable[[T], Status],
    ) -> None:
        """Do one chore after those there are.

        Parameters
        ----------
        part
            Of the workbench, for a failure.
        message
            Shown while it is done, such as ``"Adding images…"``.
        work
            Called in the lane, with a function that takes what is done and what there is to do,
            and one that tells whether to stop.
        then
            Called with its result in the owner's thread; returns what to show at the end.
        """
        stop = threading.Event()
        self._pending.append(stop)
        self._show(Status(State.RUNNING, message))
        progress = _Reports(partial(self._post_progress, stop, message))
        self._desk.background.do(
            lambda: work(progress, stop.is_set),
            partial(self._done, stop, then),
            partial(self._failed, stop, part),
        )

    def cancel(self) -> None:
        """Stop soon; what was done up to then stays."""
        for stop in self._pending:
            stop.set()

    def _post_progress(self, stop: threading.Event, message: str, done: int, total: int) -> None:
        self._desk.post(partial(self._tell, stop, message, done, total))

    def _tell(self, stop: threading.Event, message: str, done: int, total: int) -> None:
        if self._pending and stop is self._pending[0]:
            fraction = done / total if total else None
            self._show(Status(State.RUNNING, f"{message} {done} of {total}", fraction))

    def _done(self, stop: threading.Event, then: Callable[[T], Status], result: T) -> None:
        self._pending.remove(stop)
        self._show(then(result))

    def _failed(self, stop: threading.Event, part: str, error: BaseException) -> None:
        self._pending.remove(stop)
        failure = self._desk.fail(part, error)
        self._show(Status(State.FAILED, failure.message, details=failure.details))

    def _show(self, status: Status) -> None:
        self._status = status
        self.status_changed.emit(status)


class _Reports:
    """Passes on progress, not too often and always the last."""

    def __init__(self, report: Progress) -> None:
        self._report = report
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PAUSE
            self._report(done, total)
