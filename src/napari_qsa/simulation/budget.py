"""Minutes of one core into iterations, once for all arms and seeds of a study."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_qsa.ensemble.training.budget import shortest
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import QsaError
from napari_qsa.images import open_dataset
from napari_qsa.images.listing import encode_listing
from napari_qsa.simulation.division import fitted, split
from napari_qsa.simulation.plan import Plan
from napari_qsa.simulation.run import evaluate, train

TIMED = 40
"""Iterations of each role; the later half is timed."""


@dataclass(frozen=True)
class Cost:
    """What one role takes, in seconds of one core.

    Attributes
    ----------
    member : float
        Of a member apart from its iterations.
    iteration : float
        Of one iteration of a member.
    image : float
        To predict an image with all members.
    """

    member: float
    iteration: float
    image: float


def with_iterations(plan: Plan, suggestive: int, segmentation: int) -> Plan:
    """Set the iterations of both roles."""
    return replace(
        plan,
        suggestive=replace(plan.suggestive, iterations=suggestive),
        segmentation=replace(plan.segmentation, iterations=segmentation),
    )


def measure(data: Path, part: str, plan: Plan) -> tuple[Cost, Cost]:
    """Train both roles for a moment on the pool's first images; suggestive, segmentation."""
    dataset = open_dataset(data).part(part).labelled()
    parts = split(dataset, plan.folds, plan.fold, plan.sizes[-1])
    few = replace(parts, held_out=parts.held_out[:3])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    costs = []
    try:
        with tempfile.TemporaryDirectory(prefix="napari-qsa-") as scratch:
            folder = Path(scratch)
            listing = folder / "train.json"
            listing.write_bytes(encode_listing(parts.pool[: plan.start], folder, folder))
            for options in (fitted(plan.suggestive, parts), fitted(plan.segmentation, parts)):
                member, iteration = _time(folder / options.role, listing, options)
                ensemble = train(folder / options.role, listing, replace(_short(options)))
                begun = time.process_time()
                evaluate(ensemble, dataset, few, options.source_pixel_size)
                image = (time.process_time() - begun) / len(few.held_out)
                costs.append(Cost(member, iteration, image * options.members))
    finally:
        torch.set_num_threads(threads)
    return costs[0], costs[1]


def fit(
    minutes: float, plan: Plan, suggestive: Cost, segmentation: Cost, pool: int, scored: int
) -> tuple[int, int]:
    """Say how many iterations of each role one arm and seed can have.

    Half of the time for iterations goes to each role, all rounds together.

    Parameters
    ----------
    minutes
        Of one core, for all rounds of one arm and one seed.
    plan
        Its iterations do not matter.
    suggestive, segmentation
        Measured.
    pool, scored
        Images to predict in each round by either.

    Returns
    -------
    tuple of int
        Iterations of a suggestive and of a segmentation member.

    Raises
    ------
    QsaError
        If not even the shortest trainings fit.
    """
    queries = plan.rounds - 1
    members = (plan.suggestive.members * queries, plan.segmentation.members * plan.rounds)
    fixed = members[0] * suggestive.member + members[1] * segmentation.member
    fixed += queries * pool * suggestive.image + plan.rounds * scored * segmentation.image
    left = 60 * minutes - fixed
    shares = (0.5, 0.5) if queries else (0.0, 1.0)
    counts = tuple(
        int(share * left / (number * cost.iteration)) if number else options.iterations
        for share, number, cost, options in zip(
            shares,
            members,
            (suggestive, segmentation),
            (plan.suggestive, plan.segmentation),
            strict=True,
        )
    )
    fewest = shortest(replace(plan.suggestive, weights="float-restarts"))
    if min(counts) < fewest:
        needed = fixed + 2 * fewest * max(
            number * cost.iteration
            for number, cost in zip(members, (suggestive, segmentation), strict=True)
        )
        raise QsaError(
            f"{minutes:g} minutes are too few for {plan.rounds} rounds on this machine: give at "
            f"least {needed / 60:.1f}, or fewer members."
        )
    return counts[0], counts[1]


def planned(data: Path, part: str, plan: Plan, minutes: float) -> tuple[Plan, dict[str, Any]]:
    """Turn minutes into iterations; returns the plan, and what was measured for the record."""
    from dataclasses import asdict

    suggestive, segmentation = measure(data, part, plan)
    dataset = open_dataset(data).part(part).labelled()
    parts = split(dataset, plan.folds, plan.fold, plan.sizes[-1])
    counts = fit(minutes, plan, suggestive, segmentation, len(parts.pool), len(parts.held_out))
    return with_iterations(plan, *counts), {
        "minutes": minutes,
        "suggestive": asdict(suggestive),
        "segmentation": asdict(segmentation),
    }


def _short(options: TrainingOptions) -> TrainingOptions:
    return replace(options, members=1, weights="float", activations="float", iterations=TIMED)


def _time(folder: Path, listing: Path, options: TrainingOptions) -> tuple[float, float]:
    """Train one member; returns the seconds apart from its iterations, and those of one."""
    run = TrainingRun.create(folder, listing, _short(options))
    marks: list[tuple[int, float]] = []

    def note(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            marks.append((event["iteration"], time.process_time()))

    begun = time.process_time()
    run.train_member(0, note, torch.device("cpu"))
    whole = time.process_time() - begun
    (first, early), (last, late) = marks[0], marks[-1]
    iteration = (late - early) / (last - first)
    return max(whole - TIMED * iteration, 0.0), iteration
