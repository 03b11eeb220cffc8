"""The dock that segments the current image."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.ensemble import shipped
from napari_qsa.jobs import Engine
from napari_qsa.plugin.dispatch import QtPost
from napari_qsa.plugin.docks.form import Form
from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.segmenter import Segmenter
from napari_qsa.plugin.sources import pixel_size, sources
from napari_qsa.session.options import DEFAULT_ENSEMBLE, SegmentOptions
from napari_qsa.session.segmentation import Segmentation
from napari_qsa.session.state import State, Status

if TYPE_CHECKING:
    import napari.viewer

HIDDEN_SECONDS = 30
"""How long the engine outlives a dock that is hidden: perhaps only behind another tab."""
STEPS = 1000

Links = list[tuple[Any, Any]]
"""Events of a viewer, each with the callback that follows it."""


class SegmentDock(QWidget):
    """Choose an image and a model, segment, and see the result, or the reason for none."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self._viewer = unwrap(napari_viewer)
        self._files: list[str] = []
        self.segmentation = Segmentation(Engine(), QtPost())
        self._chosen: Image | None = None
        self._scale_links: Links = []
        self._segmenter = Segmenter(self._viewer, self.segmentation)
        self._idle = QTimer(self)
        self._idle.setInterval(HIDDEN_SECONDS * 1000)
        self._idle.timeout.connect(self.segmentation.release)
        self._build()
        self._follow_viewer()
        self.segmentation.status_changed.connect(self._show_status)
        self._show_status(self.segmentation.status)

    # -- what it looks like

    def _build(self) -> None:
        self.image = ComboBox(
            name="image",
            label="Image",
            choices=self._images,
            tooltip="The image layer to segment; of a stack, the plane that is shown.",
        )
        self.form = Form(SegmentOptions, {"ensemble": self._ensembles}, [self.image])
        for row in (self.image, self.form["ensemble"]):
            # A long name must not widen the dock.
            row.native.setSizeAdjustPolicy(
                row.native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self.open_model = QPushButton("Model file…")
        self.open_model.setToolTip("Use an ensemble file of your own.")
        self.start = QPushButton("Segment")
        self.stop = QPushButton("Cancel")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = QPushButton("Details")
        self.details.setCheckable(True)
        self.details_text = QPlainTextEdit()
        self.details_text.setReadOnly(True)

        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form.native)
        layout.addWidget(self.open_model)
        layout.addLayout(buttons)
        for widget in (self.progress, self.message, self.details, self.details_text):
            layout.addWidget(widget)
        layout.addStretch()

        self.image.changed.connect(self._image_chosen)
        self.form["ensemble"].changed.connect(self._warm_up)
        self.open_model.clicked.connect(self._choose_file)
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(self.segmentation.cancel)
        self.details.toggled.connect(self.details_text.setVisible)

    def _images(self, _: Any) -> list[tuple[str, Image]]:
        return [(layer.name, layer) for layer in sources(self._viewer)]

    def _ensembles(self, _: Any) -> list[tuple[str, str]]:
        names = shipped.names() or (DEFAULT_ENSEMBLE,)
        return [(name, name) for name in names] + [(Path(f).name, f) for f in self._files]

    # -- what the user does

    def use_model(self, path: str | Path) -> None:
        """Offer an ensemble file and choose it."""
        self._files.append(str(path))
        self.form["ensemble"].reset_choices()
        self.form.put(ensemble=str(path))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose an ensemble file", "", "Ensembles (*.safetensors)"
        )
        if path:
            self.use_model(path)

    def _start(self) -> None:
        if self.image.value is not None:
            self._segmenter.segment(self.image.value, self.form.get())

    def _warm_up(self) -> None:
        if self.isVisible():
            self.segmentation.warm_up(self.form.get().ensemble)

    def showEvent(self, event: Any) -> None:
        """Make the engine ready, unless it is from before."""
        super().showEvent(event)
        self._idle.stop()
        if self.segmentation.status == Status():
            self._warm_up()

    def hideEvent(self, event: Any) -> None:
        """Let go of the engine some time after the dock was closed, but not when minimized."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._idle.start()

    # -- what the session shows

    def _show_status(self, status: Status) -> None:
        state = status.state
        self._enable()
        busy = state in (State.STARTING, State.RUNNING) and status.fraction is None
        self.progress.setRange(0, 0 if busy else STEPS)
        self.progress.setValue(round(STEPS * (status.fraction or 0)))
        failed = state is State.FAILED
        self.message.setText(f"⚠ {status.message}" if failed else status.message)
        self.details.setVisible(bool(status.details))
        self.details.setChecked(False)
        self.details_text.setPlainText(status.details)
        self.details_text.hide()
        if failed:
            show_error(status.message)

    # -- what happens to the viewer

    def _follow_viewer(self) -> None:
        layers = self._viewer.layers
        links = [
            (layers.events.inserted, self._layer_added),
            (layers.events.removed, self._refresh_images),
            (layers.events.reordered, self._refresh_images),
            (layers.selection.events.active, self._follow_selection),
        ]
        for emitter, callback in links:
            emitter.connect(callback)
        for layer in layers:
            layer.events.name.connect(self._refresh_images)
        self._image_chosen(self.image.value)
        self._follow_selection()
        # Closing a dock only hides it; it goes with the viewer, or with the application.
        self.destroyed.connect(partial(_part, links, self._scale_links, self.segmentation))
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.segmentation.close)

    def _layer_added(self, event: Any) -> None:
        event.value.events.name.connect(self._refresh_images)
        self._refresh_images()

    def _refresh_images(self, _: Any = None) -> None:
        before = self.image.value
        with self.image.changed.blocked():
            self.image.reset_choices()
        if self.image.value is not before:
            self._image_chosen(self.image.value)
        self._enable()

    def _follow_selection(self, _: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if any(active is layer for layer in sources(self._viewer)):
            self._refresh_images()
            self.image.value = active

    def _image_chosen(self, layer: Image | None) -> None:
        if self._chosen is not layer:
            self._watch_scale(layer)
        self._read_scale()
        self._enable()

    def _watch_scale(self, layer: Image | None) -> None:
        """Follow the calibration of the chosen image, which may come after it was chosen."""
        _disconnect(self._scale_links)
        self._scale_links.clear()
        if layer is not None:
            for emitter in (layer.events.scale, layer.events.units):
                emitter.connect(self._read_scale)
                self._scale_links.append((emitter, self._read_scale))
        self._chosen = layer

    def _read_scale(self, _: Any = None) -> None:
        known = None if self._chosen is None else pixel_size(self._chosen)
        self.form.put(pixel_size=known)

    def _enable(self) -> None:
        running = self.segmentation.running
        self.start.setEnabled(not running and self.image.value is not None)
        self.stop.setEnabled(running)


def _disconnect(links: Links) -> None:
    for emitter, callback in links:
        emitter.disconnect(callback)


def _part(links: Links, scale_links: Links, segmentation: Segmentation) -> None:
    """Leave a viewer that may outlive the dock."""
    _disconnect(links)
    _disconnect(scale_links)
    segmentation.close()
