"""How far a run is, from the events its members wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.jobs.training_progress import MemberProgress, TrainingProgress, read_progress


def run_with(folder: Path, members: int, events: list[dict[str, Any]]) -> TrainingRun:
    for number, event in enumerate(events):
        file = folder / "members" / str(event["member"]) / "events.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lines:
            lines.write(json.dumps({"sequence": number, "time": number, **event}) + "\n")
    options = TrainingOptions(members=members, iterations=100)
    return TrainingRun(folder, options, folder, "all", (), 0.62)


def test_last_event_of_each_member_counts(tmp_path: Path) -> None:
    progress = {"event": "progress", "iterations": 100, "seconds_per_iteration": 2.0, "loss": 0.5}
    run = run_with(
        tmp_path,
        3,
        [
            {"member": 0, "iteration": 20, "phase": "float", **progress},
            {"member": 1, "iteration": 40, "phase": "float", **progress},
            {"member": 0, "iteration": 60, "event": "phase", "phase": "stage 1"},
        ],
    )
    found = read_progress(run, workers=2)
    assert found.members[0] == MemberProgress(0, 60, 100, "stage 1", 0.5, 2.0)
    assert found.members[2] == MemberProgress(2, 0, 100)
    assert found.fraction == pytest.approx(1 / 3)
    # Two workers: 40 and 60 iterations are left to those at work, then 100 to the first that is
    # free, at 2 s each.
    assert found.seconds_left == pytest.approx(2 * (40 + 100))


def report(iteration: int, pace: float, **more: Any) -> dict[str, Any]:
    return {
        "member": 0,
        "event": "progress",
        "iteration": iteration,
        "iterations": 100,
        "phase": "float",
        "seconds_per_iteration": pace,
        **more,
    }


def test_the_pace_is_that_of_the_last_reports_without_the_warm_up(tmp_path: Path) -> None:
    events = [report(10, 30.0)]
    assert read_progress(run_with(tmp_path / "a", 1, events), 1).members[0].pace == 30.0
    events += [report(20, 2.0), report(50, 3.0)]
    found = read_progress(run_with(tmp_path / "b", 1, events), 1)
    assert found.members[0].pace == pytest.approx((10 * 2 + 30 * 3) / 40)
    assert found.seconds_left == pytest.approx(50 * 2.75)
    events += [
        {"member": 0, "event": "resumed", "iteration": 40},
        report(50, 20.0),
        *(report(50 + 5 * number, 1.0) for number in range(1, 8)),
    ]
    assert read_progress(run_with(tmp_path / "c", 1, events), 1).members[0].pace == 1.0


def test_a_network_that_begins_is_expected_to_take_as_long_as_the_one_before(
    tmp_path: Path,
) -> None:
    run = run_with(tmp_path, 2, [report(50, 2.0), report(100, 2.0)])
    (tmp_path / "members" / "0" / "member.safetensors").touch()
    assert read_progress(run, workers=1).seconds_left == pytest.approx(200)


def test_finished_members_are_whole(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1, [{"member": 0, "iteration": 40, "iterations": 100}])
    (tmp_path / "members" / "0" / "member.safetensors").touch()
    found = read_progress(run, workers=1)
    assert found.members[0].finished
    assert found.fraction == 1


def test_nothing_is_known_before_the_first_event(tmp_path: Path) -> None:
    found = read_progress(run_with(tmp_path, 2, []), workers=2)
    assert found.fraction == 0
    assert found.seconds_left is None


def test_more_workers_are_faster() -> None:
    members = tuple(MemberProgress(i, 10, 100, "float", 1.0, 1.0) for i in range(4))
    left = [TrainingProgress(members, workers).seconds_left for workers in (1, 2, 4)]
    assert left == [360, 180, 90]
