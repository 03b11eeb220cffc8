"""A workbench whose owner is a test, with a clock that the test turns."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_engine import FakeEngine

from napari_qsa.session.annotator import Opened, Saving
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.workbench import Workbench

PATIENCE = 60.0
"""Seconds until a test gives up; nothing here takes as long."""


class HandClock:
    """Time that stands still until it is turned."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.alarms: dict[object, tuple[float, Callable[[], object]]] = {}

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time + 1.7e9

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        key = object()
        self.alarms[key] = self.time + seconds, call
        return lambda: self.alarms.pop(key, None) and None

    def ring(self) -> None:
        """Make the calls that are due, in a thread of their own as a timer does."""
        due = [key for key, (when, _) in self.alarms.items() if when <= self.time + 1e-9]
        for key in due:
            thread = threading.Thread(target=self.alarms.pop(key)[1])
            thread.start()
            thread.join()


class Bench:
    """A workbench, and all it has told."""

    def __init__(self, engine: Any = None) -> None:
        self.inbox, self.clock = Inbox(), HandClock()
        self.engine = engine or FakeEngine()
        self.workbench = Workbench(self.inbox.post, self.engine, self.clock)
        self.desk, self.pool = self.workbench.desk, self.workbench.pool
        self.annotator = self.workbench.annotator
        self.failures: list[str] = []
        self.opened: list[Opened | None] = []
        self.saving: list[Saving] = []
        self.accepted: list[str] = []
        self.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        self.annotator.opened.connect(self.opened.append)
        self.annotator.saving_changed.connect(self.saving.append)
        self.annotator.accepted.connect(self.accepted.append)

    @property
    def now(self) -> Opened:
        """What is open."""
        assert self.annotator.current is not None
        return self.annotator.current

    @property
    def state(self) -> str:
        return self.annotator.saving.state

    def until(self, condition: Callable[[], Any]) -> None:
        self.inbox.run_until(lambda: bool(condition()), PATIENCE)

    def settle(self) -> None:
        """Until both lanes have nothing left to do and all answers were heard."""
        for _ in range(3):  # an answer may ask for more
            heard: list[int] = []
            lanes = (self.desk.disk, self.desk.background)
            for lane in lanes:
                lane.do(lambda: 1, heard.append)
            self.until(lambda: len(heard) == len(lanes))  # noqa: B023

    def turn(self, seconds: float) -> None:
        """Let time go by, and hear what rings."""
        self.clock.time += seconds
        self.clock.ring()
        self.settle()

    def open(self, folder: Path, read_only: bool = False) -> None:
        self.workbench.open_project(folder, read_only)
        self.until(lambda: not self.workbench.running)
        self.until(lambda: self.desk.project is None or self.pool.complete)
        self.settle()

    def show(self, image_id: str) -> Opened:
        self.pool.open(image_id)
        self.until(lambda: self.annotator.current and self.now.image_id == image_id)
        self.settle()
        return self.now

    def paint(self, number: int = 1, row: int = 5, column: int = 5, size: int = 12) -> None:
        """A stroke, as a layer makes it: in place."""
        self.now.glands[row : row + size, column : column + size] = number
        self.annotator.edited()

    def close(self) -> None:
        self.workbench.close()

    def revisions(self, image_id: str) -> list[tuple[int, str, int]]:
        """What is on the disk: number, state and glands of each revision."""
        return revisions(self.desk.project, image_id)


def revisions(project: Any, image_id: str) -> list[tuple[int, str, int]]:
    return [(r.revision, r.state, r.glands) for r in project.history(image_id)]
