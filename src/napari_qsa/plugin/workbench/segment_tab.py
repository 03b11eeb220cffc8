"""The tab that segments: this image, a selection or all, and looks at the glands it found."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QWidget
from superqt import QLabeledDoubleSlider

from napari_qsa.metrics.glands import Gland
from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.workbench import prediction_layer
from napari_qsa.plugin.workbench.gland_table import GlandTable
from napari_qsa.plugin.workbench.room import room_of
from napari_qsa.plugin.workbench.tab_parts import (
    Section,
    Work,
    column,
    count,
    follow_object,
    heading,
    row,
    text,
)
from napari_qsa.session.proposals import Proposal

LARGEST_AREA_UM2 = 5000.0
AREAS = 33
"""So many times what the model leaves out can be left out, where that is more."""
TOLERANCE = 1e-6
UNKNOWN = "Segment this image first; then it can be set here."


class SegmentTab(QWidget):
    """Segments images with a model, and shows what it found in the current one.

    The sliders change what is shown of the prediction, never an annotation.

    Parameters
    ----------
    workbench
        The session's object.
    viewer
        Whose layers are looked at.
    """

    def __init__(self, workbench: Any, viewer: Any) -> None:
        super().__init__()
        self._workbench, self._viewer = workbench, unwrap(viewer)
        self._room = room_of(viewer)
        self._segmenter = workbench.segmenter
        self._chosen: str | None = None  # a model other than the one in use
        self._asked: tuple[float | None, float | None] | None = None
        self._proposal: Proposal | None = None
        self._build()
        follow_object(
            self,
            [
                (workbench.desk.project_changed, self._project_changed),
                (workbench.pool.rows_changed, self._enable),
                (workbench.pool.current_changed, self._current_changed),
                (self._room.selection_changed, self._enable),
                (self._segmenter.models_changed, self._list_models),
                (self._segmenter.shown, self._show),
            ],
        )
        self._project_changed()

    # -- what it looks like

    def _build(self) -> None:
        self.model = QComboBox()
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.model.setToolTip("Which model finds the glands.")
        self.flips = QCheckBox("Average over flips")
        self.flips.setToolTip("Look at flipped and turned copies too: slower, a little better.")
        self.again = QCheckBox("Segment again what is done")
        self.again.setToolTip("Otherwise images that this model has segmented are skipped.")
        advanced = QWidget()
        inner = column(advanced)
        inner.addWidget(self.flips)
        inner.addWidget(self.again)
        self.this = QPushButton("This image")
        self.selection = QPushButton("Selection")
        self.selection.setToolTip("The images that are selected in the Images dock.")
        self.all = QPushButton("All")
        self.work = Work(
            self._segmenter, self._workbench.desk.failed, ("segmentation",), self._enable
        )
        self.threshold = _slider(0.05, 0.95, 2)
        self.threshold.setToolTip("A pixel counts as gland where the model is at least so sure.")
        self.area = _slider(0.0, LARGEST_AREA_UM2, 0)
        self.area.setToolTip("Smaller glands are left out.")
        self.unknown = text(UNKNOWN, hint=True)
        self.rules = QWidget()  # values of a prediction that is not there would mislead
        self.reset = QPushButton("As the model has it")
        self.summary = text()
        self.table = GlandTable()
        self._arrange(advanced)

        self.this.clicked.connect(lambda: self._segment([self._workbench.pool.current]))
        self.selection.clicked.connect(lambda: self._segment(self._room.selection))
        self.all.clicked.connect(lambda: self._segment(self._ids()))
        for slider in (self.threshold, self.area):
            slider.valueChanged.connect(self._rules_changed)
        self.reset.clicked.connect(self._reset)
        self.model.activated.connect(self._choose)
        self.table.picked.connect(self._look)

    def _arrange(self, advanced: QWidget) -> None:
        inner = column(self.rules)
        inner.setContentsMargins(0, 0, 0, 0)
        for name, slider in (
            ("Sure by at least", self.threshold),
            ("Area of at least (µm²)", self.area),
        ):
            inner.addWidget(text(name))
            inner.addWidget(slider)
        inner.addWidget(self.reset)
        layout = column(self)
        layout.addWidget(heading("Find glands in"))
        layout.addLayout(row(self.this, self.selection, self.all))
        layout.addWidget(text("Model"))
        layout.addWidget(self.model)
        layout.addWidget(Section("Advanced", advanced))
        layout.addWidget(self.work)
        layout.addWidget(heading("What counts as a gland"))
        layout.addWidget(text("Changes only what the model proposes, never your annotation."))
        layout.addWidget(self.unknown)
        layout.addWidget(self.rules)
        layout.addWidget(heading("Glands the model found here"))
        layout.addWidget(self.summary)
        layout.addWidget(self.table, 1)

    # -- what the user does

    def _ids(self) -> list[str]:
        return [found.id for found in self._workbench.pool.rows]

    def _segment(self, ids: Sequence[str]) -> None:
        self._segmenter.segment(
            tuple(ids),
            model=self._chosen,
            tta=self.flips.isChecked(),
            again=self.again.isChecked(),
        )

    def _choose(self) -> None:
        key = self.model.currentData()
        used = {info.key for info in self._segmenter.models() if info.in_use}
        self._chosen = None if key in used else key
        self._segmenter.choose(self._chosen)

    def _rules_changed(self) -> None:
        if self._proposal is None:
            return
        own = self._proposal.own_rules
        self._ask(
            _unless(self.threshold.value(), own.threshold),
            _unless(self.area.value(), own.min_area_um2),
        )

    def _reset(self) -> None:
        self._put_rules(None, None)
        self._ask(None, None)

    def _ask(self, threshold: float | None, area: float | None) -> None:
        self._asked = (threshold, area)
        self._segmenter.set_rules(threshold, area)

    def _look(self, gland: Gland) -> None:
        layer = prediction_layer.find(self._viewer, self._workbench.pool.current)
        if layer is not None:
            prediction_layer.look_at(self._viewer, layer, gland)

    # -- what the session shows

    def _project_changed(self) -> None:
        self._chosen = None
        self._list_models()
        self._current_changed()

    def _list_models(self) -> None:
        """Offer the models; unless the user chose another one, the one in use is shown."""
        offered = [info for info in self._segmenter.models() if info.role == "segmentation"]
        if self._chosen not in [info.key for info in offered]:
            self._chosen = None
        with QSignalBlocker(self.model):
            self.model.clear()
            for info in offered:
                self.model.addItem(model_name(info), info.key)
                if info.key == self._chosen or (self._chosen is None and info.in_use):
                    self.model.setCurrentIndex(self.model.count() - 1)
        if self._proposal is not None and self._proposal.model != self._segmenter.model:
            self._current_changed()

    def _current_changed(self, _: object = None) -> None:
        self._asked = None
        self._show(None)
        if self._workbench.pool.current is not None:
            self._segmenter.show(self._workbench.pool.current)
        self._enable()

    def _show(self, proposal: Proposal | None) -> None:
        if proposal is not None and proposal.image_id != self._workbench.pool.current:
            return
        self._proposal = proposal
        self.table.put(() if proposal is None else proposal.glands)
        self.summary.setText(summary(None if proposal is None else proposal.glands))
        for widget in (self.threshold, self.area, self.reset, self.table):
            widget.setEnabled(proposal is not None)
        self.unknown.setVisible(proposal is None)
        self.rules.setVisible(proposal is not None)
        if proposal is not None:
            rules = (proposal.rules.threshold, proposal.rules.min_area_um2)
            if self._asked in (None, rules):  # else the sliders are ahead of what is shown
                self._asked = None
                self._put_rules(*rules)

    def _put_rules(self, threshold: float | None, area: float | None) -> None:
        if self._proposal is None:
            return
        own = self._proposal.own_rules
        with QSignalBlocker(self.area):  # of volumes all areas are large
            self.area.setRange(0.0, max(LARGEST_AREA_UM2, AREAS * (own.min_area_um2 or 0.0)))
        for slider, value, usual in (
            (self.threshold, threshold, own.threshold),
            (self.area, area, own.min_area_um2),
        ):
            with QSignalBlocker(slider):
                slider.setValue(usual if value is None else value)

    def _enable(self, _: object = None) -> None:
        running = self._segmenter.running
        images, selected = self._ids(), self._room.selection
        self.this.setEnabled(not running and self._workbench.pool.current is not None)
        self.selection.setEnabled(not running and bool(selected))
        self.selection.setText(f"Selection ({len(selected):,})")
        self.all.setEnabled(not running and bool(images))
        self.all.setText(f"All ({len(images):,})")


def model_name(info: Any) -> str:
    """Name a model as people call it, such as ``glas-segmentation (5 networks)``."""
    used = ", in use" if info.in_use else ""
    return f"{info.name} ({count(info.members, 'network')}{used})"


def summary(glands: Sequence[Gland] | None) -> str:
    """Say in a sentence what was found; None where nothing was looked for yet."""
    if glands is None:
        return "This model has not looked at this image yet."
    if not glands:
        return "No gland counts as one here."
    areas = [gland.area_um2 for gland in glands if gland.area_um2 is not None]
    size = f", median area {np.median(areas):,.0f} µm²" if areas else ""
    least = max(glands, key=lambda gland: gland.mean_uncertainty or 0.0)
    doubt = f"; least sure of gland {least.label}" if least.mean_uncertainty else ""
    return f"{count(len(glands), 'gland')}{size}{doubt}. Click one to see it."


def _unless(value: float, own: float | None) -> float | None:
    """Leave to the model what is as the model has it."""
    return None if own is not None and abs(value - own) < TOLERANCE else float(value)


def _slider(low: float, high: float, digits: int) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setDecimals(digits)
    return slider
