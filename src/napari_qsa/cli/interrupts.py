"""A command that is told to end, by Ctrl-C or by the system, may say what becomes of its work."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED, TERMINATED = 130, 143
"""Exit statuses after SIGINT and SIGTERM, as shells have them."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end: by kill, a service manager, or at the end of a session."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM comes while the block runs."""
    if threading.current_thread() is not threading.main_thread():  # signals cannot be set there
        yield
        return

    def end(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_status(stop: KeyboardInterrupt) -> int:
    """Give the exit status after an interrupt."""
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
