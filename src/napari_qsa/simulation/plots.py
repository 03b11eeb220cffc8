"""Charts of learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_qsa.simulation.statistics import Mean

MARKERS = "osD^vP*X<>"


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
    """

    name: str
    x: Sequence[float]
    points: Sequence[Mean]


def draw_curves(
    path: Path,
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    level: tuple[float, str] | None = None,
) -> None:
    """Draw lines with bars for their intervals, slightly apart so that the bars can be told.

    Parameters
    ----------
    path
        Of the PNG file.
    lines
        In the order of the legend.
    x_label, y_label
        Of the axes.
    level
        A height to be marked, and its name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    xs = [x for line in lines for x in line.x]
    gap = 0.008 * (max(xs) - min(xs)) if xs else 0.0
    for place, line in enumerate(lines):
        shift = (place - (len(lines) - 1) / 2) * gap
        axes.errorbar(
            [x + shift for x in line.x],
            [point.value for point in line.points],
            yerr=[math.nan if point.half is None else point.half for point in line.points],
            marker=MARKERS[place % len(MARKERS)],
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
            color=f"C{place % 10}",
            label=f"{line.name} ({line.points[0].n})",
        )
    if level is not None:
        axes.axhline(level[0], color="0.4", linestyle="--", linewidth=1, label=level[1])
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="0.92")
    if lines:
        axes.legend(fontsize=8, frameon=False)
        axes.set_xticks(sorted(set(xs)))
    figure.savefig(path, dpi=130)
