"""One process beside the caller's that does the heavy work, behind an executor's interface.

The window's process imports neither torch nor an inference runtime: what needs them is called
here. A crash, lack of memory and a cancel are then one thing: the process ends, and another
starts with the next call.
"""

import collections
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from napari_qsa.errors import EngineError
from napari_qsa.jobs.failures import crashed, presentable
from napari_qsa.jobs.process import Process
from napari_qsa.jobs.progress import Progress

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Job(Future[T]):
    """The future of one call; unlike a plain one it can be cancelled while it runs.

    To the base class it stays pending until it ends, which is what lets `cancel` succeed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._listeners: list[Callable[[Progress], object]] = []

    def add_progress_callback(self, callback: Callable[[Progress], object]) -> None:
        """Have `callback` called, in a thread of the engine, with each report of the call."""
        self._listeners.append(callback)

    def running(self) -> bool:
        """Whether the call is being done now."""
        return self._started and not self.done()

    def _tell(self, progress: Progress) -> None:
        for listener in self._listeners:
            try:
                listener(progress)
            except Exception:  # as `Future` does with its callbacks
                logger.exception("a progress callback failed: %r", listener)

    def _finish(self, kind: str, value: Any) -> None:
        if self.set_running_or_notify_cancel():
            if kind == "result":
                self.set_result(value)
            else:
                self.set_exception(value)


class Engine(Executor):
    """A single worker process with the interface of `concurrent.futures`.

    The process starts with the first call, or with `prestart`. Functions and arguments must be
    picklable, functions by the path of their module. An error of the family `QsaError` comes
    back as itself, any other as an `EngineError`; the traceback is among its ``__notes__``.
    The process ends with `shutdown`, and at the latest with the caller's own process.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: collections.deque[tuple[Job[Any], Any]] = collections.deque()
        self._running: Job[Any] | None = None
        self._process: Process | None = None
        self._wanted = False
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, or None while there is none."""
        process = self._process
        return process.pid if process and process.usable else None

    def prestart(self) -> None:
        """Start the process now, in the background, so that the first call need not wait."""
        with self._condition:
            self._wanted = True
            self._wake()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Job[T]:
        """Have ``fn(*args, **kwargs)`` called in the process, after what was submitted before.

        Arrays are read when the call's turn comes: they must not change before it has ended.

        Raises
        ------
        RuntimeError
            After `shutdown`.
        """
        job: Job[T] = Job()
        with self._condition:
            self._wake()
            self._waiting.append((job, (fn, args, kwargs)))
        job.add_done_callback(self._when_done)
        return job

    def cancel(self) -> None:
        """Cancel every call and end the process; the next call starts a fresh one."""
        with self._condition:
            waiting = [job for job, _ in self._waiting]
            self._waiting.clear()
            self._wanted = False
            running, process = self._running, self._process
            if process:
                process.give_up()
        # Futures before the process: a call must end as cancelled, not as crashed. And outside
        # the lock, for they call back.
        for job in waiting:
            if job.cancel():
                job._finish("cancelled", None)
        if running:
            running.cancel()
        if process:
            process.kill()
        with self._condition:
            self._condition.notify_all()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the process.

        Parameters
        ----------
        wait
            Return only when the process has ended.
        cancel_futures
            Cancel what waits or runs, rather than finish it first.
        """
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if cancel_futures:
            self.cancel()
        if wait and self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _wake(self) -> None:
        """Make the serving thread look again; for holders of the lock."""
        if self._closed:
            raise RuntimeError("the engine was shut down and takes no more calls")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="qsa-engine", daemon=True)
            self._thread.start()
        self._condition.notify_all()

    def _when_done(self, job: Future[Any]) -> None:
        """End the process of a job that was cancelled by its own `cancel` while it ran."""
        with self._condition:
            if job.cancelled() and job is self._running and self._process:
                self._process.kill()

    def _serve(self) -> None:
        """Do one call after another; only this thread starts, reads and clears processes."""
        while self._turn():
            pass
        self._clear()

    def _turn(self) -> bool:
        """Wait for work and do it; False when there will be none. Keeps no call's arguments."""
        with self._condition:
            self._running = None
            self._condition.wait_for(self._has_work)
            job, call = self._waiting.popleft() if self._waiting else (None, None)
            if job is None and self._closed:
                return False
            self._running = job
        if self._process and not self._process.usable:
            self._clear()
        if job is not None:
            job._finish(*self._do(job, call))
        elif self._wanted:
            self._start()
        return True

    def _has_work(self) -> bool:
        spoilt = self._process is not None and not self._process.usable
        return bool(self._waiting) or self._wanted or self._closed or spoilt

    def _start(self) -> EngineError | None:
        """Start the process if there is none; the reason if it cannot."""
        self._wanted = False
        try:
            self._process = self._process or Process()
        except OSError as error:
            logger.error("the engine process cannot be started: %s", error)
            return EngineError(f"The engine process cannot be started: {error}.")
        return None

    def _do(self, job: Job[Any], call: Any) -> tuple[str, Any]:
        """Do a call in the process and return its answer: a kind, and a value or an error."""
        while True:
            fresh = self._process is None
            error = self._start()
            process = self._process
            if process is None:
                return "error", error
            if job.cancelled():
                return "cancelled", None
            kind, value = self._exchange(process, job, call)
            # The system may have ended an idle process unnoticed: that is not the call's fault.
            if kind != "unheard" or fresh or job.cancelled():
                return ("error", value) if kind == "unheard" else (kind, value)
            self._clear()

    def _exchange(self, process: Process, job: Job[Any], call: Any) -> tuple[str, Any]:
        kind, value, sent = "unheard", None, False
        try:
            process.channel.send(call)
            sent = True
            while kind not in ("result", "error"):
                kind, value = process.channel.receive()
                if kind == "taken":
                    job._started = True
                elif kind == "progress":
                    job._tell(value)
        except (OSError, EOFError):
            return "error" if job._started else "unheard", crashed(*process.post_mortem())
        except Exception as failure:  # the call or its answer cannot be pickled
            if sent:  # more of the answer may come: the next call must not read it
                process.give_up()
            return "error", presentable(failure)
        return kind, value

    def _clear(self) -> None:
        process, self._process = self._process, None
        if process:
            process.clear()
