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
from napari_qsa.simulation.plots import axis_of

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by all (Okabe and Ito)
_MARKERS = ("o", "s", "^", "D")
_BROKEN = ("--", ":", "-.", (0, (6, 3)))


def draw_chart(file: BinaryIO, lines: Sequence[Line], name: str) -> None:
    """Draw the lines of one chart, a panel for each scheme of the other side.

    Means over the seeds with their 95 % intervals, each seed as a faint dot; schemes without bits
    have places of their own on the left, and their means are continued as broken lines. The axis
    holds all dots; an interval that is wider runs out of it.

    Parameters
    ----------
    file
        A PNG file is written to it.
    lines
        Of one chart.
    name
        Of the score.
    """
    figure = Figure(figsize=(max(4.8 * len(lines), 6.4), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(lines), sharey=True, squeeze=False)[0]
    everything = [value for line in lines for scores in line.values.values() for value in scores]
    for panel, line in zip(panels, lines, strict=True):
        _draw_line(panel, line)
        other = "segmentation" if line.chart.varied == "suggestive" else "suggestive"
        panel.set_title(f"{other}: {line.other}", fontsize=10)
        panel.set_xlabel(f"bits of the {line.chart.varied} networks")
        panel.set_ylim(*axis_of(everything))
        panel.grid(axis="y", alpha=0.3)
        panel.legend(fontsize=8)
    panels[0].set_ylabel(name)
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def _draw_line(panel: Axes, line: Line) -> None:
    families = dict.fromkeys(family_and_bits(scheme)[0] for scheme in line.values)
    named = [scheme for scheme in line.values if family_and_bits(scheme)[1] is None]
    widths = sorted({bits for _, bits in map(family_and_bits, line.values) if bits is not None})
    first = widths[0] if widths else 1
    places = {scheme: first - len(named) + n for n, scheme in enumerate(named)}
    for number, family in enumerate(families):
        colour = _COLOURS[number % len(_COLOURS)]
        points = sorted(
            (places[scheme] if bits is None else bits, scores)
            for scheme, scores in line.values.items()
            for own, bits in [family_and_bits(scheme)]
            if own == family
        )
        found = [Interval.of(scores) for _, scores in points]
        means = np.array([interval.mean for interval in found])
        alone = family in places
        panel.errorbar(
            [place for place, _ in points],
            means,
            yerr=np.array([interval.high for interval in found]) - means,
            color=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            capsize=3,
            elinewidth=0.8,
            label=family if alone else f"{family}N",
        )
        if alone:
            style = _BROKEN[number % len(_BROKEN)]
            panel.axhline(means[0], color=colour, linestyle=style, linewidth=1, alpha=0.7)
        for place, scores in points:
            panel.scatter([place] * len(scores), scores, s=9, color=colour, alpha=0.45)
    panel.set_xticks([*places.values(), *widths], [*places, *map(str, widths)])
    for label in panel.get_xticklabels()[: len(places)]:
        label.set(rotation=20, ha="right", fontsize=8)
    panel.set_xlim(min(places.values(), default=first) - 0.5, max(widths, default=first - 1) + 0.5)
