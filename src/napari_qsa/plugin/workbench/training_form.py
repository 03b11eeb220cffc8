"""What a user sets before a training: the time, and under Advanced the rest."""

from dataclasses import replace
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QSpinBox, QWidget

from napari_qsa.plugin.workbench import preferences
from napari_qsa.plugin.workbench.tab_parts import MARGIN, Section, column, counter, row
from napari_qsa.session.trainer import ProjectTrainingOptions

MOST_MINUTES = 24 * 60
MOST_NETWORKS = 10
MOST_ITERATIONS = 100_000
WEIGHTS = {"inq4": "4 bits", "inq5": "5 bits", "inq7": "7 bits", "float": "32 bits"}
ACTIVATIONS = {"u8": "8 bits", "float": "32 bits"}


class TrainingForm(QWidget):
    """The options of a training.

    Attributes
    ----------
    base : ProjectTrainingOptions
        What it has no widgets for, such as the seed, is taken from here.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        usual = self.base = ProjectTrainingOptions()
        self.minutes = counter(1, MOST_MINUTES, preferences.get("train", "minutes"), "minute")
        self.minutes.setToolTip("How long the training takes, all in all.")
        self.keep_running = QCheckBox("Go on when napari is closed")
        self.keep_running.setToolTip("What it finds is offered when the project is opened again.")
        self.keep_running.setChecked(usual.keep_running)
        self.members = _spin(1, MOST_NETWORKS, preferences.get("train", "members"))
        self.members.setToolTip("How many networks a model has: where they disagree it is unsure.")
        self.weights = _choice(WEIGHTS, usual.weights)
        self.weights.setToolTip("Fewer bits make a smaller file.")
        self.activations = _choice(ACTIVATIONS, usual.activations)
        self.activations.setToolTip("With 8 bits the models run on small computers.")
        self.iterations = _spin(0, MOST_ITERATIONS, usual.iterations or 0)
        self.iterations.setSpecialValueText("by the time")
        self.iterations.setToolTip(
            "Steps of each network, instead of a time: gives the same result on any computer."
        )
        self.from_scratch = QCheckBox("Start anew")
        self.from_scratch.setToolTip("Otherwise the training starts from the model in use.")
        advanced = QWidget()
        inner = QFormLayout(advanced)
        inner.setContentsMargins(MARGIN, 0, 0, 0)
        inner.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, widget in (
            ("Networks", self.members),
            ("Weights", self.weights),
            ("Activations", self.activations),
            ("Iterations", self.iterations),
        ):
            inner.addRow(title, widget)
        inner.addRow(self.from_scratch)
        self.advanced = Section("Advanced", advanced)
        layout = column(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(QLabel("Time"), self.minutes, stretch=1))
        layout.addWidget(self.keep_running)
        layout.addWidget(self.advanced)
        self._listen()

    def options(self) -> ProjectTrainingOptions:
        """Return the options as they are set."""
        return replace(
            self.base,
            minutes=float(self.minutes.value()),
            iterations=self.iterations.value() or None,
            members=self.members.value(),
            weights=self.weights.currentData(),
            activations=self.activations.currentData(),
            from_scratch=self.from_scratch.isChecked(),
            keep_running=self.keep_running.isChecked(),
        )

    def _listen(self) -> None:
        for spin in (self.minutes, self.members, self.iterations):
            spin.valueChanged.connect(self._tell)
        for choice in (self.weights, self.activations):
            choice.currentIndexChanged.connect(self._tell)
        self.from_scratch.toggled.connect(self._tell)

    def _tell(self, _: Any = None) -> None:
        self.minutes.setEnabled(self.iterations.value() == 0)
        self.changed.emit()


def _spin(low: int, high: int, value: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    return box


def _choice(words: dict[str, str], value: str) -> QComboBox:
    box = QComboBox()
    for key, word in words.items():
        box.addItem(word, key)
    box.setCurrentIndex(box.findData(value))
    return box
