"""The time left goes down as time goes by, also where the start was slow."""

from itertools import pairwise

import pytest

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.jobs.project_training import ProjectJob, Stage
from napari_qsa.jobs.time_left import FINISHING, time_left
from napari_qsa.jobs.training_progress import MemberProgress, TrainingProgress

STAGES = (
    Stage("suggestive", TrainingOptions(), 0.25),
    Stage("segmentation", TrainingOptions(), 0.75),
)


def progress(done: int, pace: float | None = 2.0, total: int = 100) -> TrainingProgress:
    return TrainingProgress((MemberProgress(0, done, total, "float", 0.5, pace),), 1)


def test_a_slow_start_does_not_count() -> None:
    job = ProjectJob(STAGES, None)
    slow_start = 500.0
    left = [
        time_left(job, 1, progress(done), slow_start + 2.0 * done) for done in range(10, 101, 10)
    ]
    assert all(later < sooner for sooner, later in pairwise(left))
    assert left[0] == pytest.approx(2 * 90 * (1 + FINISHING / 0.9))


def test_a_machine_that_becomes_busy_is_told_by_its_pace() -> None:
    job = ProjectJob(STAGES, None)
    quick, slow = (time_left(job, 1, progress(50, pace), 100.0) for pace in (2.0, 6.0))
    assert slow == pytest.approx(3 * quick)


def test_what_comes_later_is_told_by_its_share() -> None:
    job = ProjectJob(STAGES, None)
    assert time_left(job, 0, progress(50), 1.0) == pytest.approx(100 + 200 * FINISHING + 600)


def test_minutes_hold_until_the_last_stage() -> None:
    job = ProjectJob(STAGES, 10.0)
    assert time_left(job, 0, None, 30.0) == 570.0
    assert time_left(job, 0, progress(50), 100.0) == 500.0
    assert time_left(job, 0, progress(50, 20.0), 100.0) == pytest.approx(1000 + 2000 * FINISHING)
    assert time_left(job, 1, progress(50), 590.0) == pytest.approx(100 + 200 * FINISHING)
    assert time_left(job, 1, None, 700.0) == 0.0


def test_a_run_that_was_resumed_has_the_rest_of_its_minutes() -> None:
    assert time_left(ProjectJob(STAGES, 10.0), 0, None, 30.0, before=0.5) == 270.0


def test_nothing_is_told_where_nothing_is_known() -> None:
    job = ProjectJob(STAGES, None)
    assert time_left(job, 0, None, 5.0) is None
    assert time_left(job, 0, progress(0, None), 5.0) is None
