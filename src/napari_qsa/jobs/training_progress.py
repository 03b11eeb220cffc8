"""How far a training run is, read from the events its members write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_qsa.ensemble.training.events import read_events
from napari_qsa.ensemble.training.run import TrainingRun


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
        Seconds of an iteration, lately.
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
        paces = [m.pace for m in self.members if m.pace is not None and not m.finished]
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
    last: dict[int, dict[str, Any]] = {}
    for event in read_events(run.folder):
        if "member" in event:
            last[event["member"]] = last.get(event["member"], {}) | event
    members = range(run.options.members)
    return TrainingProgress(
        tuple(_member(member, last.get(member, {}), run) for member in members), workers
    )


def _member(member: int, event: Mapping[str, Any], run: TrainingRun) -> MemberProgress:
    total = int(event.get("iterations", run.options.iterations))
    finished = run.finished(member)
    return MemberProgress(
        member,
        total if finished else int(event.get("iteration", 0)),
        total,
        str(event.get("phase", "")),
        event.get("loss"),
        event.get("seconds_per_iteration"),
        finished,
    )
