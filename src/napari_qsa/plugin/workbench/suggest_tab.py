"""The tab that asks which images to annotate next, and shows the answer."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget

from napari_qsa.metrics.small_map import shrink
from napari_qsa.plugin.workbench import preferences
from napari_qsa.plugin.workbench.batch_list import SIDE, BatchList, Entry
from napari_qsa.plugin.workbench.strategy_words import STRATEGIES, explained
from napari_qsa.plugin.workbench.tab_parts import (
    Section,
    Work,
    column,
    count,
    counter,
    follow_object,
    heading,
    row,
    text,
    while_alive,
)
from napari_qsa.session.doubts import COLD_BELOW

MOST_IMAGES = 50
STATES = {"none": "to do", "draft": "draft", "accepted": "accepted ✓"}


class SuggestTab(QWidget):
    """Asks for the images from which the model learns most, and lists them with why.

    Parameters
    ----------
    workbench
        The session's object.
    viewer
        Not needed here; all tabs are made alike.
    """

    def __init__(self, workbench: Any, viewer: Any) -> None:
        super().__init__()
        self._workbench = workbench
        self._suggester = workbench.suggester
        self._notes: tuple[str, ...] = ()
        self._without: set[str] = set()
        """Images of which the model that suggests has left no map."""
        self._build()
        pool = workbench.pool
        follow_object(
            self,
            [
                (workbench.desk.project_changed, self._project_changed),
                (pool.rows_changed, self._list),
                (pool.row_changed, self._row_changed),
                (pool.current_changed, self.batch.mark),
                (workbench.thumbnails.ready, self.batch.refresh),
                (workbench.segmenter.predicted, self._predicted),
                (self._suggester.suggested, self._suggested),
            ],
        )
        self._project_changed()

    # -- what it looks like

    def _build(self) -> None:
        self.number = counter(1, MOST_IMAGES, preferences.get("suggest", "number"), "image")
        self.number.setToolTip("How many to annotate; some more are asked for to check the model.")
        self.start = QPushButton("Suggest next images")
        self.glands = QCheckBox("These are H&&E glands")
        self.glands.setToolTip(
            "Tick this if the images show glands in H&E: then what the supplied model is unsure "
            "of counts from the start."
        )
        self.explained = text()
        self.propose = QCheckBox("Then find glands in them")
        self.propose.setChecked(preferences.get("suggest", "propose"))
        self.propose.setToolTip(
            "The model proposes glands in the suggested images, so that you correct instead of "
            "drawing."
        )
        self.strategy = QComboBox()
        self.strategy.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.strategy.setMinimumContentsLength(8)
        for name, (words, aim) in STRATEGIES.items():
            self.strategy.addItem(words, name)
            self.strategy.setItemData(
                self.strategy.count() - 1, f"Images that {aim}.", Qt.ItemDataRole.ToolTipRole
            )
        self.strategy.setCurrentIndex(
            self.strategy.findData(preferences.get("suggest", "strategy"))
        )
        self.strategy.setToolTip("By what images are chosen.")
        advanced = QWidget()
        inner = column(advanced)
        inner.addLayout(row(QLabel("Choose"), self.strategy, stretch=1))
        inner.addWidget(self.propose)
        self.work = Work(
            self._suggester, self._workbench.desk.failed, ("suggestion",), self._enable
        )
        self.title = heading("")
        self.batch = BatchList(self._workbench.thumbnails)
        layout = column(self)
        layout.addWidget(text("Finds the images from which the model will learn most."))
        layout.addLayout(row(self.start, self.number, stretch=0))
        layout.addWidget(self.explained)
        layout.addWidget(self.glands)
        layout.addWidget(Section("Advanced", advanced))
        layout.addWidget(self.work)
        layout.addWidget(self.title)
        layout.addWidget(self.batch)
        layout.addStretch(1)
        self.start.clicked.connect(self._start)
        self.glands.toggled.connect(self._forget_notes)
        self.strategy.currentIndexChanged.connect(self._forget_notes)
        self.batch.opened.connect(lambda image_id: self._workbench.pool.open(image_id))

    # -- what the user does

    def _start(self) -> None:
        self._suggester.suggest(
            k=self.number.value(),
            strategy=self.strategy.currentData(),
            he_glands=self.glands.isChecked(),
        )

    # -- what the session shows

    def _project_changed(self) -> None:
        self._notes = ()
        self._without.clear()
        self._list()

    def _suggested(self, batch: Any) -> None:
        self._notes = batch.notes
        self.work.message.hide()  # the title below says it
        self._list()
        for image_id in self.batch.cards:
            self._look(image_id)
        segmenter = self._workbench.segmenter
        if self.propose.isChecked() and not segmenter.running:
            picks = [pick.image_id for pick in batch.picks]
            segmenter.segment([*picks, *batch.validate])

    def _list(self) -> None:
        rows = wanted(self._workbench.pool.rows)
        self._workbench.thumbnails.want([found.id for found in rows])
        before = set(self.batch.cards)
        self.batch.put([entry(found) for found in rows])
        self.batch.mark(self._workbench.pool.current)
        for found in rows:
            if found.id not in before:
                self._look(found.id)
        done = sum(found.annotation == "accepted" for found in rows)
        words = f"Round {rows[0].round}: {done} of {count(len(rows), 'image')} done" if rows else ""
        self.title.setText(words)
        self._enable()

    def _row_changed(self, image_id: str) -> None:
        if image_id in self.batch.cards:
            self._list()
        self._enable()

    def _look(self, image_id: str) -> None:
        """Have it shown where the model that suggests is unsure."""
        shown = while_alive(self, partial(self._heatmap, image_id))
        self._suggester.read_map(image_id, shown)

    def _heatmap(self, image_id: str, small: NDArray[np.float32] | None) -> None:
        if small is None:
            self._without.add(image_id)
            self._predicted(image_id)
        else:
            self._without.discard(image_id)
            self.batch.put_heatmap(image_id, small)

    def _predicted(self, image_id: str) -> None:
        """Show where the model that segments is unsure, if the other one has left no map."""
        desk, model = self._workbench.desk, self._workbench.segmenter.model
        if desk.project is None or model is None or image_id not in self._without:
            return
        read = partial(_read_small, desk.project, model, image_id)
        shown = while_alive(self, partial(self._instead, image_id))
        desk.background.do(read, shown, partial(desk.fail, "suggestion"))

    def _instead(self, image_id: str, small: NDArray[np.float32] | None) -> None:
        if small is not None and image_id in self._without:
            self.batch.put_heatmap(image_id, small)

    def _forget_notes(self, _: object = None) -> None:
        self._notes = ()
        self._enable()

    def _enable(self) -> None:
        rows = self._workbench.pool.rows
        accepted = sum(found.annotation == "accepted" for found in rows)
        self.start.setEnabled(not self._suggester.running and bool(rows))
        self.explained.setText(
            " ".join(self._notes)
            or explained(accepted, self.glands.isChecked(), self.strategy.currentData())
        )
        self.glands.setVisible(accepted < COLD_BELOW)


def wanted(rows: Any) -> list[Any]:
    """List the rows of the last round: those to annotate by rank, then those to check with."""
    last = max((found.round or 0 for found in rows), default=0)
    asked = [found for found in rows if last and found.round == last and found.asked_for]
    return sorted(
        asked, key=lambda found: (found.asked_for == "validate", found.rank or 0, found.name)
    )


def entry(found: Any) -> Entry:
    """Write what a card shows of a row."""
    page = "" if found.page is None else f" · page {found.page + 1}"
    checking = found.asked_for == "validate"
    place = "Check · " if checking else f"{found.rank} · " if found.rank else ""
    lines = [STATES[found.annotation]]
    if found.uncertainty is not None:
        lines.append(f"uncertainty {found.uncertainty:.3f}")
    if found.trained_on:
        lines.append("model learned on it")
    why = "To check the model with: it never learns from this one." if checking else found.why
    return Entry(found.id, f"{place}{found.name}{page}", "\n".join(lines), why)


def _read_small(project: Any, model: str, image_id: str) -> NDArray[np.float32] | None:
    stored = project.read_prediction(model, image_id)
    return None if stored is None else shrink(stored.uncertainty, SIDE)
