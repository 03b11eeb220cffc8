"""A training run's members in worker processes, watched from the process that started them.

Members share nothing but the run's folder, so they are trained by as many processes as there are
cores, in any order, with the same result. The workers end with this process, however it ends; what
they have trained stays in the folder, and another call goes on from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import napari_qsa
from napari_qsa.ensemble.training.budget import Pace, slowest
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import TrainingError
from napari_qsa.jobs.lock import lock
from napari_qsa.jobs.training_progress import TrainingProgress, read_progress

POLL_SECONDS = 0.5
REPORT_SECONDS = 2.0

_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(16 << 30)}
"""Tells glibc (others ignore it) not to give the memory of each feature map back to the system."""

Report = Callable[[TrainingProgress], None]


def default_workers(options: TrainingOptions) -> int:
    """Say how many processes keep every core of this machine busy, and are of use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min((cores or 1) // options.threads, options.members))


def train(
    run: TrainingRun,
    workers: int | None = None,
    device: str = "auto",
    start_from: Path | None = None,
    report: Report = lambda progress: None,
    checkpoint_seconds: float | None = None,
) -> None:
    """Train all members of a run that are still to be trained.

    Parameters
    ----------
    run
        New, or interrupted.
    workers
        Processes; None takes `default_workers`.
    device
        ``auto``, ``cpu``, ``cuda``, ...
    start_from
        See `TrainingRun.train_member`.
    report
        Called every few seconds, and at the end; whatever it raises stops the training.
    checkpoint_seconds
        How often members write checkpoints; None for the default.

    Raises
    ------
    TrainingError
        If another process trains this run, or a worker fails.
    """
    with ExitStack() as stack:
        if not stack.enter_context(lock(run.folder / "lock")):
            raise TrainingError(
                f"{run.folder} is being trained by another process: wait for it, or stop it."
            )
        pending = run.pending()
        if not pending:
            return
        count = min(workers or default_workers(run.options), len(pending))
        arguments = [str(run.folder), "--device", device, "--members", *map(str, pending)]
        if start_from is not None:
            arguments += ["--start-from", str(start_from)]
        if checkpoint_seconds is not None:
            arguments += ["--checkpoint-seconds", str(checkpoint_seconds)]
        team = [
            stack.enter_context(
                Worker(arguments, run.options.threads, run.folder / f"worker-{number}.log")
            )
            for number in range(count)
        ]
        _watch(run, team, report)
    if pending := run.pending():
        raise TrainingError(
            f"Members {pending} of {run.folder} were left to another process that did not finish "
            "them: resume the run."
        )


def measure_pace(
    data: Path, part: str, options: TrainingOptions, workers: int, device: str = "auto"
) -> Pace:
    """Time iterations in as many processes side by side as there will be.

    Parameters
    ----------
    data, part, options
        Of the run; its iterations do not matter.
    workers
        Processes.
    device
        As in `train`.

    Raises
    ------
    TrainingError
        If a worker fails.
    """
    text = json.dumps(options.to_json())
    arguments = [str(data), "--part", part, "--device", device, "--pace", text]
    with ExitStack() as stack:
        team = [stack.enter_context(Worker(arguments, options.threads)) for _ in range(workers)]
        return slowest([Pace(**worker.result()) for worker in team])


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"A training process cannot be started ({error}): look at what it names, then resume "
            "the run."
        ) from error


class Worker:
    """A process of `napari_qsa.jobs.train_worker`; leaving the block ends it.

    Parameters
    ----------
    arguments
        Of its command line.
    threads
        That each of its computations may use.
    log
        Where its standard error goes, with what it reports of a crash; None lets it go.

    Raises
    ------
    TrainingError
        If it cannot be started, or the log not be written.
    """

    def __init__(self, arguments: Sequence[str], threads: int, log: Path | None = None) -> None:
        self._log = log
        package = str(Path(napari_qsa.__file__).resolve().parent.parent)
        path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        with _starting(), open(log or os.devnull, "ab") as errors:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "napari_qsa.jobs.train_worker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={
                    **os.environ,
                    # Threads that spin while they wait starve the other workers.
                    "OMP_WAIT_POLICY": "PASSIVE",
                    "OMP_NUM_THREADS": str(threads),
                    **_KEEP_MEMORY,
                    "PYTHONPATH": os.pathsep.join(path),
                },
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._popen.poll() is None

    def result(self) -> dict[str, Any]:
        """Wait for its end, and return what it found.

        Raises
        ------
        TrainingError
            If it failed.
        """
        assert self._popen.stdout is not None
        lines = self._popen.stdout.read().decode("utf-8", "replace").strip().splitlines()
        status = self._popen.wait()
        try:
            answer: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            answer = {"crash": f"exit status {status}"}
        if "error" in answer:
            raise TrainingError(str(answer["error"]))
        if "crash" in answer:
            details = f"; {self._log} says more" if self._log is not None else ""
            raise TrainingError(
                f"A training process ended unexpectedly ({answer['crash']}){details}; what is "
                "trained so far is kept."
            )
        return answer


def _watch(run: TrainingRun, team: Sequence[Worker], report: Report) -> None:
    """Report until all workers are done; the first that fails ends the others."""
    workers, reported = list(team), -REPORT_SECONDS
    while workers:
        for worker in [worker for worker in workers if not worker.running]:
            worker.result()
            workers.remove(worker)
        if time.monotonic() - reported >= REPORT_SECONDS or not workers:
            report(read_progress(run, len(team)))
            reported = time.monotonic()
        if workers:
            time.sleep(POLL_SECONDS)
