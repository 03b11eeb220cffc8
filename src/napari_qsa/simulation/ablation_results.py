"""The results of an ablation as one document, and what they say: lines, intervals, a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from napari_qsa.errors import QsaError
from napari_qsa.simulation.ablation import (
    AblationOptions,
    Cell,
    Chart,
    charts_of,
    family_and_bits,
)
from napari_qsa.simulation.statistics import beyond_chance, mean_of

SCHEMA = 1

METRICS = {"object_dice": "object Dice", "f1": "F1"}
"""What is drawn, pooled over the held-out fold: key of a score, and its name."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % t-interval, whose ends are NaN where there is one seed."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """Take one value or more, each of a seed."""
        found = mean_of(values)
        half = math.nan if found.half is None else found.half
        return cls(found.value, found.value - half, found.value + half)


@dataclass(frozen=True)
class Line:
    """The schemes of one chart against one scheme of the other side.

    Attributes
    ----------
    chart : Chart
        Which.
    other : str
        Scheme of the other side.
    values : mapping
        Scores of each scheme of the varied side, one for each seed, in the order of the seeds.
    """

    chart: Chart
    other: str
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Verdict:
    """Whether one scheme is the best of some.

    Attributes
    ----------
    scheme : str
        The one in question.
    others : tuple of str
        Those it is compared with: of its family or without bits, and in a line with it.
    lines, best : int
        Lines that hold it, and in how many of them it has the highest mean of these.
    comparisons, above, below : int
        Paired differences to another scheme in a line; how many have their whole interval above
        0, and how many below.
    overall : mapping
        For each other scheme, the difference averaged over the lines, as an interval over seeds.
    """

    scheme: str
    others: tuple[str, ...]
    lines: int
    best: int
    comparisons: int
    above: int
    below: int
    overall: Mapping[str, Interval]

    @property
    def word(self) -> str:
        """Supported: best in all lines, all intervals above 0.

        Contradicted: more below 0 than above, and more than chance alone would give. In all other
        cases the results say neither.
        """
        if self.lines and self.best == self.lines and self.above == self.comparisons:
            return "supported"
        if self.below > self.above and beyond_chance(self.below, self.comparisons):
            return "contradicted"
        return "neither supported nor ruled out"


def document(options: AblationOptions, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the results of all cells together, small enough to be kept; phases are listed once."""
    plans: list[Any] = []
    cells = []
    for result in results:
        for name in ("phases", "suggestive_phases"):
            if result[name] not in plans:
                plans.append(result[name])
        scores = result["scores"]
        cells.append(
            {
                **{name: result[name] for name in ("suggestive", "segmentation", "members")},
                **{name: result[name] for name in ("seed", "picks", "images")},
                "plan": plans.index(result["phases"]),
                "suggestive_plan": plans.index(result["suggestive_phases"]),
                **{
                    kind: {name: round(value, 5) for name, value in scores[kind].items()}
                    for kind in ("pooled", "image_mean")
                },
            }
        )
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "options": options.to_json(),
        "held_out": results[0]["scores"]["images"] if results else 0,
        "plans": plans,
        "cells": cells,
    }


def chart_lines(values: Mapping[str, Any], metric: str) -> list[Line]:
    """Read the lines of all charts from a document.

    Raises
    ------
    QsaError
        If a cell is missing.
    """
    options = values["options"]
    scores = {
        (Cell(cell["suggestive"], cell["segmentation"], cell["members"]), cell["seed"]): float(
            cell["pooled"][metric]
        )
        for cell in values["cells"]
    }
    lines = []
    for chart in charts_of(options["members"]):
        for other in options["against"]:
            found = {}
            for scheme in options[chart.varied]:
                cell = chart.cell(scheme, other)
                try:
                    found[scheme] = tuple(scores[cell, seed] for seed in range(options["seeds"]))
                except KeyError:
                    raise QsaError(
                        f"The results lack the cell {cell.name}; run the ablation to its end."
                    ) from None
            lines.append(Line(chart, other, found))
    return lines


def judge(lines: Sequence[Line], scheme: str) -> Verdict:
    """Compare a scheme with the others of its family, and with those that have no bits."""
    family = family_and_bits(scheme)[0]
    own = [line for line in lines if scheme in line.values]
    named = dict.fromkeys(name for line in own for name in line.values if name != scheme)
    others = tuple(
        name
        for name in named
        if family_and_bits(name)[1] is None or family_and_bits(name)[0] == family
    )
    best = above = below = comparisons = 0
    differences: dict[str, list[np.ndarray[Any, np.dtype[np.float64]]]] = {}
    for line in own:
        means = {name: float(np.mean(line.values[name])) for name in line.values}
        rivals = [name for name in others if name in line.values]
        best += all(means[scheme] > means[name] for name in rivals)
        for name in rivals:
            difference = np.subtract(line.values[scheme], line.values[name])
            differences.setdefault(name, []).append(difference)
            found = Interval.of(difference.tolist())
            comparisons += 1
            above += found.low > 0
            below += found.high < 0
    overall = {
        name: Interval.of(np.mean(parts, axis=0).tolist()) for name, parts in differences.items()
    }
    return Verdict(scheme, others, len(own), best, comparisons, above, below, overall)


def without_glands(values: Mapping[str, Any]) -> tuple[int, int]:
    """Count the cells, each seed apart, in which not one gland was found; and all of them."""
    found = [float(cell["pooled"]["f1"]) for cell in values["cells"]]
    return sum(score == 0 for score in found), len(found)


def overlap(values: Mapping[str, Any], control: str) -> dict[str, list[float]]:
    """Say what share of its picks each suggestive scheme has in common with the control's.

    Returns
    -------
    dict
        For each scheme a share, 0 to 1, for each seed; empty if the control is not there.
    """
    picks = {(cell["suggestive"], cell["seed"]): set(cell["picks"]) for cell in values["cells"]}
    seeds = range(values["options"]["seeds"])
    schemes = [
        scheme
        for scheme in values["options"]["suggestive"]
        if all((scheme, seed) in picks for seed in seeds)
    ]
    if any((control, seed) not in picks for seed in seeds):
        return {}
    return {
        scheme: [
            len(picks[scheme, seed] & picks[control, seed]) / len(picks[control, seed])
            for seed in seeds
        ]
        for scheme in schemes
    }
