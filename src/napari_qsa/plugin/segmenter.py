"""Between a viewer's layers and a segmentation: which image, what changes it, where results go."""

import weakref
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_qsa.plugin import results, sources
from napari_qsa.plugin.identity import identify
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.segmentation import Segmentation
from napari_qsa.session.state import Segmented


class Segmenter:
    """Segments image layers of a viewer and shows the results as layers; needs no Qt.

    Replaced pixels and another scale make a running segmentation stale. Pixels written in
    place, ``layer.data[...] = x``, cannot be told from a redraw, so they do not.
    """

    def __init__(self, viewer: ViewerModel, segmentation: Segmentation) -> None:
        self._viewer = viewer
        self._segmentation = segmentation
        self._watched: weakref.WeakSet[Layer] = weakref.WeakSet()
        segmentation.segmented.connect(self._show)
        viewer.layers.events.removed.connect(self._removed)

    def segment(self, layer: Image, options: SegmentOptions) -> None:
        """Start to segment the plane of a layer that the viewer shows."""
        if layer not in self._watched:
            self._watched.add(layer)
            for name in ("data", "scale", "units"):
                getattr(layer.events, name).connect(self._changed)
            for name in results.PLACE:
                getattr(layer.events, name).connect(self._moved)
        self._segmentation.segment(sources.subject(self._viewer, layer), options)

    def _show(self, result: Segmented) -> None:
        source = sources.find(self._viewer, str(result.subject.key))
        if source is not None:
            results.show(self._viewer, source, result)

    def _changed(self, event: Any) -> None:
        self._segmentation.image_changed(identify(event.source))

    def _moved(self, event: Any) -> None:
        results.align(self._viewer, event.source)

    def _removed(self, event: Any) -> None:
        if event.value in self._watched:
            self._segmentation.image_removed(identify(event.value))
