"""Minutes into iterations, once and before the run: what is trained never depends on the clock."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.errors import TrainingError
from napari_qsa.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD

TIMED = 10
"""Iterations timed without quantizers, and as many with them."""

_WARM_UP = 2
"""Iterations before these, in which buffers are made and kernels chosen."""

_MANY = 10_000

NORMALISATION = (IMAGENET_MEAN, IMAGENET_STD)


@dataclass(frozen=True)
class Pace:
    """How long training takes on this machine.

    Attributes
    ----------
    start : float
        Seconds until the first iteration of a process: imports, reading the images.
    fixed : float
        Seconds of a member apart from its iterations: building, calibration, BN statistics.
    plain, quantized : float
        Seconds of an iteration of the float phase, and of one after it.
    """

    start: float
    fixed: float
    plain: float
    quantized: float


def measure_pace(
    images: Sequence[TrainingImage],
    options: TrainingOptions,
    folder: Path,
    start: float = 0.0,
    device: torch.device | None = None,
) -> Pace:
    """Time some iterations of a run, by training for a moment.

    Parameters
    ----------
    images
        Of the run.
    options
        Of the run; ``iterations`` does not matter.
    folder
        An empty one for scratch files; what is left in it is of no use.
    start
        Seconds this process took until now.
    device
        Where the run will train; the CPU if None.
    """
    _warm_up(images, options, folder / "warm-up", device)
    begun = time.monotonic()
    events = _train(images, _short(options), folder / "timed", device)
    wall = time.monotonic() - begun
    plain = _Stretch.of([event for event in events if event["phase"] == "float"])
    quantized = _Stretch.of([event for event in events if event["phase"] != "float"])
    return Pace(
        start=start,
        fixed=max(wall - plain.seconds - quantized.seconds, 0.0),
        plain=plain.pace,
        quantized=quantized.pace,
    )


def iterations_for(
    minutes: float, pace: Pace, options: TrainingOptions, workers: int, spent: float = 0.0
) -> int:
    """Say how many iterations of each member fit into a time.

    Parameters
    ----------
    minutes
        Wall time of the whole run, all members.
    pace
        Measured with as many processes at work as there will be.
    options
        Of the run.
    workers
        Processes; each trains one member after another.
    spent
        Seconds of the time that the members cannot have.

    Raises
    ------
    TrainingError
        If not even the shortest run fits.
    """
    rounds = -(-options.members // workers)
    seconds = 60 * minutes - spent - pace.start
    iterations = int((seconds / rounds - pace.fixed) / _mean_pace(pace, options))
    fewest = shortest(options)
    if iterations < fewest:
        needed = spent + seconds_for(fewest, pace, options, workers)
        raise TrainingError(
            f"{minutes:g} minutes are too few for {options.members} members on this machine as "
            f"busy as it is: give at least {math.ceil(needed / 60)}, or fewer members."
        )
    return iterations


def shortest(options: TrainingOptions) -> int:
    """Say how many iterations a run must have to be worth it."""
    return 10 * len(phases(options))


def seconds_for(iterations: int, pace: Pace, options: TrainingOptions, workers: int) -> float:
    """Say how long a run of so many iterations takes; as `iterations_for`."""
    rounds = -(-options.members // workers)
    return pace.start + rounds * (pace.fixed + iterations * _mean_pace(pace, options))


def slowest(paces: Sequence[Pace]) -> Pace:
    """Combine the paces of processes that ran side by side: the run ends with the slowest."""
    values = [asdict(pace) for pace in paces]
    return Pace(**{name: max(value[name] for value in values) for name in values[0]})


def _mean_pace(pace: Pace, options: TrainingOptions) -> float:
    share = _plain_share(options)
    return share * pace.plain + (1 - share) * pace.quantized


def _plain_share(options: TrainingOptions) -> float:
    """Share of the iterations that belong to the float phase of a long run."""
    plan = phases(replace(options, iterations=_MANY))
    return (plan[0].stop - plan[0].start) / plan[-1].stop


def _short(options: TrainingOptions) -> TrainingOptions:
    """Choose so many iterations that about ``TIMED`` of each kind are timed."""
    share = _plain_share(options)
    total = TIMED / min(share, 1 - share) if share < 1 else TIMED
    return replace(options, iterations=round(min(total, 4 * TIMED)))


class _Enough(Exception):
    """Ends a training that has served its purpose."""


def _warm_up(
    images: Sequence[TrainingImage],
    options: TrainingOptions,
    folder: Path,
    device: torch.device | None,
) -> None:
    """Train for a moment, so that what is slow only once does not count."""

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            raise _Enough

    brief = replace(options, weights="float", activations="float", iterations=_WARM_UP)
    with contextlib.suppress(_Enough):
        MemberTrainer(images, brief, 0, folder, NORMALISATION, stop, device).run()


def _train(
    images: Sequence[TrainingImage],
    options: TrainingOptions,
    folder: Path,
    device: torch.device | None,
) -> list[dict[str, Any]]:
    """Train the first member; return its progress events, each with the iterations it is about."""
    events: list[dict[str, Any]] = []
    done = 0

    def note(event: dict[str, Any]) -> None:
        nonlocal done
        if event["event"] == "progress":
            events.append(event | {"count": event["iteration"] - done})
            done = event["iteration"]

    MemberTrainer(images, options, 0, folder, NORMALISATION, note, device).run()
    return events


@dataclass(frozen=True)
class _Stretch:
    iterations: int
    seconds: float

    @classmethod
    def of(cls, events: Sequence[dict[str, Any]]) -> _Stretch:
        counts = [event["count"] for event in events]
        seconds = [event["count"] * event["seconds_per_iteration"] for event in events]
        return cls(sum(counts), sum(seconds))

    @property
    def pace(self) -> float:
        return self.seconds / self.iterations if self.iterations else 0.0
