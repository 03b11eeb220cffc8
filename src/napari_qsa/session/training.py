"""Train an ensemble from a folder to a file; importing this loads no torch."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_qsa.ensemble.training.folders import make_folder, new_folder
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import TrainingError
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.training.run import TrainingRun
    from napari_qsa.jobs.training import Report

RUN_SUFFIX = ".run"
_ITERATIONS_TO_FINISH = 5
"""What measuring the halo and writing the file take, about, in iterations."""


def run_folder(file: Path) -> Path:
    """Say where the run of an ensemble file lives unless told otherwise: beside it."""
    return file.with_name(file.name + RUN_SUFFIX)


def check_target(file: Path) -> None:
    """Raise a TrainingError now where the file could not be written at the end."""
    make_folder(file.parent)
    if file.is_dir():
        raise TrainingError(f"{file} is a folder: give the name of a file for the ensemble.")


def begin_run(
    folder: Path,
    data: Path,
    part: str,
    options: TrainingOptions,
    minutes: float | None = None,
    workers: int | None = None,
    device: str = "auto",
    tell: Callable[[str], None] = lambda sentence: None,
) -> "TrainingRun":
    """Make a new run.

    Parameters
    ----------
    folder
        For the run; it must not hold one.
    data, part
        The labelled images.
    options
        What to train; with `minutes` their iterations do not matter.
    minutes
        Wall time of the whole run from now on. It is turned into iterations here, once.
    workers, device
        As in `napari_qsa.jobs.training.train`.
    tell
        Called with a sentence about what is going on.

    Raises
    ------
    TrainingError
        If there is a run already, the folder cannot be made, no image has labels, or the minutes
        are too few.
    """
    from napari_qsa.ensemble.training.run import TrainingRun
    from napari_qsa.networks import build_network

    with new_folder(folder):
        if (folder / "run.json").exists():
            raise TrainingError(
                f"{folder} already holds a training run: resume it with --resume, or delete it."
            )
        build_network(options.network, 3, **options.network_options)  # fails now or never
        if minutes is not None:
            options = _timed(data, part, options, minutes, workers, device, tell)
        run = TrainingRun.create(folder, data, options, part)
    for sentence in run.notes:
        tell(sentence)
    return run


def finish_run(
    run: "TrainingRun",
    file: Path,
    workers: int | None = None,
    device: str = "auto",
    start_from: Path | None = None,
    report: "Report" = lambda progress: None,
) -> "Ensemble":
    """Train what is left of a run, and write the ensemble file.

    The file is written at the very end, whole or not at all; until then an earlier one stays.

    Parameters
    ----------
    run
        New, or interrupted.
    file
        Of the ensemble.
    workers, device, start_from, report
        As in `napari_qsa.jobs.training.train`.

    Raises
    ------
    TrainingError
        If a member cannot be trained.
    EnsembleFileError
        If the file cannot be written.
    """
    from napari_qsa.jobs.training import train

    train(run, workers, device, start_from, report)
    ensemble = run.assemble(device)
    ensemble.save(file)
    return ensemble


def _timed(
    data: Path,
    part: str,
    options: TrainingOptions,
    minutes: float,
    workers: int | None,
    device: str,
    tell: Callable[[str], None],
) -> TrainingOptions:
    """Choose the iterations that fit into the minutes, which began before this was called."""
    from napari_qsa.ensemble.training.budget import iterations_for
    from napari_qsa.jobs.training import default_workers, measure_pace

    begun = time.monotonic()
    workers = min(workers or default_workers(options), options.members)
    tell("Timing some iterations…")
    pace = measure_pace(data, part, options, workers, device)
    end = _ITERATIONS_TO_FINISH * max(pace.plain, pace.quantized)
    # The images are read once more to begin the run, before the workers start.
    spent = time.monotonic() - begun + pace.start + end
    iterations = iterations_for(minutes, pace, options, workers, spent)
    fit = f"{counted(iterations, 'iteration')} of each member {form(iterations, 'fits', 'fit')}"
    tell(f"{fit} into {minutes:g} {'minute' if minutes == 1 else 'minutes'}.")
    return replace(options, iterations=iterations)
