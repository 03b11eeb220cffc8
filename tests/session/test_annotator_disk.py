"""A disk that fails: what was painted is kept, told, and written as soon as it can be."""

import os
from typing import Any

import numpy as np
import pytest


def same(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.array_equal(one, two))


def ids(bench: Any) -> list[str]:
    return [row.id for row in bench.pool.rows]


class FullDisk:
    """As long as it is full, nothing is flushed to the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self.tried = False, 0
        flush = os.fsync

        def fsync(handle: int) -> None:
            if self.full:
                self.tried += 1
                raise OSError(28, "No space left on device")
            flush(handle)

        monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def test_what_cannot_be_saved_is_kept_and_tried_again(bench: Any, disk: FullDisk) -> None:
    a = ids(bench)[0]
    bench.show(a)
    disk.full = True
    bench.paint()
    bench.turn(2)
    assert bench.state == "failed"
    assert "No space left" in bench.annotator.saving.message
    assert bench.failures.count(bench.annotator.saving.message) == 1  # others write, too
    tried = disk.tried
    bench.turn(5)
    assert disk.tried > tried, "it is tried again by itself"
    assert bench.state == "failed"
    for _ in range(5):
        bench.turn(5)
    assert len(set(bench.failures)) == len(bench.failures), "each failure is told once"
    disk.full = False
    bench.turn(5)
    assert bench.state == "saved"
    assert bench.revisions(a) == [(1, "draft", 1)]


def test_another_image_can_be_opened_meanwhile_and_the_strokes_are_still_there(
    bench: Any, disk: FullDisk
) -> None:
    a, b, *_ = ids(bench)
    first = bench.show(a)
    disk.full = True
    bench.paint()
    bench.show(b)
    assert bench.state == "failed"
    assert not bench.annotator.flush(60)
    again = bench.show(a)
    assert same(again.glands, first.glands), "not what is on the disk"
    assert again.glands.any()
    bench.show(b)
    disk.full = False
    bench.turn(5)
    assert bench.state == "clean", "of the other image nothing was painted"
    assert bench.revisions(a) == [(1, "draft", 1)]
    assert bench.annotator.flush(60)


def test_a_project_that_cannot_be_saved_stays_open(bench: Any, disk: FullDisk) -> None:
    bench.show(ids(bench)[0])
    disk.full = True
    bench.paint()
    assert not bench.workbench.close_project()
    assert bench.desk.project is not None
    assert "stays open" in bench.failures[-1]
    disk.full = False
    assert bench.workbench.close_project()
    assert bench.desk.project is None


def test_accepting_that_fails_keeps_everything(bench: Any, disk: FullDisk) -> None:
    a = ids(bench)[0]
    bench.show(a)
    bench.paint()
    disk.full = True
    bench.annotator.accept(then_next=True)
    bench.settle()
    assert (bench.state, bench.accepted) == ("failed", [])
    assert bench.pool.current == a
    disk.full = False
    bench.turn(5)
    assert bench.revisions(a) == [(1, "draft", 1)]
    bench.annotator.accept()
    bench.settle()
    assert bench.accepted == [a]


def test_a_closed_workbench_tries_no_more(bench: Any, disk: FullDisk) -> None:
    bench.show(ids(bench)[0])
    disk.full = True
    bench.paint()
    bench.turn(2)
    bench.workbench.close()
    bench.clock.time += 60
    bench.clock.ring()
    bench.annotator.save_now()
    heard: list[int] = []
    bench.inbox.post(lambda: heard.append(1))
    bench.until(lambda: heard)
    assert not bench.annotator.flush(1), "nobody is told that it was saved"
