"""The engine's child process: takes one call after another from its parent and answers.

It is started by `napari_qsa.jobs.process` and ends with its parent, whatever the parent's end:
the parent's side of the pipe closes, and this process exits at once, even amid a computation.
"""

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from typing import Any

from napari_qsa.jobs import channel, progress
from napari_qsa.jobs.failures import presentable

WATCH_SECONDS = 1.0
REPORT_SECONDS = 0.05


def main() -> None:
    """Serve calls until the parent goes away."""
    faulthandler.enable()
    # Ctrl+C in the parent's terminal reaches this process too: only the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = _take_pipes()
    calls: queue.SimpleQueue[channel.Parts] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(pipe, calls), daemon=True).start()
    if sys.platform != "win32":  # there a process keeps the number of a parent that has ended
        threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    while True:
        _serve(pipe, calls.get())


def _take_pipes() -> channel.Channel:
    """Move the pipes off the standard files, where a stray print would spoil the stream.

    On Windows this also keeps a library that looks at its standard input while it loads from
    waiting for the thread that reads there.
    """
    reader, writer = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stderr
    return channel.Channel(os.fdopen(reader, "rb", 0), os.fdopen(writer, "wb", 0))


def _read(pipe: channel.Channel, calls: "queue.SimpleQueue[channel.Parts]") -> None:
    """Pass calls on as bytes: unpickling may import, which must not delay the parent's end."""
    try:
        while True:
            calls.put(pipe.receive_parts())
    finally:
        os._exit(0)


def _watch(parent: int) -> None:
    """Exit when the parent changes: a forked sibling may hold the pipe open after its end."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)


def _serve(pipe: channel.Channel, call: channel.Parts) -> None:
    progress.listen(_Reporter(pipe))
    answer: tuple[str, Any]
    try:
        pipe.send(("taken", None))
        function, args, kwargs = channel.load(call)
        answer = ("result", function(*args, **kwargs))
    except Exception as error:
        answer = ("error", presentable(error))
    finally:
        progress.listen(None)
    try:
        pipe.send(answer)
    except OSError:
        os._exit(0)  # the parent went away while it was being answered
    except Exception as error:
        pipe.send(("error", presentable(error)))


class _Reporter:
    """Sends progress, at most 20 times a second: a slow reader must not slow the work."""

    def __init__(self, pipe: channel.Channel) -> None:
        self._pipe = pipe
        self._last = -1.0

    def __call__(self, report: progress.Progress) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_SECONDS:
            self._last = now
            with contextlib.suppress(OSError):  # the reading thread ends this process
                self._pipe.send(("progress", report))
