"""How long a project's training will still take, by the pace it has lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_qsa.jobs.project_training import ProjectJob

if TYPE_CHECKING:
    from napari_qsa.jobs.training_progress import TrainingProgress

FINISHING = 0.04
"""Share of a stage's time for writing the ensemble and comparing it."""


def time_left(
    job: ProjectJob,
    place: int,
    progress: TrainingProgress | None,
    elapsed: float,
    before: float = 0.0,
) -> float | None:
    """Estimate the seconds to the end of a run; None where nothing tells.

    What it took to start, to time iterations and to warm up says nothing about the rest, and does
    not count.

    Parameters
    ----------
    job
        What is trained.
    place
        Of the stage at work.
    progress
        Of its networks; None before they began.
    elapsed
        Seconds since this process began.
    before
        Share of the run that was done by then.
    """
    wanted = None if job.minutes is None else 60 * job.minutes * (1 - before) - elapsed
    training = None if progress is None else progress.seconds_left
    if progress is None or training is None:
        return None if wanted is None else max(wanted, 0.0)
    stage, later = job.stages[place], job.stages[place + 1 :]
    whole = training / max(1 - progress.fraction, 1e-6)  # of this stage, at this pace
    training += FINISHING * whole
    if not later:
        return training
    if wanted is not None:  # what comes has the time that this stage leaves
        return max(training, wanted)
    return training + whole * sum(other.share for other in later) / stage.share
