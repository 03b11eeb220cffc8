"""The process that trains a project's run; see `jobs.project_training`.

It is started as ``python -m napari_qsa.jobs.project_worker FOLDER``. Killed at any moment, it
leaves a folder from which the next one goes on; the processes that train members end with it.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.jobs import project_training as files
from napari_qsa.jobs.identity import cores, lower_priority
from napari_qsa.jobs.lock import lock
from napari_qsa.jobs.project_training import ProjectJob, RunState, Stage
from napari_qsa.jobs.time_left import FINISHING, time_left
from napari_qsa.jobs.train_worker import end_with_parent
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.training.run import TrainingRun
    from napari_qsa.jobs.training_progress import TrainingProgress

WATCH_SECONDS = 0.25
LOCK_SECONDS = 10.0
"""How long to wait for whoever looks whether the run is free."""

CHECKPOINT_SECONDS = 20.0
LONGER = 2.0
"""So many times the minutes of a stage are taken before they are called too few."""

CANCELLED = 3
"""Exit status of a process that was asked to stop."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what the folder's job says, and say in the folder how it goes."""
    parser = argparse.ArgumentParser(prog="napari_qsa.jobs.project_worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--end-with-parent", action="store_true")
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; a run is cancelled by its folder
    lower_priority()
    with ExitStack() as stack:
        _own(stack, options.folder)
        files.write_process(options.folder, os.getpid())
        trainer = ProjectTrainer(options.folder)
        trainer.clear_torn()
        threading.Thread(target=trainer.watch_for_cancel, daemon=True).start()
        trainer.run()


class ProjectTrainer:
    """Trains both models of a run, one after the other, and compares the new with the current.

    Parameters
    ----------
    folder
        Of the run; this process holds its lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._job: ProjectJob = files.read_job(folder)
        self._begun = time.monotonic()
        self._trained: set[str] = set()
        self._fraction = self._before = files.read_state(folder).fraction
        self._writing = threading.Lock()

    def clear_torn(self) -> None:
        """Remove what a former process was killed while writing; to be called before all else.

        Only of the files that the holder of the lock alone writes: a window may be writing others
        into this folder just now, such as the wish that this process stops.
        """
        results = [f"{stage.slot}.safetensors" for stage in self._job.stages]
        for name in (files.STATE, files.COMPARISON, *results):
            for torn in self._folder.glob(f".{name}.*.tmp"):
                torn.unlink(missing_ok=True)

    def run(self) -> None:
        """Train to the end; what goes wrong is written down and ends the process."""
        try:
            for place, stage in enumerate(self._job.stages):
                if not self._result(stage).exists():
                    self._train(place, stage)
                    self._trained.add(stage.slot)
            self._tell("finished", "Done", 1.0)
        except QsaError as error:
            self._tell("failed", str(error), self._fraction)
            raise SystemExit(1) from error
        except Exception as error:
            traceback.print_exc()
            self._tell(
                "failed",
                f"The training ended unexpectedly ({type(error).__name__}: {error}); "
                f"{self._folder / files.LOG} says more, and what is trained so far is kept.",
                self._fraction,
            )
            raise SystemExit(1) from error

    def watch_for_cancel(self) -> None:
        """End the process at once when it is asked to stop: checkpoints are written all along."""
        wish = self._folder / files.CANCEL
        while not wish.exists():
            time.sleep(WATCH_SECONDS)
        try:
            self._tell("cancelled", "Stopped", self._fraction)
        finally:
            with self._writing:  # not amid a file
                os._exit(CANCELLED)

    def _train(self, place: int, stage: Stage) -> None:
        from napari_qsa.jobs.training import train

        before = sum(former.share for former in self._job.stages[:place])

        def report(progress: TrainingProgress) -> None:
            fraction = before + stage.share * progress.fraction * (1 - FINISHING)
            left = time_left(self._job, place, progress, self._elapsed(), self._before)
            self._tell("running", _about(stage, progress), fraction, left)

        self._tell_begin(f"Beginning with the {stage.slot} model", place)
        run = self._open(place, stage)
        train(
            run,
            _workers(self._job, stage),
            report=report,
            checkpoint_seconds=CHECKPOINT_SECONDS,
        )
        self._tell("running", f"Writing the {stage.slot} model", before + stage.share * 0.97)
        ensemble = run.assemble()
        if stage.slot == "segmentation" and self._job.current is not None:
            self._compare(ensemble, self._job.current)
        ensemble.save(self._result(stage))

    def _open(self, place: int, stage: Stage) -> TrainingRun:
        """Go on with a stage's training, or begin it."""
        from napari_qsa.ensemble.training.monitor import Watch
        from napari_qsa.ensemble.training.run import TrainingRun

        folder = self._folder / stage.slot
        if (folder / "run.json").exists():
            return TrainingRun.open(folder)
        options = stage.options
        if self._job.minutes is not None:
            options = replace(options, iterations=self._iterations(place, stage, self._job.minutes))
        watch = Watch(f"../{files.VALIDATION}")
        return TrainingRun.create(folder, self._folder / files.TRAIN, options, watch=watch)

    def _iterations(self, place: int, stage: Stage, minutes: float) -> int:
        """Measure once how many iterations fit into a stage's time.

        The last stage has what the others left over, if this process trained them. Where not even
        the shortest training fits, it takes a little longer.
        """
        from napari_qsa.ensemble.training.budget import iterations_for, seconds_for, shortest
        from napari_qsa.jobs.training import measure_pace

        self._tell_begin(f"Timing the {stage.slot} model", place)
        begun = time.monotonic()
        workers = _workers(self._job, stage)
        pace = measure_pace(self._folder / files.TRAIN, "all", stage.options, workers)
        share = stage.share * minutes
        earlier = self._job.stages[:place]
        if place == len(self._job.stages) - 1 and all(s.slot in self._trained for s in earlier):
            share = minutes - (begun - self._begun) / 60
        spent = time.monotonic() - begun + pace.start + FINISHING * 60 * share
        try:
            return iterations_for(share, pace, stage.options, workers, spent)
        except TrainingError:
            fewest = shortest(stage.options)
            needed = (spent + seconds_for(fewest, pace, stage.options, workers)) / 60
            if needed > LONGER * stage.share * minutes:
                raise TrainingError(
                    f"{minutes:g} minutes are too few for "
                    f"{counted(stage.options.members, 'network')} on this machine as busy as it "
                    f"is: give at least {math.ceil(needed / stage.share)}, "
                    "fewer networks, or a number of iterations."
                ) from None
            return fewest

    def _compare(self, new: Ensemble, current: str) -> None:
        from napari_qsa.ensemble.ensemble import Ensemble
        from napari_qsa.evaluation.model_comparison import ModelComparison, compare_models
        from napari_qsa.evaluation.unseen import beside
        from napari_qsa.images import open_dataset

        def progress(done: int, total: int) -> None:
            self._tell("running", f"Comparing with the model in use: {done} of {total}", 0.98)

        try:
            found = compare_models(
                Ensemble.load(current),
                new,
                open_dataset(self._folder / files.TRAIN),
                open_dataset(self._folder / files.VALIDATION),
                progress,
                beside(Path(current).parent),
            )
        except QsaError as error:
            found = ModelComparison("none", notes=(str(error),))
        with self._writing:
            files.write_json(self._folder / files.COMPARISON, found.to_json())

    def _result(self, stage: Stage) -> Path:
        return self._folder / f"{stage.slot}.safetensors"

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _tell_begin(self, message: str, place: int) -> None:
        """Say that a stage begins: nothing of it is trained yet by this process."""
        done = sum(former.share for former in self._job.stages[:place])
        left = time_left(self._job, place, None, self._elapsed(), self._before)
        self._tell("running", message, done, left)

    def _tell(
        self,
        progress: files.Progress,
        message: str,
        fraction: float,
        left: float | None = None,
    ) -> None:
        with self._writing:
            self._fraction = fraction
            seconds = None if left is None else round(left, 1)
            files.write_state(
                self._folder, RunState(progress, message, round(fraction, 4), seconds)
            )


def _own(stack: ExitStack, folder: Path) -> None:
    """Hold the run's lock until this process ends."""
    end = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < end:
        attempt = ExitStack()
        if attempt.enter_context(lock(folder / "lock")):
            stack.push(attempt)
            return
        attempt.close()
        time.sleep(WATCH_SECONDS)
    raise SystemExit(1)


def _workers(job: ProjectJob, stage: Stage) -> int:
    """Say how many processes train: one core is left to the user."""
    wanted = job.workers or max(1, cores() // stage.options.threads - 1)
    return min(wanted, stage.options.members)


def _about(stage: Stage, progress: TrainingProgress) -> str:
    """Say what is being trained."""
    finished = sum(member.finished for member in progress.members)
    return (
        f"Training the {stage.slot} model: {finished} of "
        f"{counted(len(progress.members), 'network')} {form(finished, 'is', 'are')} done"
    )


if __name__ == "__main__":
    main()
