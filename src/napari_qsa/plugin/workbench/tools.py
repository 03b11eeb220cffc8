"""The tools of annotation: each is one undo step, worked out away from the window's thread."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.changing import Changes, Changing
from napari_qsa.plugin.workbench.toolbox import HINTS, MODES, REGION_VALUES, Tool
from napari_qsa.session import edits

SMOOTH_UM = 2.0
SMOOTH_PIXELS = 3
"""Radius of the roughness that is smoothed away; in pixels where their size is unknown."""
NO_GLAND = "There is no gland here."
NO_PROPOSAL = "No model has proposed glands for this image yet: segment it first."

Place = tuple[int, int]


class Tools:
    """What the user does to an annotation.

    Parameters
    ----------
    layers
        Of the image that is open.
    failed
        Told of what should not have happened.
    """

    tool_changed = Signal(object)
    """The `Tool`, or None while one of napari's own is in use."""

    said = Signal(str)
    """A sentence for the user: what to do next, or why nothing happened."""

    def __init__(self, layers: AnnotationLayers, failed: Callable[[BaseException], object]) -> None:
        self.layers = layers
        self.changing = Changing(layers, failed)
        self.changing.said.connect(self.said.emit)
        self.first = 0
        self._tool: Tool | None = Tool.MOVE
        self._ours = False
        self._glands: Labels | None = None
        layers.changed.connect(self._layers_changed)
        self._layers_changed()

    @property
    def tool(self) -> Tool | None:
        """The tool in use."""
        return self._tool

    # -- choosing

    def choose(self, tool: Tool) -> None:
        """Take a tool in hand; its layer becomes the active one."""
        layer = self.layers.region if tool in REGION_VALUES else self.layers.glands
        if not self._can_edit():
            return
        self.layers.show_overlays()
        self._tool, self.first, self._ours = tool, 0, True
        try:
            self.layers.viewer.layers.selection.active = layer
            if tool in REGION_VALUES:
                layer.selected_label = REGION_VALUES[tool]
            layer.mode = MODES.get(tool, "pan_zoom")
            if tool not in MODES:
                layer.cursor = "standard" if tool is Tool.MOVE else "cross"
        finally:
            self._ours = False
        self.tool_changed.emit(tool)
        self.said.emit(HINTS[tool])

    def toggle(self, tool: Tool) -> None:
        """Take a tool in hand, or put it away for painting."""
        self.choose(Tool.GLAND if self._tool is tool else tool)

    # -- what the mouse did

    def begin_stroke(self, place: Place | None) -> None:
        """Choose the number that a stroke paints: that of the gland it starts in, or a new one."""
        layer, opened = self.layers.glands, self.layers.opened
        if layer is None or opened is None or place is None or self._tool is not Tool.GLAND:
            return
        number = int(opened.glands[place]) or edits.new_number(opened.glands)
        if number > np.iinfo(opened.glands.dtype).max:
            self.said.emit("This image has no number left for a new gland: extend one.")
            return
        layer.selected_label = number

    def click(self, place: Place, tool: Tool | None = None) -> None:
        """Use a tool, by default the one in hand, on the gland at a pixel."""
        tool = tool or self._tool
        opened = self.layers.opened
        if not self._can_edit() or opened is None:
            return
        glands, label = opened.glands, int(opened.glands[place])
        if tool is Tool.TAKE_OVER:
            self._take_over(place)
        elif label == 0:
            self.said.emit(NO_GLAND)
        elif tool is Tool.DELETE:
            self.changing.do(lambda: {"glands": edits.delete(glands, label)})
        elif tool is Tool.FILL_HOLES:
            fill = partial(edits.fill_holes, glands, label)
            self.changing.do(lambda: {"glands": fill()}, f"Gland {label} has no holes.")
        elif tool is Tool.SMOOTH:
            smooth = partial(edits.smooth, glands, label, self._radius())
            self.changing.do(lambda: {"glands": smooth()}, f"Gland {label} is smooth already.")
        elif tool is Tool.MERGE:
            self._click_to_merge(label)

    def click_at_cursor(self, tool: Tool) -> None:
        """Use a tool on the gland under the mouse."""
        place = self.layers.place_of(self.layers.viewer.cursor.position)
        if place is None:
            self.said.emit("Point at a gland in the image first.")
        else:
            self.click(place, tool)

    def draw(self, path: NDArray[np.float64]) -> None:
        """Split glands along a line, or merge those at its ends.

        Parameters
        ----------
        path : (N, 2) float
            Rows and columns.
        """
        opened = self.layers.opened
        if not self._can_edit() or opened is None:
            return
        glands = opened.glands
        if self._tool is Tool.SPLIT:
            self.changing.do(
                lambda: {"glands": edits.split(glands, path, None)},
                "The line divides no gland: start and end it outside.",
            )
        elif self._tool is Tool.MERGE:
            first, second = (int(glands[_inside(end, glands.shape)]) for end in path[[0, -1]])
            if first and second and first != second:
                self._merge(first, second)
            else:
                self.said.emit("Start in one gland and end in another.")

    # -- all at once

    def take_over_all(self) -> None:
        """Take over all proposed glands that lie where nothing is annotated."""
        opened, proposal = self.layers.opened, self.layers.proposal
        if not self._can_edit() or opened is None:
            return
        if proposal is None:
            self.said.emit(NO_PROPOSAL)
            return
        take = partial(edits.take_over_all, opened.glands, proposal.labels)
        self.changing.do(lambda: {"glands": take()}, "All proposed glands are annotated already.")

    def clear(self) -> None:
        """Delete all glands."""
        opened = self.layers.opened
        if self._can_edit() and opened is not None:
            glands = opened.glands
            self.changing.do(lambda: {"glands": edits.clear(glands)}, "There are no glands.")

    def no_glands(self) -> None:
        """Say that there are no glands here: none are left, and all is reviewed."""
        opened = self.layers.opened
        if self._can_edit() and opened is not None:
            glands, region = opened.glands, opened.region

            def change() -> Changes:
                everywhere = np.ones(region.shape, bool)
                marked = edits.mark(region, everywhere, REGION_VALUES[Tool.REVIEWED])
                return {"glands": edits.clear(glands), "region": marked}

            self.changing.do(change, "This image is reviewed and has no glands already.")

    def undo(self) -> None:
        """Take the last step back, also one that is under way."""
        if self.layers.away:
            self._can_edit()
        elif not self.changing.painting:
            self.changing.when_idle(self.layers.history.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.layers.away:
            self._can_edit()
        elif not self.changing.painting:
            self.changing.when_idle(self.layers.history.redo)

    # -- how

    def _take_over(self, place: Place) -> None:
        opened, proposal = self.layers.opened, self.layers.proposal
        if proposal is None or opened is None:
            self.said.emit(NO_PROPOSAL)
            return
        label = int(proposal.labels[place])
        if not label:
            self.said.emit("The model proposes no gland here.")
            return
        take = partial(edits.take_over, opened.glands, proposal.labels, label)
        self.changing.do(lambda: {"glands": take()}, "This gland is annotated already.")

    def _click_to_merge(self, label: int) -> None:
        if not self.first:
            self.first = label
            self.said.emit(f"Now click the gland that gland {label} is joined with.")
        elif label == self.first:
            self.said.emit("Click another gland.")
        else:
            self._merge(self.first, label)

    def _merge(self, first: int, second: int) -> None:
        opened = self.layers.opened
        assert opened is not None
        self.first = 0
        merge = partial(edits.merge, opened.glands, first, second)
        self.changing.do(lambda: {"glands": merge()}, NO_GLAND)

    def _radius(self) -> int:
        opened = self.layers.opened
        size = None if opened is None else opened.image.pixel_size
        return SMOOTH_PIXELS if size is None else max(2, round(SMOOTH_UM / size))

    def _can_edit(self) -> bool:
        opened = self.layers.opened
        if opened is None:
            self.said.emit("Open an image first.")
        elif opened.read_only:
            self.said.emit("This project is open read-only: nothing can be changed.")
        elif self.layers.glands is None or self.layers.region is None:
            self.said.emit("A layer was removed: show it again first.")
        elif self.layers.away:
            self.said.emit(f"{self.layers.slider.whereabouts} Go back to it, or open that one.")
        else:
            return True
        return False

    # -- what happens to the layers

    def _layers_changed(self) -> None:
        glands, region, opened = self.layers.glands, self.layers.region, self.layers.opened
        for layer in (glands, region):
            if layer is not None:
                layer.events.mode.connect(self._mode_changed)
        new, self._glands = glands is not self._glands, glands
        if new and glands is not None and opened is not None and not opened.read_only:
            self.first = 0
            self.choose(Tool.GLAND)

    def _mode_changed(self, event: Any) -> None:
        """Follow napari's own buttons and keys."""
        if self._ours:
            return
        mode, marking = str(event.source.mode), event.source is self.layers.region
        known = {"paint": Tool.GLAND, "erase": Tool.ERASE, "pan_zoom": Tool.MOVE}
        if marking and mode == "paint":
            known["paint"] = Tool.REVIEWED if event.source.selected_label == 1 else Tool.DONT_KNOW
        self._tool = known.get(mode)
        self.tool_changed.emit(self._tool)


def _inside(place: NDArray[np.float64], shape: tuple[int, ...]) -> Place:
    row, column = np.clip(np.rint(place), 0, np.subtract(shape, 1)).astype(int)
    return int(row), int(column)
