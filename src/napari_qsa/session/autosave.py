"""When to save: soon after the last change, and never too long after the first."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from napari_qsa.session.dispatch import Post

AFTER_LAST = 2.0
"""Seconds after the last change; another change waits anew."""

AT_MOST = 10.0
"""Seconds after the first change, however often it is changed meanwhile."""

AFTER_FAILURE = 5.0
"""Seconds until a save that failed is tried again."""


class Clock(Protocol):
    """Tells the time and calls back; tests have one of their own."""

    def now(self) -> float:
        """Tell the seconds since some moment."""

    def wall(self) -> float:
        """Tell the seconds since 1970."""

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Have `call` called, in any thread, and return what takes it back."""


class ThreadClock:
    """The real time; calls back in a thread that does not keep the interpreter alive."""

    def now(self) -> float:
        """Tell the seconds since some moment."""
        return time.monotonic()

    def wall(self) -> float:
        """Tell the seconds since 1970."""
        return time.time()

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Have `call` called in a thread of its own, and return what takes it back."""
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()
        return timer.cancel


class Autosave:
    """Calls `save` in the owner's thread when it is time to.

    Parameters
    ----------
    post, clock
        Of the owner, and for the time.
    save
        Called without arguments.
    """

    def __init__(self, post: Post, clock: Clock, save: Callable[[], object]) -> None:
        self._post = post
        self._clock = clock
        self._save = save
        self._first: float | None = None
        self._last = 0.0
        self._turn = 0
        self._cancel: Callable[[], None] | None = None

    def touch(self) -> None:
        """Tell that something was changed just now."""
        self._last = self._clock.now()
        if self._first is None:
            self._first = self._last
        if self._cancel is None:
            self._wait(AFTER_LAST)

    def retry(self) -> None:
        """Have it saved again in a while."""
        self._stop()
        self._first = self._clock.now() - AT_MOST
        self._wait(AFTER_FAILURE)

    def stop(self) -> None:
        """Wait no longer: what was changed up to now is being saved, or is gone."""
        self._first = None
        self._stop()

    def _stop(self) -> None:
        if self._cancel is not None:
            self._cancel()
        self._cancel = None
        self._turn += 1

    def _wait(self, seconds: float) -> None:
        fire = partial(self._fire, self._turn)
        self._cancel = self._clock.later(seconds, lambda: self._post(fire))

    def _fire(self, turn: int) -> None:
        if turn != self._turn or self._first is None:  # stopped while the call was on its way
            return
        self._stop()
        due = min(self._last + AFTER_LAST, self._first + AT_MOST)
        left = due - self._clock.now()
        if left > 0:
            self._wait(left)
        else:
            self._first = None
            self._save()
