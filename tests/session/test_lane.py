"""Threads of work: lanes, chores, and when to save."""

import threading
import time
from typing import Any

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.session.autosave import Autosave, ThreadClock
from napari_qsa.session.chores import Chores
from napari_qsa.session.desk import Desk, Failure
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.lane import Lane
from napari_qsa.session.state import State, Status


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def desk(inbox: Inbox) -> Any:
    desk = Desk(inbox.post)
    yield desk
    desk.close()


# Lanes


def test_calls_are_done_in_order_in_one_thread_and_answered_in_the_owners(inbox: Inbox) -> None:
    lane, did, heard = Lane(inbox.post, "lane"), [], []
    owner = threading.get_ident()

    def work(number: int) -> int:
        did.append((number, threading.get_ident()))
        return number

    for number in range(5):
        lane.do(
            lambda number=number: work(number),
            lambda found: heard.append((found, threading.get_ident())),
        )
    inbox.run_until(lambda: len(heard) == 5, 60)
    assert [number for number, _ in did] == list(range(5))
    assert len({thread for _, thread in did} - {owner}) == 1
    assert heard == [(number, owner) for number in range(5)]
    lane.close()


def test_what_was_waited_for_has_been_answered(inbox: Inbox) -> None:
    """Whoever waits finds the answers posted: nothing is forgotten at the end."""
    for _ in range(200):
        lane, heard = Lane(inbox.post, "lane"), []
        lane.do(lambda: 1, heard.append)
        assert lane.flush(60)
        lane.close()
        inbox.post(lambda: heard.append(2))  # noqa: B023
        inbox.run_until(lambda: 2 in heard, 60)  # noqa: B023
        assert heard == [1, 2]


def test_flush_is_bounded_and_an_empty_lane_is_done(inbox: Inbox) -> None:
    lane, go_on = Lane(inbox.post, "lane"), threading.Event()
    assert lane.flush(0)
    lane.do(lambda: go_on.wait(60))
    assert not lane.flush(0.01)
    go_on.set()
    assert lane.flush(60)
    lane.close()
    assert lane.flush(0)


def test_a_failure_is_answered_and_the_next_call_is_done(inbox: Inbox) -> None:
    lane, heard, failed = Lane(inbox.post, "lane"), [], []
    error = ValueError("no")

    def fail() -> None:
        raise error

    future = lane.do(fail, heard.append, failed.append)
    lane.do(lambda: 1, heard.append)
    inbox.run_until(lambda: bool(heard), 60)
    assert (failed, heard) == ([error], [1])
    assert future.exception() is error
    lane.close()


def test_a_closed_lane_finishes_and_takes_no_more(inbox: Inbox) -> None:
    lane, did = Lane(inbox.post, "lane"), []
    lane.do(lambda: did.append(1))
    lane.close()
    assert lane.flush(60)
    assert did == [1]
    with pytest.raises(RuntimeError):
        lane.do(lambda: None)


# The desk


def test_failures_are_told_with_details(desk: Desk, inbox: Inbox) -> None:
    heard: list[Failure] = []
    desk.failed.connect(heard.append)

    def known() -> None:
        error = QsaError("The file is gone: put it back.")
        error.add_note("a note")
        raise error

    def unknown() -> None:
        raise ZeroDivisionError("oh")

    desk.do("images", known)
    desk.do("images", unknown)
    inbox.run_until(lambda: len(heard) == 2, 60)
    assert heard[0] == Failure("The file is gone: put it back.", "a note", "images")
    assert "ZeroDivisionError('oh')" in heard[1].message
    assert "in unknown" in heard[1].details


# Chores


def test_a_chore_tells_how_far_it_is_and_how_it_ended(desk: Desk, inbox: Inbox) -> None:
    chores, told = Chores(desk), []
    chores.status_changed.connect(told.append)

    def work(progress: Any, cancelled: Any) -> int:
        for done in range(1, 1001):
            progress(done, 1000)
        return 7

    chores.do("images", "Adding…", work, lambda found: Status(State.DONE, f"{found} added.", 1.0))
    assert chores.running
    inbox.run_until(lambda: not chores.running, 60)
    assert told[0] == Status(State.RUNNING, "Adding…")
    assert told[-2] == Status(State.RUNNING, "Adding… 1000 of 1000", 1.0)
    assert told[-1] == chores.status == Status(State.DONE, "7 added.", 1.0)
    assert len(told) < 500, "a window need not be told of each file"


def test_chores_are_done_one_after_another_and_all_are_cancelled(desk: Desk, inbox: Inbox) -> None:
    chores, did = Chores(desk), []
    begun = threading.Event()

    def work(progress: Any, cancelled: Any) -> None:
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        did.append("stopped")

    for _ in range(2):
        chores.do("images", "Adding…", work, lambda _: Status(State.DONE))
    assert begun.wait(60)
    chores.cancel()
    inbox.run_until(lambda: not chores.running, 60)
    assert did == ["stopped", "stopped"]


def test_a_chore_that_fails_is_told(desk: Desk, inbox: Inbox) -> None:
    chores, heard = Chores(desk), []
    desk.failed.connect(heard.append)

    def work(progress: Any, cancelled: Any) -> None:
        raise QsaError("It is full.")

    chores.do("images", "Adding…", work, lambda _: Status(State.DONE))
    inbox.run_until(lambda: not chores.running, 60)
    assert chores.status == Status(State.FAILED, "It is full.")
    assert heard == [Failure("It is full.", "", "images")]


# When to save, by the real clock


def test_the_real_clock_calls_back_in_the_owners_thread(inbox: Inbox) -> None:
    saved: list[int] = []
    autosave = Autosave(inbox.post, ThreadClock(), lambda: saved.append(threading.get_ident()))
    autosave.touch()
    inbox.run_until(lambda: bool(saved), 60)
    assert saved == [threading.get_ident()]
    clock = ThreadClock()
    rang = threading.Event()
    clock.later(3600, rang.set)()
    assert clock.later(0, rang.set)
    assert rang.wait(60)
    assert abs(clock.wall() - time.time()) < 60


def test_what_is_stopped_while_it_is_on_its_way_does_nothing(inbox: Inbox) -> None:
    calls: list[Any] = []

    class Clock(ThreadClock):
        def now(self) -> float:
            return 100.0 * len(calls)

        def later(self, seconds: float, call: Any) -> Any:
            calls.append(call)
            return lambda: None

    saved: list[int] = []
    autosave = Autosave(inbox.post, Clock(), lambda: saved.append(1))
    autosave.touch()
    calls[0]()  # posted, and not heard yet
    autosave.stop()
    heard: list[int] = []
    inbox.post(lambda: heard.append(1))
    inbox.run_until(lambda: bool(heard), 60)
    assert saved == []


def test_a_lane_that_follows_another_waits_for_what_that_was_given() -> None:
    inbox = Inbox()
    first, second = Lane(inbox.post, "first"), Lane(inbox.post, "second")
    gate, done = threading.Event(), []
    second.follow(first)  # nothing was given yet: nothing to wait for
    second.do(lambda: done.append("free"))
    assert second.flush(30)
    first.do(lambda: gate.wait(30) and done.append("saved"))
    second.follow(first)
    second.do(lambda: done.append("exported"))
    assert not second.flush(0.05)
    gate.set()
    assert second.flush(30)
    assert done == ["free", "saved", "exported"]
    first.close()
    second.close()
