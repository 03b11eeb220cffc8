"""Charts of learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_qsa.simulation.statistics import Mean

MARKERS = "osD^vP*X<>"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b")
"""Told apart by all (Okabe and Ito), and one more."""

SMALLEST_SPAN = 0.05
"""Of an axis, as a share of its largest value: what differs by less is not drawn large."""


@dataclass(frozen=True)
class Line:
    """A line of a chart, and its 95 % interval where there is one.

    Attributes
    ----------
    name : str
        In the legend.
    x : sequence of float
        Where its points are.
    points : sequence of Mean
        As many.
    dots : sequence of sequence of float
        What each mean is over; drawn faintly.
    """

    name: str
    x: Sequence[float]
    points: Sequence[Mean]
    dots: Sequence[Sequence[float]] = ()


def axis_of(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of an axis that holds all points; intervals may run out of it.

    Parameters
    ----------
    values
        The points; at least one.
    """
    low, high = min(values), max(values)
    span = max(high - low, SMALLEST_SPAN * max(abs(low), abs(high))) or 0.1
    middle = (low + high) / 2
    return middle - 0.65 * span, middle + 0.65 * span


def draw_curves(
    path: Path,
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    level: tuple[Mean, str] | None = None,
) -> None:
    """Draw lines with bars for their intervals, slightly apart so that the bars can be told.

    Points and dots set the axis: what of an interval is outside is cut off, which the picture says.

    Parameters
    ----------
    path
        Of the PNG file.
    lines
        In the order of the legend.
    x_label, y_label
        Of the axes.
    level
        A height to be marked with its interval, and its name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    xs = [x for line in lines for x in line.x]
    gap = 0.009 * (max(xs) - min(xs)) if xs else 0.0
    for place, line in enumerate(lines):
        shift = (place - (len(lines) - 1) / 2) * gap
        colour = COLOURS[place % len(COLOURS)]
        at = [x + shift for x in line.x]
        values = [point.value for point in line.points]
        label = f"{line.name} ({line.points[0].n})"
        axes.errorbar(
            at,
            values,
            yerr=[math.nan if point.half is None else point.half for point in line.points],
            fmt="none",
            ecolor=colour,
            elinewidth=0.8,
            capsize=4,
            alpha=0.45,
        )
        for x, dots in zip(at, line.dots, strict=False):
            axes.scatter([x] * len(dots), dots, s=8, color=colour, alpha=0.5, linewidth=0)
        marker = MARKERS[place % len(MARKERS)]
        axes.plot(at, values, marker=marker, markersize=5, linewidth=1.5, color=colour, label=label)
    heights = [point.value for line in lines for point in line.points]
    heights += [dot for line in lines for dots in line.dots for dot in dots]
    if level is not None:
        mean, name = level
        axes.axhline(mean.value, color="0.35", linestyle="--", linewidth=1.2, label=name)
        if mean.half is not None:
            band = (mean.value - mean.half, mean.value + mean.half)
            axes.axhspan(*band, color="0.5", alpha=0.12, linewidth=0, label="its 95 % interval")
        heights.append(mean.value)
    if heights:
        axes.set_ylim(*axis_of(heights))
    note = "means over seeds (how many); dots: each seed; bars: 95 % intervals, cut at the edges"
    axes.set_title(note, fontsize=8, loc="left", color="0.35")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    if lines:
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.set_xticks(sorted(set(xs)))
    figure.savefig(path, dpi=110)
