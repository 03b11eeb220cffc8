"""The layers of the image that is open for annotation; nothing in them gets lost.

Each opened image has Labels objects of its own, which are never used for another one: napari
keeps the undo steps of a layer whose data is replaced, and would paint them into the next image.
"""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_qsa.plugin.workbench import looks
from napari_qsa.plugin.workbench.changes import Changes
from napari_qsa.plugin.workbench.history import History
from napari_qsa.plugin.workbench.layer_makers import (
    KINDS,
    OVERLAYS,
    PAINTED,
    PREDICTED,
    is_shown,
    make_layer,
)
from napari_qsa.plugin.workbench.slider import Slider
from napari_qsa.session.annotator import Annotator, Opened, Saving
from napari_qsa.session.lane import Lane


class AnnotationLayers:
    """Shows what the annotator has opened, and tells it of each change.

    Parameters
    ----------
    viewer
        Where the layers go.
    annotator
        Opens images and saves what is painted.
    segmenter
        Whose proposals are shown: it has the signal ``shown``.
    lane
        Where pixels are compared and copied.
    """

    changed = Signal()
    """There are other layers than before."""

    turned = Signal()
    """Another slice is looked at, or can be seen now."""

    def __init__(
        self, viewer: ViewerModel, annotator: Annotator, segmenter: Any, lane: Lane
    ) -> None:
        self.viewer, self.lane = viewer, lane
        self.history = History()
        self.opened: Opened | None = None
        self.proposal: Any = None
        self._latest: Any = None
        self.edits = 0
        self._annotator, self._segmenter = annotator, segmenter
        self._layers: dict[str, Layer] = {}
        self._changes: dict[str, Changes] = {}
        self._heatmap_wanted = False
        self._before_hiding: dict[str, bool] | None = None
        self.slider = Slider(viewer, self._overlays, self._turned)
        self._links = (
            (annotator.opened, self._open),
            (annotator.accepted, self._accepted),
            (annotator.saving_changed, self._saving_changed),
            (annotator.slice_read, self._slice_read),
            (segmenter.shown, self._propose),
            (viewer.layers.events.removing, self._removing),
            (viewer.layers.events.removed, self._removed),
            (viewer.layers.selection.events.active, self._selected),
        )
        for signal, slot in self._links:
            signal.connect(slot)
        if annotator.current is not None:
            self._open(annotator.current)

    def close(self) -> None:
        """Leave the viewer; what is painted from now on would not be saved, so the layers go."""
        for signal, slot in self._links:
            signal.disconnect(slot)
        self.slider.close()
        if is_shown(self.viewer):
            self._remove(KINDS)
        for kind in tuple(self._layers):
            self._let_go(kind)
        self.changed.emit()

    # -- what there is

    def __getitem__(self, kind: str) -> Layer | None:
        """Give the layer of a kind; None if there is none."""
        return self._layers.get(kind)

    def all(self) -> tuple[Layer, ...]:
        """Give all layers there are."""
        return tuple(self._layers.values())

    @property
    def glands(self) -> Labels | None:
        """The annotated glands."""
        return self._layers.get("glands")

    @property
    def region(self) -> Labels | None:
        """What was reviewed."""
        return self._layers.get("region")

    @property
    def missing(self) -> tuple[str, ...]:
        """The kinds that somebody removed from the viewer; see `show_again`."""
        return tuple(kind for kind in self._expected() if kind not in self._layers)

    @property
    def away(self) -> bool:
        """Whether another slice is looked at than the one that is annotated."""
        return self.slider.away

    def place_of(self, position: Any) -> tuple[int, int] | None:
        """Give the pixel (row, column) at a place of the world; None outside the image."""
        layer = next(iter(self._layers.values()), None)
        if layer is None or self.opened is None:
            return None
        row, column = (int(np.rint(x)) for x in layer.world_to_data(position)[-2:])
        height, width = self.opened.glands.shape
        return (row, column) if 0 <= row < height and 0 <= column < width else None

    # -- what the user does

    def show_again(self) -> None:
        """Put back what was removed from the viewer: new layers on the same pixels."""
        for kind in self.missing:
            self._add(kind)
        self._select_glands()
        self.changed.emit()

    def look_at(self, place: tuple[float, float], label: int) -> None:
        """Bring a pixel to the middle of the view, and select its gland."""
        layer = self.glands
        if layer is not None:
            self.slider.go_home()
            y, x = np.asarray(layer.data_to_world(place))[-2:]
            self.viewer.scene.camera.center = (0.0, float(y), float(x))
            layer.selected_label = label
            self.show_overlays()

    def toggle_overlays(self) -> None:
        """Hide all that lies over the image, or show again what was shown."""
        if self.away:
            return
        if self._before_hiding is not None:
            self.show_overlays()
            return
        shown = {kind: layer.visible for kind, layer in self._overlays().items()}
        for kind in shown:
            self._layers[kind].visible = False
        self._before_hiding = shown

    def show_overlays(self) -> None:
        """Show again what `toggle_overlays` hid."""
        if self.away:
            return
        shown, self._before_hiding = self._before_hiding or {}, None
        for kind, visible in shown.items():
            if kind in self._layers:
                self._layers[kind].visible = visible

    def show_heatmap(self, wanted: bool) -> bool:
        """Show or hide the uncertainty, here and on images to come; False if there is none."""
        layer = self._layers.get("uncertainty")
        self._heatmap_wanted = wanted
        if layer is not None:
            self.slider.put_visible("uncertainty", layer, wanted)
        return layer is not None

    # -- what the session says

    def _open(self, opened: Opened | None) -> None:
        self.slider.show(None)
        self._remove(KINDS)
        self.opened = opened
        self.proposal = self._latest if self._is_of_this(self._latest) else None
        self._before_hiding = None
        if opened is not None:
            for kind in self._expected():
                self._add(kind)
            self._select_glands()
            self.slider.show(opened.slices)
            if opened.slices is not None:
                self._annotator.look_at_slice(opened.slices.home)
            self.viewer.reset_view()
            self._segmenter.show(opened.image_id)
        self.changed.emit()

    def _propose(self, proposal: Any) -> None:
        """Show a proposal, now or, if its image is still on its way, then."""
        self._latest = proposal
        if self.opened is None or not (proposal is None or self._is_of_this(proposal)):
            return
        self.proposal = proposal
        if proposal is None:
            self._remove(PREDICTED)
        else:
            for kind, pixels in _maps(proposal).items():
                if kind in self._layers:
                    self._layers[kind].data = pixels
                else:
                    self._add(kind)
            self._layers["proposal"].editable = False
        self.changed.emit()

    def _is_of_this(self, proposal: Any) -> bool:
        opened = self.opened
        return proposal is not None and opened is not None and proposal.image_id == opened.image_id

    def _accepted(self, image_id: str) -> None:
        if self.opened is not None and self.opened.image_id == image_id and self.region is not None:
            self._changes["region"].settle()
            self.region.refresh()  # the annotator marked all of it as reviewed

    def _saving_changed(self, saving: Saving) -> None:
        if saving.state == "saved":
            for changes in self._changes.values():
                changes.settle()

    # -- other slices

    def _turned(self) -> None:
        page = self.slider.page
        if page is not None:
            self._annotator.look_at_slice(page)
        self.turned.emit()

    def _slice_read(self, page: int) -> None:
        image = self._layers.get("image")
        if image is not None and page == self.slider.page:
            image.refresh()
            self.turned.emit()

    # -- making layers

    def _expected(self) -> tuple[str, ...]:
        if self.opened is None:
            return ()
        return tuple(k for k in KINDS if k not in PREDICTED or self.proposal is not None)

    def _add(self, kind: str) -> None:
        opened = self.opened
        assert opened is not None
        layer = make_layer(kind, opened, self.proposal)
        if kind == "uncertainty":
            layer.visible = self._heatmap_wanted
        if kind in OVERLAYS:
            self.slider.follow(kind, layer)
        above = [self._layers[k] for k in KINDS[KINDS.index(kind) + 1 :] if k in self._layers]
        index = self.viewer.layers.index(above[0]) if above else len(self.viewer.layers)
        active = self.viewer.layers.selection.active
        self._layers[kind] = layer
        self.viewer.layers.insert(index, layer)
        if active is not None:
            self.viewer.layers.selection.active = active
        if kind in PAINTED:
            self._follow(kind, layer)

    def _follow(self, kind: str, layer: Labels) -> None:
        self.history.watch(layer)
        self._changes[kind] = Changes(layer, self.lane, self._edited)
        layer.events.data.connect(self._replaced)

    def _overlays(self) -> dict[str, Layer]:
        return {kind: self._layers[kind] for kind in OVERLAYS if kind in self._layers}

    def _select_glands(self) -> None:
        if self.glands is not None:
            self.viewer.layers.selection.active = self.glands

    # -- what happens to layers

    def _edited(self) -> None:
        self.edits += 1
        self._annotator.edited()

    def _selected(self, _: Any = None) -> None:
        """Show what was reviewed only while that is being marked."""
        region = self.region
        if region is not None:
            marking = self.viewer.layers.selection.active is region
            if marking != bool(region.colormap.color_dict[1][3]):
                region.colormap = looks.region_colormap(marking)

    def _replaced(self, event: Any) -> None:
        """Take pixels that were put into a layer by a script; they are copied in the lane."""
        kind = next((k for k, layer in self._layers.items() if layer is event.source), None)
        if kind is None or self.opened is None:
            return
        layer, ours = event.source, getattr(self.opened, kind)
        theirs = layer.data
        if theirs is ours:
            return
        layer.editable = False  # drops undo steps, which are of the former pixels

        def done(_: object = None) -> None:
            if self._layers.get(kind) is layer:
                layer.data = ours
                layer.editable = True
                self._edited()

        fits = theirs.shape == ours.shape
        self.lane.do(lambda: np.copyto(ours, theirs, "unsafe") if fits else None, done)

    def _remove(self, kinds: tuple[str, ...]) -> None:
        gone = [self._layers[kind] for kind in kinds if kind in self._layers]
        for kind in kinds:
            self._let_go(kind)
        if not gone:
            return
        # All at once: after each removal napari collects garbage, which takes up to 0.3 s.
        with self.viewer.layers.batched_update():
            for layer in gone:
                # napari 0.9.2 crashes where the slider comes or goes with a hidden layer of labels.
                layer.visible = True
                self.viewer.layers.remove(layer)

    def _let_go(self, kind: str) -> None:
        layer = self._layers.pop(kind, None)
        if kind in PAINTED and layer is not None:
            self.history.forget(layer)
            self._changes.pop(kind).close()
            layer.events.data.disconnect(self._replaced)

    def _removing(self, event: Any) -> None:
        """Have the pixels of a layer saved before somebody removes it."""
        layer = self.viewer.layers[event.index]
        if any(self._layers.get(kind) is layer for kind in PAINTED):
            self._annotator.save_now()

    def _removed(self, event: Any) -> None:
        for kind, layer in tuple(self._layers.items()):
            if layer is event.value:
                self._let_go(kind)
                self.changed.emit()


def _maps(proposal: Any) -> dict[str, NDArray[Any]]:
    return {"uncertainty": proposal.uncertainty, "proposal": proposal.labels}
