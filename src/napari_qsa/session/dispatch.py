"""Bring calls from the engine's threads to the one thread that owns a session."""

import queue
import time
from collections.abc import Callable

Call = Callable[[], object]
Post = Callable[[Call], object]
"""Takes a call from any thread and makes it, soon and in order, in the owner's thread."""


class Inbox:
    """A queue of calls for an owner without an event loop: a command, or a test."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()

    def post(self, call: Call) -> None:
        """Add a call; for any thread."""
        self._calls.put(call)

    def run_until(self, condition: Callable[[], bool], timeout: float | None = None) -> None:
        """Make the calls as they come, until `condition` holds.

        Raises
        ------
        TimeoutError
            If it does not hold within `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not condition():
            try:
                self._calls.get(timeout=None if end is None else max(0.0, end - time.monotonic()))()
            except queue.Empty:
                raise TimeoutError(f"nothing more came within {timeout} s") from None
