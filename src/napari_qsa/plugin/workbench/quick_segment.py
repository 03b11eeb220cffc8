"""Segment the image that is shown, with no project: the shortest way to a first mask."""

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from napari_qsa.jobs import Engine
from napari_qsa.plugin import sources
from napari_qsa.plugin.identity import identify
from napari_qsa.plugin.segmenter import Segmenter
from napari_qsa.plugin.workbench.pixel_size import ask, crop
from napari_qsa.plugin.workbench.tab_parts import Work, follow_object, text
from napari_qsa.session.desk import Failure
from napari_qsa.session.dispatch import Call
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.segmentation import Segmentation
from napari_qsa.session.state import State, Status

NO_IMAGE = "Open an image first, for example by File > Open Sample > napari-qsa."


class QuickSegment(QWidget):
    """One button that finds the glands of the chosen image, and what became of it.

    Parameters
    ----------
    viewer
        Not its proxy.
    desk
        Of the workbench: its lane reads the picture that is shown beside a scale, and it tells
        of what went wrong.
    post
        Makes a call in the window's thread.
    """

    def __init__(self, viewer: ViewerModel, desk: Any, post: Callable[[Call], object]) -> None:
        super().__init__()
        self._viewer, self._desk = viewer, desk
        self._sizes: dict[str, float | None] = {}
        self.segmentation = Segmentation(Engine(), post)
        self._segmenter = Segmenter(viewer, self.segmentation)
        self.start = QPushButton("Segment this image")
        self.hint = text(hint=True)
        self.work = Work(self.segmentation, desk.failed, (), self._enable)
        self.options = QPushButton("With other options…")
        self.options.setToolTip("Choose the model, the pixel size and the averaging.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.start, self.hint, self.work, self.options):
            layout.addWidget(widget)
        self.start.clicked.connect(self.segment)
        layers = viewer.layers
        follow_object(
            self,
            [
                (self.segmentation.status_changed, self._status_changed),
                (layers.events.inserted, self._enable),
                (layers.events.removed, self._enable),
                (layers.selection.events.active, self._enable),
            ],
        )
        self.destroyed.connect(partial(_close, self.segmentation))
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.segmentation.close)
        self._enable()

    def image(self) -> Image | None:
        """Return the image that is meant: the selected one, else the topmost."""
        offered = list(sources.sources(self._viewer))
        active = self._viewer.layers.selection.active
        if any(active is layer for layer in offered):
            return active
        return offered[-1] if offered else None

    def segment(self) -> None:
        """Segment the image; its pixel size is asked for once where nothing says it."""
        layer = self.image()
        if layer is None or self.segmentation.running:
            return
        size, key = sources.pixel_size(layer), identify(layer)
        if size is not None or key in self._sizes:
            self._go(layer, size if size is not None else self._sizes[key])
            return
        read = sources.subject(self._viewer, layer).read
        self.start.setEnabled(False)
        self._desk.do("segmentation", partial(_crop, read), partial(self._ask, layer, key))

    def hideEvent(self, event: Any) -> None:
        """Give the engine's memory back: the project's own segments from now on."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.segmentation.release()

    def _status_changed(self, status: Status) -> None:
        if status.state is State.FAILED:
            self._desk.failed.emit(Failure(status.message, status.details, "image"))

    def _ask(self, layer: Image, key: str, picture: Any) -> None:
        self._enable()
        ask(self, picture, layer.name, partial(self._answered, layer, key))

    def _answered(self, layer: Image, key: str, size: float | None) -> None:
        self._sizes[key] = size
        if any(layer is each for each in self._viewer.layers):
            self._go(layer, size)

    def _go(self, layer: Image, size: float | None) -> None:
        if not self.segmentation.running:
            self._segmenter.segment(layer, SegmentOptions(pixel_size=size))

    def _enable(self, _: object = None) -> None:
        layer = self.image()
        self.start.setEnabled(layer is not None and not self.segmentation.running)
        self.hint.setText(NO_IMAGE if layer is None else layer.name)


def _crop(read: Callable[[], Any]) -> Any:
    try:
        return crop(read())
    except Exception:  # a lazy image may raise anything; segmenting it says what
        return None


def _close(segmentation: Segmentation, _: object = None) -> None:
    segmentation.close()
