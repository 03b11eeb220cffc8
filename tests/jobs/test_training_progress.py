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
