"""The runs of a study one after another, or side by side in processes of one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass

from napari_qsa.errors import QsaError
from napari_qsa.jobs.engine import Engine
from napari_qsa.jobs.progress import Progress, listen
from napari_qsa.simulation.run import BUSY, run
from napari_qsa.simulation.study import Study

Tell = Callable[[float, str], None]
"""Called with the share that is done, and what is at work; may raise to stop."""

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Outcome:
    """How the work ended.

    Attributes
    ----------
    busy : tuple of str
        Runs that another process is at.
    failed : tuple of str
        A sentence for each run that failed.
    """

    busy: tuple[str, ...]
    failed: tuple[str, ...]


def units(study: Study, names: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """List the runs that have rounds to do: all arms of a seed, then those of the next."""
    return [
        (name, seed)
        for seed in seeds
        for name in names
        if any(
            study.result(name, seed, number) is None
            for number in range(1, study.rounds_of(name) + 1)
        )
    ]


def work(
    study: Study,
    names: Sequence[str],
    seeds: Sequence[int],
    workers: int = 1,
    tell: Tell = lambda share, about: None,
) -> Outcome:
    """Finish all runs.

    Parameters
    ----------
    study
        With all of the arms.
    names
        Of arms; `FULL` for full supervision.
    seeds
        All of them for each arm.
    workers
        Processes; 1 works in this one.
    tell
        See `Tell`.
    """
    study.note_seeds(len(seeds))
    todo = units(study, names, seeds)
    board = _Board(len(todo), tell)
    if workers == 1:
        for name, seed in todo:
            board.begin(name, seed)

            def hear(progress: Progress, key: tuple[str, int] = (name, seed)) -> None:
                board.hear(key, progress)
                board.show()

            listen(hear)
            try:
                board.end(name, seed, run(str(study.folder), name, seed))
            except QsaError as error:
                board.fail(name, seed, error)
            finally:
                listen(None)
    else:
        _side_by_side(study, todo, workers, board)
    return Outcome(tuple(board.busy), tuple(board.failed))


def _side_by_side(study: Study, todo: list[tuple[str, int]], workers: int, board: _Board) -> None:
    waiting = list(todo)
    with ExitStack() as stack:
        idle = []
        for _ in range(min(workers, len(todo))):
            engine = Engine()
            stack.callback(engine.shutdown, cancel_futures=True)
            idle.append(engine)
        busy: dict[Future[str], tuple[Engine, tuple[str, int]]] = {}
        while waiting or busy:
            while waiting and idle:
                engine, key = idle.pop(), waiting.pop(0)
                board.begin(*key)
                job = engine.submit(run, str(study.folder), *key)
                job.add_progress_callback(lambda progress, key=key: board.hear(key, progress))  # type: ignore[misc]
                busy[job] = (engine, key)
            done, _ = wait(busy, POLL_SECONDS, FIRST_COMPLETED)
            for ended in done:
                engine, key = busy.pop(ended)
                idle.append(engine)
                try:
                    board.end(*key, ended.result())
                except QsaError as error:
                    board.fail(*key, error)
            board.show()


class _Board:
    """Keeps what every run said last."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total = total
        self._tell = tell
        self._ended = 0
        self._shares: dict[tuple[str, int], Progress] = {}
        self.busy: list[str] = []
        self.failed: list[str] = []

    def begin(self, name: str, seed: int) -> None:
        self._shares[name, seed] = Progress(0.0, f"{name}, seed {seed}")
        self.show()

    def hear(self, key: tuple[str, int], progress: Progress) -> None:
        self._shares[key] = progress

    def end(self, name: str, seed: int, answer: str) -> None:
        del self._shares[name, seed]
        self._ended += 1
        if answer == BUSY:
            self.busy.append(f"{name}, seed {seed}")
        self.show()

    def fail(self, name: str, seed: int, error: QsaError) -> None:
        self.failed.append(f"{name}, seed {seed}: {error}")
        self.end(name, seed, "")

    def show(self) -> None:
        at_work = list(self._shares.values())
        done = self._ended + sum(progress.fraction or 0.0 for progress in at_work)
        self._tell(
            done / self._total if self._total else 1.0,
            "; ".join(progress.message for progress in at_work),
        )
