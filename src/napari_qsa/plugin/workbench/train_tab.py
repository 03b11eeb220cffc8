"""The tab that trains: on what, for how long, how it goes, and whether it was worth it."""

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QComboBox, QPushButton, QWidget

from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.workbench.compare import ComparisonBox
from napari_qsa.plugin.workbench.curves import CurvesPlot, Look
from napari_qsa.plugin.workbench.tab_parts import (
    Work,
    column,
    count,
    follow_object,
    heading,
    row,
    text,
    while_alive,
)
from napari_qsa.plugin.workbench.training_form import TrainingForm
from napari_qsa.project.facts import SLOTS
from napari_qsa.session.trainer import Plan, RunInfo

PLAN_AFTER_MS = 300
"""What will be trained on is read anew so long after the last change."""
NAMED = 3
"""Left-out images that are named; of more only the number is said."""
CHOSEN = ("finished", "adopted")
"""Of a run whose comparison is shown."""
CURVES = {"segmentation": "Model that finds glands", "suggestive": "Model that suggests images"}


class TrainTab(QWidget):
    """Starts and follows trainings, and takes over their models.

    Parameters
    ----------
    workbench
        The session's object.
    viewer
        Whose theme the curves follow.
    """

    def __init__(self, workbench: Any, viewer: Any) -> None:
        super().__init__()
        self._workbench, self._viewer = workbench, unwrap(viewer)
        self._trainer = workbench.trainer
        self._trainable = False
        self._slot_chosen = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PLAN_AFTER_MS)
        self._build()
        follow_object(
            self,
            [
                (workbench.desk.project_changed, self._project_changed),
                (workbench.pool.rows_changed, self._plan_soon),
                (workbench.pool.row_changed, self._plan_soon),
                (self._trainer.curves_changed, self._show_curves),
                (self._trainer.changed, self._show_runs),
                (self._viewer.events.theme, self._follow_theme),
            ],
        )
        self._follow_theme()
        self._project_changed()

    # -- what it looks like

    def _build(self) -> None:
        self.plan = text()
        self.form = TrainingForm()
        self.start = QPushButton("Train")
        self.resume = QPushButton("Resume")
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("Do not ask about this training again; its folder stays.")
        self.work = Work(
            self._trainer, self._workbench.desk.failed, ("training",), self._status_changed
        )
        self.left = text()
        self.slot = QComboBox()
        for slot, words in CURVES.items():
            self.slot.addItem(words, slot)
        self.curves = CurvesPlot()
        self.comparison = ComparisonBox()
        layout = column(self)
        layout.addWidget(heading("Train on what you accepted"))
        layout.addWidget(self.plan)
        layout.addWidget(self.form)
        layout.addLayout(row(self.start, self.resume, self.discard))
        layout.addWidget(self.work)
        for widget in (self.left, self.slot, self.curves, self.comparison):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._soon.timeout.connect(self._read_plan)
        self.form.changed.connect(self._plan_soon)
        self.start.clicked.connect(lambda: self._trainer.start(self.form.options()))
        self.resume.clicked.connect(self._resume)
        self.discard.clicked.connect(self._discard)
        self.slot.activated.connect(self._choose_slot)
        self.comparison.used.connect(self._use)
        self.comparison.kept.connect(self._keep)
        self.comparison.went_back.connect(self._go_back)

    # -- what the user does

    def _choose_slot(self) -> None:
        self._slot_chosen = True
        self._show_curves()

    def _resume(self) -> None:
        if (run := self._stopped()) is not None:
            self._trainer.resume(run.id)

    def _discard(self) -> None:
        if (run := self._stopped()) is not None:
            self._trainer.discard(run.id)

    def _use(self) -> None:
        if (run := self._ended()) is not None:
            self._trainer.adopt(run.id)

    def _keep(self) -> None:
        if (run := self._ended()) is not None:
            self._trainer.discard(run.id)

    def _go_back(self) -> None:
        for slot in SLOTS:
            self._trainer.back(slot)

    # -- what will be trained on

    def showEvent(self, event: Any) -> None:
        """Look what will be trained on; a tab that is not seen reads nothing."""
        super().showEvent(event)
        self._soon.start()

    def _plan_soon(self, _: object = None) -> None:
        if self.isVisible():
            self._soon.start()

    def _read_plan(self) -> None:
        if self._workbench.desk.project is not None:
            self._trainer.plan(while_alive(self, self._show_plan), self.form.options())

    def _show_plan(self, plan: Plan) -> None:
        self._trainable = plan.images > 0
        self.plan.setText(in_words(plan))
        self._enable()

    # -- what the session shows

    def _project_changed(self) -> None:
        self._trainable = self._slot_chosen = False
        self.plan.setText("Looking at what is accepted…")
        self._plan_soon()
        self._show_curves()
        self._show_runs()

    def _show_curves(self) -> None:
        curves = {key: curve for key, curve in self._trainer.curves.items() if curve.iterations}
        there = [slot for slot in CURVES if any(key[0] == slot for key in curves)]
        if there and not self._slot_chosen:
            self.slot.setCurrentIndex(self.slot.findData(there[0]))
        chosen = self.slot.currentData()
        self.curves.put({member: curves[slot, member] for slot, member in curves if slot == chosen})
        self.curves.setVisible(bool(curves))
        self.slot.setVisible(bool(curves))

    def _status_changed(self) -> None:
        left = [run.seconds_left for run in self._trainer.runs() if run.status == "running"]
        self.left.setText(time_left(left[-1]) if left else "")
        self.left.setVisible(bool(self.left.text()))
        self._enable()

    def _show_runs(self) -> None:
        run = self._ended()
        status = "" if run is None else run.status
        found = None if run is None else self._trainer.comparison(run.id)
        project = self._workbench.desk.project
        used = project is not None and any(project.facts.slots.values())
        self.comparison.put(found, status, used and status in CHOSEN)
        self.comparison.setVisible(status in CHOSEN)
        self._status_changed()

    def _ended(self) -> RunInfo | None:
        """Give the newest run, if it has come to its end."""
        return self._newest("finished", "adopted", "discarded")

    def _stopped(self) -> RunInfo | None:
        """Give the newest run, if it was stopped before its end."""
        return self._newest("interrupted", "failed")

    def _newest(self, *statuses: str) -> RunInfo | None:
        runs = self._trainer.runs()
        return runs[-1] if runs and runs[-1].status in statuses else None

    def _enable(self) -> None:
        idle = not self._trainer.running
        stopped = idle and self._stopped() is not None
        self.form.setEnabled(idle)
        self.start.setEnabled(idle and self._trainable)
        self.resume.setVisible(stopped)
        self.discard.setVisible(stopped)

    def _follow_theme(self, _: object = None) -> None:
        theme = get_theme(self._viewer.theme)
        background = QColor(theme.background.as_hex())
        dark = background.lightnessF() < 0.5
        self.curves.restyle(Look(background.name(), QColor(theme.text.as_hex()).name(), dark))


def in_words(plan: Plan) -> str:
    """Say what will be trained on, and what comes of it."""
    if not plan.images:
        words = ["No accepted image to train on yet: annotate one, and accept it."]
    else:
        checking = count(plan.validation, "image")
        words = [
            f"{count(plan.images, 'accepted image')} with {count(plan.glands, 'gland')}; "
            f"{checking if plan.validation else 'no image'} to check the model with.",
            f"Starts from {plan.start}." if plan.start else "Starts anew.",
            f"The new model will take about {size(plan.file_bytes)}.",
        ]
    lines = [" ".join(words), *plan.left_out[:NAMED]]
    if len(plan.left_out) > NAMED:
        lines.append(f"{len(plan.left_out) - NAMED} more are left out.")
    return "\n".join(lines)


def size(number: int) -> str:
    """Write the size of a file."""
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.0f} kB"


def time_left(seconds: float | None) -> str:
    """Say how long it will take, as exactly as anybody can know."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return "Less than a minute left." if minutes < 1 else f"About {count(minutes, 'minute')} left."
