"""Curves of a training run: loss and Dice of each network, told apart by colour and by line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#FFFFFF")
"""Colours of Okabe and Ito that stand out from a light and from a dark background."""
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
HEIGHT = 300
TICKS = 6
MARKED = 15
"""Up to so many points are marked; more would hide the line."""


@dataclass(frozen=True)
class Look:
    """Colours of the window's theme, as matplotlib takes them."""

    background: str = "#ffffff"
    text: str = "#000000"
    dark: bool = False


class _Canvas(FigureCanvasQTAgg):
    """Draws some time after it was asked to: it may be gone by then."""

    def draw(self) -> None:
        try:
            super().draw()
        except RuntimeError:
            if isalive(self):
                raise


class CurvesPlot(QWidget):
    """Two plots, one above the other: loss and validation Dice over the iterations.

    `lines` holds what is drawn: ``lines["loss"][0].get_xydata()`` are the points of network 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.figure = Figure(figsize=(3, 3), layout="constrained")
        self.canvas = _Canvas(self.figure)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.canvas.setFixedHeight(HEIGHT)
        loss = self.figure.add_subplot(2, 1, 1)
        loss.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True))
        self.axes = {"loss": loss, "dice": self.figure.add_subplot(2, 1, 2, sharex=loss)}
        self.lines: dict[str, dict[int, Line2D]] = {"loss": {}, "dice": {}}
        self._look = Look()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.restyle(self._look)

    def put(self, curves: Mapping[int, Any]) -> None:
        """Show the curves of some networks, by their number from 0.

        Each has ``iterations`` and ``loss``, ``dice_iterations`` and ``dice``, and ``total``.
        """
        gone = set(self.lines["loss"]) - set(curves)
        for lines in self.lines.values():
            for member in gone:
                lines.pop(member).remove()
        for member, curve in sorted(curves.items()):
            self._draw("loss", member, curve.iterations, curve.loss)
            self._draw("dice", member, curve.dice_iterations, curve.dice)
        for kind, axes in self.axes.items():
            axes.relim()
            axes.autoscale(enable=True)
            if not any(len(self.points(kind, member)) for member in curves):
                axes.set_ylim(0, 1)
        total = max((curve.total for curve in curves.values()), default=0)
        if total:
            self.axes["loss"].set_xlim(0, total)  # so that one sees how far it is
        self._legend()
        self.canvas.draw_idle()

    def points(self, kind: str, member: int) -> NDArray[np.float64]:
        """Give the ``(N, 2)`` points that are drawn of a network: iteration, loss or Dice."""
        return np.asarray(self.lines[kind][member].get_xydata(), dtype=np.float64)

    def restyle(self, look: Look) -> None:
        """Follow the window's theme."""
        self._look = look
        self.figure.set_facecolor(look.background)
        titles = {"loss": "Loss (lower is better)", "dice": "Dice on validation (higher is better)"}
        for kind, axes in self.axes.items():
            axes.set_facecolor(look.background)
            axes.set_title(titles[kind], color=look.text, fontsize=8, loc="left", pad=3)
            axes.tick_params(colors=look.text, labelsize=7)
            axes.grid(True, color=look.text, alpha=0.15, linewidth=0.5)
            for side, spine in axes.spines.items():
                spine.set_color(look.text)
                spine.set_visible(side in ("left", "bottom"))
        self.axes["loss"].tick_params(labelbottom=False)
        self.axes["dice"].set_xlabel("Iteration", color=look.text, fontsize=8)
        for lines in self.lines.values():
            for member, line in lines.items():
                line.set_color(_colour(look, member))
        self._legend()
        self.canvas.draw_idle()

    def _draw(self, kind: str, member: int, x: Any, y: Any) -> None:
        line = self.lines[kind].get(member)
        if line is None:
            (line,) = self.axes[kind].plot(
                [],
                [],
                color=_colour(self._look, member),
                linestyle=LINES[member % len(LINES)],
                linewidth=1.2,
                markersize=2.5,
                label=f"network {member + 1}",
            )
            self.lines[kind][member] = line
        line.set_data(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        line.set_marker("o" if len(x) <= MARKED else "None")

    def _legend(self) -> None:
        for legend in self.figure.legends:
            legend.remove()
        lines = [self.lines["loss"][member] for member in sorted(self.lines["loss"])]
        if lines:
            with mpl.rc_context({"legend.handlelength": 3.0}):
                self.figure.legend(
                    handles=lines,
                    loc="outside lower center",
                    ncols=2,
                    fontsize=7,
                    frameon=False,
                    labelcolor=self._look.text,
                )


def _colour(look: Look, member: int) -> str:
    colours = DARK if look.dark else LIGHT
    return colours[member % len(colours)]
