"""The charts of an ablation: score against bits, a line for each family and other side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_qsa.simulation.ablation import family_and_bits
from napari_qsa.simulation.ablation_results import Interval, Line

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by all (Okabe and Ito)
_MARKERS = ("o", "s", "^", "D")


def draw_chart(file: BinaryIO, lines: Sequence[Line], name: str) -> None:
    """Draw the lines of one chart, a panel for each scheme of the other side.

    Means over the seeds with their 95 % intervals, each seed as a faint dot; schemes without bits
    are level lines. The axis holds all dots; an interval that is wider runs out of it.

    Parameters
    ----------
    file
        A PNG file is written to it.
    lines
        Of one chart.
    name
        Of the score.
    """
    figure = Figure(figsize=(4.6 * len(lines), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(lines), sharey=True, squeeze=False)[0]
    everything = [value for line in lines for scores in line.values.values() for value in scores]
    margin = 0.15 * (max(everything) - min(everything)) or 0.01
    for panel, line in zip(panels, lines, strict=True):
        _draw_line(panel, line)
        other = "segmentation" if line.chart.varied == "suggestive" else "suggestive"
        panel.set_title(f"{other}: {line.other}", fontsize=10)
        panel.set_xlabel(f"bits of the {line.chart.varied} networks")
        panel.set_ylim(min(everything) - margin, max(everything) + margin)
        panel.grid(axis="y", alpha=0.3)
        panel.legend(fontsize=8)
    panels[0].set_ylabel(name)
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})


def _draw_line(panel: Axes, line: Line) -> None:
    families = dict.fromkeys(family_and_bits(scheme)[0] for scheme in line.values)
    ticks: set[int] = set()
    for place, family in enumerate(families):
        colour = _COLOURS[place % len(_COLOURS)]
        points = sorted(
            (bits, scores)
            for scheme, scores in line.values.items()
            for own, bits in [family_and_bits(scheme)]
            if own == family and bits is not None
        )
        if not points:
            mean = float(np.mean(line.values[family]))
            panel.axhline(mean, color=colour, linestyle="--", label=family)
            continue
        found = [Interval.of(scores) for _, scores in points]
        bits = [width for width, _ in points]
        ticks.update(bits)
        means = np.array([interval.mean for interval in found])
        reach = np.array([interval.high for interval in found]) - means
        panel.errorbar(
            bits,
            means,
            yerr=reach,
            color=colour,
            marker=_MARKERS[place % len(_MARKERS)],
            capsize=3,
            elinewidth=0.8,
            label=f"{family}N",
        )
        for width, scores in points:
            panel.scatter([width] * len(scores), scores, s=9, color=colour, alpha=0.45)
    panel.set_xticks(sorted(ticks))
