"""What a training process and those who watch it say to each other, through a folder."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from napari_qsa.ensemble.training.budget import Pace
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import TrainingError
from napari_qsa.jobs import identity, project_training, project_worker, training
from napari_qsa.jobs.lock import lock
from napari_qsa.jobs.project_training import ProjectJob, RunState, Stage

PATIENCE = 200.0
JOB = ProjectJob(
    (
        Stage("suggestive", TrainingOptions(role="suggestive", members=3), 0.25),
        Stage("segmentation", TrainingOptions(members=2, threads=4), 0.75),
    ),
    minutes=10.0,
    current="glas-segmentation",
)


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@pytest.fixture
def sleeper():
    """A process that sleeps."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    project_training.write_job(tmp_path, JOB)
    assert project_training.read_job(tmp_path) == JOB
    for text in ("{", "{}", '{"stages": [{"slot": "suggestive"}]}'):
        (tmp_path / "job.json").write_text(text)
        with pytest.raises(TrainingError, match="start a new run"):
            project_training.read_job(tmp_path)


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    assert project_training.read_state(tmp_path) == RunState("starting")
    state = RunState("running", "Training", 0.25, 12.5)
    project_training.write_state(tmp_path, state)
    assert project_training.read_state(tmp_path) == state
    (tmp_path / "state.json").write_text('{"progress": "runn')
    assert project_training.read_state(tmp_path) == RunState("starting")


def test_a_process_is_known_by_when_it_started(sleeper) -> None:
    mine, other = identity.started_at(os.getpid()), identity.started_at(sleeper.pid)
    assert mine is not None
    assert other is not None
    assert mine != other
    assert identity.started_at(sleeper.pid) == other
    sleeper.kill()  # it waits for its parent to notice
    wait_for(lambda: identity.started_at(sleeper.pid) is None)
    sleeper.wait()
    assert identity.started_at(sleeper.pid) is None


def test_another_process_of_the_same_number_is_not_the_training(tmp_path: Path, sleeper) -> None:
    assert not project_training.is_running(tmp_path)
    project_training.write_process(tmp_path, sleeper.pid)
    assert project_training.is_running(tmp_path)
    values = json.loads((tmp_path / "process.json").read_text())
    assert values["run"] == tmp_path.name
    for change in ({"started": "before"}, {"run": "another"}, {"pid": None}, {"started": None}):
        (tmp_path / "process.json").write_text(json.dumps(values | change))
        assert not project_training.is_running(tmp_path)


def test_on_another_machine_the_lock_tells(tmp_path: Path) -> None:
    values = {"run": tmp_path.name, "pid": 1, "started": "then", "host": "elsewhere"}
    (tmp_path / "process.json").write_text(json.dumps(values))
    assert not project_training.is_running(tmp_path)
    with lock(tmp_path / "lock"):
        assert project_training.is_running(tmp_path)


def test_where_the_lock_cannot_be_asked_a_run_of_another_machine_goes_on(tmp_path: Path) -> None:
    values = {"run": tmp_path.name, "pid": 1, "started": "then", "host": "elsewhere"}
    (tmp_path / "process.json").write_text(json.dumps(values))
    (tmp_path / "lock").mkdir()  # nobody can open it to write, not even root
    assert project_training.is_running(tmp_path)


def test_a_run_is_not_started_twice(tmp_path: Path, sleeper) -> None:
    project_training.write_job(tmp_path, JOB)
    project_training.write_process(tmp_path, sleeper.pid)
    with pytest.raises(TrainingError, match="trained already"):
        project_training.start(tmp_path)


def test_a_run_without_a_job_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        project_training.start(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_process_refuses_is_its_sentence(tmp_path: Path) -> None:
    """There is no list of images: the process says so, and ends."""
    project_training.write_job(tmp_path, JOB)
    project_training.start(tmp_path)
    assert project_training.is_running(tmp_path)
    wait_for(lambda: not project_training.is_running(tmp_path))
    state = project_training.read_state(tmp_path)
    assert state.progress == "failed"
    assert "train.json" in state.message
    with lock(tmp_path / "lock") as free:
        assert free


@pytest.mark.skipif(not hasattr(os, "nice"), reason="the one who starts it lowers it elsewhere")
def test_the_process_is_of_low_priority_and_a_session_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal's hang-up does not reach it, and what the user works with goes first."""
    monkeypatch.delenv("NAPARI_QSA_NICE")
    project_training.write_job(tmp_path, JOB)
    with lock(tmp_path / "lock"):  # it waits for the lock meanwhile
        project_training.start(tmp_path)
        pid = json.loads((tmp_path / "process.json").read_text())["pid"]
        wait_for(lambda: os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0))
        assert os.getsid(pid) == pid
    wait_for(lambda: not project_training.is_running(tmp_path))


@pytest.mark.parametrize(
    ("wanted", "added"), [(None, 10), ("0", 0), ("3", 3), ("-5", 10), ("low", 10)]
)
def test_the_user_says_how_low_the_priority_is(
    wanted: str | None, added: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(os, "nice", found.append, raising=False)
    monkeypatch.delenv("NAPARI_QSA_NICE")
    if wanted is not None:
        monkeypatch.setenv("NAPARI_QSA_NICE", wanted)
    identity.lower_priority()
    assert found == [added]


def test_a_core_is_left_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = JOB.stages[0]
    for cores, workers in ((1, 1), (2, 1), (3, 2), (64, 3)):
        monkeypatch.setattr(project_worker, "cores", lambda cores=cores: cores)
        assert project_worker._workers(JOB, stage) == workers
    monkeypatch.setattr(project_worker, "cores", lambda: 8)
    assert project_worker._workers(JOB, JOB.stages[1]) == 1
    assert project_worker._workers(ProjectJob(JOB.stages, None, workers=2), stage) == 2


@pytest.mark.parametrize(
    ("pace", "place", "expected"),
    [
        # 150 s for two rounds (2 workers, 3 members), less 36 s at both ends and the start twice.
        (Pace(start=30.0, fixed=10.0, plain=0.1, quantized=0.1), 0, 320),
        (Pace(start=30.0, fixed=10.0, plain=0.6, quantized=0.6), 0, 80),  # 2.9 minutes are needed
        (Pace(start=30.0, fixed=10.0, plain=2.0, quantized=2.0), 0, None),
        # The first stage took a minute: nine are left for one round of 2 members.
        (Pace(start=30.0, fixed=10.0, plain=1.0, quantized=1.0), 1, 448),
    ],
)
def test_minutes_become_iterations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace, place: int, expected: int | None
) -> None:
    project_training.write_job(tmp_path, replace(JOB, workers=2))
    trainer = project_worker.ProjectTrainer(tmp_path)
    now = trainer._begun + (60.0 if place else 0.0)
    monkeypatch.setattr(project_worker.time, "monotonic", lambda: now)
    monkeypatch.setattr(training, "measure_pace", lambda *arguments: pace)
    trainer._trained = {"suggestive"} if place else set()
    if expected is None:
        with pytest.raises(
            TrainingError, match=r"10 minutes are too few for 3 networks .*least 28"
        ):
            trainer._iterations(place, JOB.stages[place], 10.0)
    else:
        assert trainer._iterations(place, JOB.stages[place], 10.0) == expected


def test_only_what_the_process_itself_writes_is_cleared(tmp_path: Path) -> None:
    """A window may be asking the new process to stop in this very moment."""
    project_training.write_job(tmp_path, JOB)
    wish, owner = tmp_path / ".cancel.0123abcd.tmp", tmp_path / ".process.json.0123abcd.tmp"
    own = ("state.json", "comparison.json", "suggestive.safetensors", "segmentation.safetensors")
    torn = [tmp_path / f".{name}.0123abcd.tmp" for name in own]
    for path in (wish, owner, *torn):
        path.write_text("{")
    project_worker.ProjectTrainer(tmp_path).clear_torn()
    assert sorted(tmp_path.glob(".*.tmp")) == [wish, owner]
    assert project_training.read_job(tmp_path) == JOB
