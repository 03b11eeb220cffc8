"""The window's process and the trainer are killed in each phase of the work.

After each kill another process opens the project, and all that was acknowledged is there.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PHASES = {"paint": 25, "autosave": 9, "train": 3, "adopt": 9, "export": 9}
"""In each the window is killed at once; and, its trainer killed before, after so many steps."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def template(tmp_path_factory, ensemble_maker) -> Path:
    """A folder with a project of accepted images and one finished run."""
    from training_room import Room, make_project

    folder = tmp_path_factory.mktemp("template")
    with make_project(folder, ensemble_maker) as project:
        room = Room(project)
        room.train(members=1)
        room.close()
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A copy of that project, for one test."""
    shutil.copytree(template, tmp_path / "work")
    (tmp_path / "out").mkdir()
    return tmp_path / "work" / "glands.qsa"


@pytest.fixture
def work(folder: Path) -> Iterator[Any]:
    """Start the process that works; at the end it is killed, if it was not before."""
    from after_a_kill import Worker

    started: list[Worker] = []

    def start(phase: str, *options: str) -> Worker:
        started.append(Worker(folder, phase, *options))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.returncode is None:
            worker.kill()


@pytest.fixture
def reopen(folder: Path) -> Iterator[Any]:
    """Open the project again; at the end its training is stopped, and it is closed."""
    from after_a_kill import Again

    opened: list[Again] = []

    def open_again() -> Again:
        opened.append(Again(folder))
        return opened[-1]

    yield open_again
    for again in opened:
        again.close()


@pytest.fixture
def tell(capsys) -> Any:
    """Print which phase it was killed in, and what it had said."""

    def print_it(victim: str, worker: Any) -> None:
        said = sum(words[0] != "phase" for words in worker.lines)
        last = " ".join(worker.lines[-1])
        with capsys.disabled():
            print(
                f"\n  {victim} killed in {worker.phase}: {said} acknowledged, last {last!r}", end=""
            )

    return print_it


@pytest.mark.parametrize("phase", PHASES)
def test_the_window_is_killed_at_once(work, reopen, tell, phase: str) -> None:
    from after_a_kill import check

    worker = work(phase)
    run_id, pid = worker.until("training")
    worker.until("phase")
    time.sleep(0.002)  # somewhere in what follows
    worker.kill()
    again = reopen()
    tell("window", worker)
    check(again, worker)
    # The training outlives it, and is known for what it is.
    assert again.trainer.shown == run_id
    assert again.status(run_id) == "running"
    assert again.pid(run_id) == int(pid)
    again.stop(run_id)


@pytest.mark.parametrize(("phase", "after"), PHASES.items())
def test_the_trainer_is_killed_and_then_the_window(
    work, reopen, tell, phase: str, after: int
) -> None:
    from after_a_kill import check

    worker = work(phase)
    run_id, pid = worker.until("training")
    worker.until("phase", 2)
    os.kill(int(pid), signal.SIGKILL)
    assert worker.until("ended") == [run_id, "interrupted", "cancelled"]
    tell("trainer", worker)
    worker.until("continued")
    resumed, other = worker.until("resumed")
    assert resumed == run_id
    assert other != pid
    worker.until("phase", after)
    time.sleep(0.002 * after)  # somewhere in what follows
    worker.kill()
    again = reopen()
    tell("window", worker)
    check(again, worker)
    # The training outlives it, and is known for what it is.
    assert again.trainer.shown == run_id
    assert again.status(run_id) == "running"
    assert again.pid(run_id) == int(other)
    again.stop(run_id)


def test_a_training_ends_with_the_window_where_that_is_wanted(work, reopen, tell) -> None:
    from after_a_kill import check

    worker = work("train", "--ends-with-window")
    run_id, pid = worker.until("training")
    worker.until("phase", 2)
    points = int(worker.said("phase")[-1][0])  # of its only network by now
    worker.kill()
    again = reopen()
    tell("window and its trainer", worker)
    again.until(lambda: not again.trainer.running)
    assert again.status(run_id) == "interrupted"
    assert len(next(iter(again.trainer.curves.values())).iterations) >= points
    check(again, worker)
    again.trainer.resume(run_id)
    again.until(lambda: again.trainer.under_way)
    assert again.pid(run_id) != int(pid)
    again.stop(run_id)
