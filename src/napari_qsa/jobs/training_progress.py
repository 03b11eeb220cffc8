"""How far a training run is, read from the events its members write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_qsa.ensemble.training.events import read_events
from napari_qsa.ensemble.training.run import TrainingRun

RECENT = 5
"""Reports of a member by which its pace is told: one alone jumps on a busy machine."""


@dataclass(frozen=True)
class MemberProgress:
    """How far one member is.

    Attributes
    ----------
    member : int
        Which.
    done, total : int
        Iterations.
    phase : str
        Of its schedule; empty before the first event.
    loss : float or None
        Mean over its last iterations.
    pace : float or None
        Seconds of an iteration, over the last reports.
    finished : bool
        Whether it is trained to its end.
    """

    member: int
    done: int
    total: int
    phase: str = ""
    loss: float | None = None
    pace: float | None = None
    finished: bool = False


@dataclass(frozen=True)
class TrainingProgress:
    """How far all members are.

    Attributes
    ----------
    members : tuple of MemberProgress
        All of them.
    workers : int
        Processes at work.
    """

    members: tuple[MemberProgress, ...]
    workers: int

    @property
    def fraction(self) -> float:
        """Share of all iterations that are done, 0 to 1."""
        return sum(m.done for m in self.members) / sum(m.total for m in self.members)

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time to the end; None before the first iterations.

        Each member that is left goes to the worker that is free first.
        """
        known = [m for m in self.members if m.pace is not None]
        # What is finished says least: the machine may have been less busy then.
        paces = [m.pace or 0.0 for m in known if not m.finished] or [m.pace or 0.0 for m in known]
        if not paces:
            return None
        usual = sum(paces) / len(paces)
        left = [m for m in self.members if not m.finished]
        free = [0.0] * self.workers
        for member in sorted(left, key=lambda m: m.done == 0):
            free.sort()
            free[0] += (member.total - member.done) * (member.pace or usual)
        return max(free)


def read_progress(run: TrainingRun, workers: int) -> TrainingProgress:
    """Read how far the members of a run are; `workers` is for the estimate of the time left."""
    events: dict[int, list[dict[str, Any]]] = {}
    for event in read_events(run.folder):
        if "member" in event:
            events.setdefault(event["member"], []).append(event)
    members = range(run.options.members)
    return TrainingProgress(
        tuple(_member(member, events.get(member, []), run) for member in members), workers
    )


def recent_pace(events: Sequence[Mapping[str, Any]]) -> float | None:
    """Give the seconds of an iteration over a member's last few reports.

    The first report of a process is left out where there are others: what is slow only once is
    in it.
    """
    reports: list[tuple[int, float]] = []
    place, first = 0, 0
    for event in events:
        if event.get("event") == "resumed":
            place, first = int(event.get("iteration", 0)), len(reports)
        elif event.get("seconds_per_iteration") is not None:
            iteration = int(event.get("iteration", 0))
            reports.append((max(iteration - place, 1), float(event["seconds_per_iteration"])))
            place = iteration
    chosen = (reports[first + 1 :] or reports[first:] or reports)[-RECENT:]
    count = sum(many for many, _ in chosen)
    return sum(many * pace for many, pace in chosen) / count if count else None


def _member(member: int, events: Sequence[dict[str, Any]], run: TrainingRun) -> MemberProgress:
    event: dict[str, Any] = {}
    for each in events:
        event |= each
    total = int(event.get("iterations", run.options.iterations))
    finished = run.finished(member)
    return MemberProgress(
        member,
        total if finished else int(event.get("iteration", 0)),
        total,
        str(event.get("phase", "")),
        event.get("loss"),
        recent_pace(events),
        finished,
    )
