"""Which slice the user looks at; what is annotated is seen over its own slice only."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from napari_qsa.session.slices import Slices

AXIS = -3
"""Of the slices, in the world."""


class Slider:
    """Follows napari's slider while slices are shown, and hides the overlays over the others.

    Parameters
    ----------
    viewer
        With the slider.
    overlays
        Gives the layers that belong to the annotated slice, by kind.
    turned
        Called when another slice is looked at.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        overlays: Callable[[], Mapping[str, Layer]],
        turned: Callable[[], object],
    ) -> None:
        self._viewer, self._overlays, self._turned = viewer, overlays, turned
        self._slices: Slices | None = None
        self._page: int | None = None
        self._hidden: dict[str, bool] | None = None
        dims = viewer.dims.events
        self._links = (dims.point, dims.order, dims.ndisplay)
        for emitter in self._links:
            emitter.connect(self._moved)

    def close(self) -> None:
        """Follow it no longer."""
        for emitter in self._links:
            emitter.disconnect(self._moved)
        self._slices = self._hidden = None

    # -- where the user is

    @property
    def page(self) -> int | None:
        """The page that is looked at, from 0; None where it is no single one, or there are none."""
        return self._page

    @property
    def away(self) -> bool:
        """Whether something else is looked at than the slice that is annotated."""
        return self._slices is not None and self._page != self._slices.home

    @property
    def whereabouts(self) -> str:
        """Which slice is annotated, and which one is looked at, while it is another one."""
        slices, page = self._slices, self._page
        if slices is None or not self.away:
            return ""
        annotated = f"Slice {slices.home + 1} is being annotated"
        if page is None:
            return f"{annotated}; you look across the slices."
        damage = f" {slices.failed[page]}" if page in slices.failed else ""
        return f"{annotated}; you look at {page + 1}.{damage}"

    def show(self, slices: Slices | None) -> None:
        """Follow the slices of an image whose layers are in the viewer; go to the open one."""
        self._slices, self._hidden = slices, None
        self._page = None if slices is None else slices.home
        self.go_home()
        self._moved()

    def go_home(self) -> None:
        """Look at the slice that is annotated."""
        dims = self._viewer.dims
        if self._slices is not None and dims.ndim >= -AXIS:
            dims.ndisplay = 2
            dims.set_point(dims.ndim + AXIS, self._slices.home)

    def _moved(self, _: Any = None) -> None:
        if self._slices is None:
            return
        page = self._looked_at()
        if page != self._page:
            self._page = page
            self._hide_or_show()
            self._turned()

    def _looked_at(self) -> int | None:
        assert self._slices is not None
        dims = self._viewer.dims
        if dims.ndim < -AXIS:  # the layer of the slices was removed
            return self._slices.home
        axis = dims.ndim + AXIS
        if axis in dims.displayed:
            return None
        return int(np.clip(np.rint(dims.point[axis]), 0, self._slices.count - 1))

    # -- what is seen

    def follow(self, kind: str, layer: Layer) -> None:
        """Keep a new overlay hidden while another slice is looked at."""
        self.put_visible(kind, layer, layer.visible)
        layer.events.visible.connect(self._stay_hidden)
        layer.events.mode.connect(self._stay_hidden)

    def put_visible(self, kind: str, layer: Layer, visible: bool) -> None:
        """Show or hide an overlay, now or once its slice is looked at."""
        if self._hidden is not None:
            self._hidden[kind] = visible
        layer.visible = visible and self._hidden is None

    def _hide_or_show(self) -> None:
        layers = self._overlays()
        if self.away and self._hidden is None:
            self._hidden = {kind: layer.visible for kind, layer in layers.items()}
            for layer in layers.values():
                layer.visible = False
        elif not self.away and self._hidden is not None:
            shown, self._hidden = self._hidden, None
            for kind, layer in layers.items():
                layer.visible = shown.get(kind, True)

    def _stay_hidden(self, event: Any) -> None:
        """Show nothing, and let nothing be painted, over a slice that it does not belong to."""
        layer = event.source
        if self._hidden is None or not any(layer is one for one in self._overlays().values()):
            return
        if layer.visible:
            layer.visible = False
        if str(layer.mode) != "pan_zoom":
            layer.mode = "pan_zoom"
