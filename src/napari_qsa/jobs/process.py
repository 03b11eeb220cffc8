"""Start and end the engine's child process; nothing here imports what runs in it."""

import collections
import contextlib
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import napari_qsa
from napari_qsa.jobs.channel import Channel

# `multiprocessing` would run the user's script a second time in the child, which opens a second
# window where the script lacks the `__main__` guard. `-P` keeps a file called numpy.py in the
# working directory from being imported.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from napari_qsa.jobs.worker import main; main()"
_STDERR_LINES = 100
_EXIT_SECONDS = 2.0


class Process:
    """A fresh Python process that serves calls.

    Attributes
    ----------
    channel : Channel
        The parent's end of the pipes.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(self) -> None:
        package = str(Path(napari_qsa.__file__).resolve().parent.parent)
        path = [entry for entry in sys.path if entry]
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, *path, *([] if package in path else [package])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # A worker thread that spins while it waits starves its neighbours; torch's OpenMP
            # reads this when it is imported.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.channel = Channel(
            cast(BinaryIO, self._popen.stdout), cast(BinaryIO, self._popen.stdin)
        )
        self._given_up = False
        self._stderr: collections.deque[str] = collections.deque(maxlen=_STDERR_LINES)
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._popen.pid

    @property
    def usable(self) -> bool:
        """Whether it can take another call: it runs, and nobody has given it up."""
        return not self._given_up and self._popen.poll() is None

    def give_up(self) -> None:
        """Let it take no more calls; it may run on until it is killed."""
        self._given_up = True

    def kill(self) -> None:
        """End the process at once; harmless if it has ended already."""
        self._given_up = True
        with contextlib.suppress(OSError):  # Windows: it may end while we ask
            self._popen.kill()

    def clear(self) -> None:
        """Kill the process and release what it held; only for the thread that reads from it."""
        self.kill()
        self._join()
        with contextlib.suppress(OSError):
            self.channel.close()

    def post_mortem(self) -> tuple[int | None, str]:
        """Return the exit status of a process that closed its pipe, and its last words."""
        self._join()
        return self._popen.returncode, "".join(self._stderr)

    def _join(self) -> None:
        """Wait for the end, but not for ever: a process may be stuck in a driver."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_EXIT_SECONDS)
        self._drain.join(_EXIT_SECONDS)

    def _read_stderr(self) -> None:
        with io.BufferedReader(cast(io.RawIOBase, self._popen.stderr)) as stream:
            for line in stream:
                self._stderr.append(line.decode("utf-8", "replace"))
