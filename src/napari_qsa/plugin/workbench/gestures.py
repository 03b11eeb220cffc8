"""Clicks and lines in the image, for the tools; napari itself paints."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_qsa.plugin.identity import identify
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.toolbox import CLICKS, LINES, Tool
from napari_qsa.plugin.workbench.tools import Tools

CLICK_PIXELS = 4.0
"""On the screen: a mouse that moved less has clicked."""
LINE_COLOUR = "#0072B2"
LINE_PIXELS = 3.0


class Gestures:
    """Looks at the mouse in the annotated layers before napari does."""

    def __init__(self, layers: AnnotationLayers, tools: Tools) -> None:
        self._layers, self._tools = layers, tools
        self._guide: Shapes | None = None
        layers.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        for layer in (self._layers.glands, self._layers.region):
            if layer is not None and self._pressed not in layer.mouse_drag_callbacks:
                layer.mouse_drag_callbacks.insert(0, self._pressed)

    def _pressed(self, layer: Labels, event: Any) -> Iterator[None]:
        if not any(layer is one for one in (self._layers.glands, self._layers.region)):
            return  # it belongs to nobody any more
        self._layers.show_overlays()
        tool = self._tools.tool
        if tool in (Tool.GLAND, Tool.ERASE):
            yield from self._stroke(layer, event)
        elif event.button == 1 and (tool in CLICKS or tool in LINES):
            yield from self._gesture(layer, event, tool in LINES)

    def _stroke(self, layer: Labels, event: Any) -> Iterator[None]:
        self._tools.begin_stroke(self._layers.place_of(event.position))
        kept = layer.preserve_labels
        if self._tools.tool is Tool.ERASE and kept:
            layer.preserve_labels = False  # an eraser takes any gland, not only the last one
            yield
            while event.type == "mouse_move":
                yield
            layer.preserve_labels = kept

    def _gesture(self, layer: Labels, event: Any, draws: bool) -> Iterator[None]:
        start, path = np.array(event.pos, float), [_pixel(layer, event)]
        pans, moved = layer.mouse_pan, False
        if draws:
            layer.mouse_pan = False
        yield
        try:
            while event.type == "mouse_move":
                moved = moved or bool(np.abs(np.array(event.pos) - start).max() >= CLICK_PIXELS)
                path.append(_pixel(layer, event))
                if draws and moved:
                    self._show_line(layer, np.array(path))
                yield
        finally:
            self._hide_line()
            layer.mouse_pan = pans
        if moved and draws:
            path.append(_pixel(layer, event))
            self._tools.draw(np.array(path))
        elif not moved and self._tools.tool in CLICKS:
            place = self._layers.place_of(event.position)
            if place is not None:
                self._tools.click(place)

    def _show_line(self, layer: Labels, path: NDArray[np.float64]) -> None:
        if self._guide is not None:
            self._guide.data = [path]
            return
        viewer = self._layers.viewer
        width = LINE_PIXELS / viewer.scene.camera.zoom / abs(float(layer.scale[-1]))
        guide = Shapes(
            [path],
            shape_type="path",
            edge_color=LINE_COLOUR,
            edge_width=max(width, 0.5),
            name="line",
            scale=layer.scale,
            translate=layer.translate,
            units=layer.units,
        )
        identify(guide, kind="guide")
        viewer.layers.append(guide)
        viewer.layers.selection.active = layer  # else the mouse would go on in the new layer
        self._guide = guide

    def _hide_line(self) -> None:
        guide, self._guide = self._guide, None
        if guide is not None and guide in self._layers.viewer.layers:
            self._layers.viewer.layers.remove(guide)


def _pixel(layer: Labels, event: Any) -> NDArray[np.float64]:
    return np.asarray(layer.world_to_data(event.position), float)[-2:]
