"""Events: JSON lines whose numbers rise, whatever a kill left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_qsa.ensemble.training.events import SCHEMA_VERSION, EventLog, read_events
from napari_qsa.errors import TrainingError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "members" / "0" / "events.jsonl"
    file.parent.mkdir(parents=True)
    return file


def test_lines_follow_the_schema(path: Path, tmp_path: Path) -> None:
    log = EventLog(path)
    log.write({"event": "phase", "member": 0})
    log.write({"event": "progress", "member": 0, "loss": 0.5})
    lines = path.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["schema"] for event in events] == [SCHEMA_VERSION] * 2
    assert [event["sequence"] for event in events] == [0, 1]
    assert [event["event"] for event in events] == ["phase", "progress"]
    assert events[0]["time"] <= events[1]["time"]
    assert read_events(tmp_path) == events


def test_numbers_go_on_in_the_next_process(path: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        EventLog(path).write({"event": name})
    events = read_events(tmp_path)
    assert [(event["sequence"], event["event"]) for event in events] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]


def test_a_torn_last_line_is_ignored_wherever_it_was_torn(path: Path, tmp_path: Path) -> None:
    log = EventLog(path)
    log.write({"event": "first"})
    log.write({"event": "second"})
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for end in range(second + 1, len(whole)):  # at its end it lacks nothing but the line's end
        path.write_bytes(whole[:end])
        assert [event["event"] for event in read_events(tmp_path)] == ["first"]
        EventLog(path).write({"event": "next"})
        events = read_events(tmp_path)
        assert [event["event"] for event in events if event["event"] != "second"] == [
            "first",
            "next",
        ]
        numbers = [event["sequence"] for event in events]
        assert numbers == list(range(len(events)))


def test_other_lines_are_left_out(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b'[1]\n{"event": "old"}\nnull\n\xff\xfe\n')
    EventLog(path).write({"event": "first"})
    assert [event["event"] for event in read_events(tmp_path)] == ["first"]


def test_members_are_merged_by_time(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "members" / "1" / "events.jsonl"
    other.parent.mkdir()
    for file, times in ((path, (1.0, 4.0)), (other, (2.0, 3.0))):
        file.write_text(
            "".join(json.dumps({"sequence": n, "time": t}) + "\n" for n, t in enumerate(times))
        )
    assert [event["time"] for event in read_events(tmp_path)] == [1.0, 2.0, 3.0, 4.0]


def test_a_clock_that_was_set_back_turns_no_member_round(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "members" / "1" / "events.jsonl"
    other.parent.mkdir()
    for file, times in ((path, (50.0, 10.0, 20.0)), (other, (5.0, 30.0, 60.0))):
        events = [{"sequence": n, "time": t, "of": file is path} for n, t in enumerate(times)]
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
    merged = [(event["of"], event["sequence"]) for event in read_events(tmp_path)]
    assert merged == [(False, 0), (False, 1), (True, 0), (True, 1), (True, 2), (False, 2)]


def test_a_file_that_cannot_be_written_is_a_sentence(path: Path) -> None:
    log = EventLog(path)
    path.mkdir()
    with pytest.raises(TrainingError, match=r"events\.jsonl cannot be written"):
        log.write({"event": "phase"})


def test_a_run_without_events_has_none(tmp_path: Path) -> None:
    assert read_events(tmp_path) == []


def test_numbers_that_json_does_not_know_are_refused(path: Path) -> None:
    log = EventLog(path)
    with pytest.raises(ValueError, match="JSON"):
        log.write({"loss": float("nan")})
    assert not path.exists()
