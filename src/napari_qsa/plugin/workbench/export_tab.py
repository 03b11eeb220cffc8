"""The tab that writes masks, maps and tables into a folder."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QPushButton, QWidget

from napari_qsa.plugin.workbench.room import room_of
from napari_qsa.plugin.workbench.tab_parts import Work, column, follow_object, heading, row, text
from napari_qsa.session.state import State

SETS = {
    "this": "This image",
    "selection": "Selected images ({selection})",
    "accepted": "All accepted annotations ({accepted})",
    "segmented": "All the model has segmented",
}
FORMATS = {
    "tiff16": "TIFF, 16 bit (65,535 glands)",
    "tiff32": "TIFF, 32 bit",
    "png": "PNG (65,535 glands)",
    "bmp": "BMP as in GlaS (255 glands)",
}


class ExportTab(QWidget):
    """Exports what was annotated or segmented.

    Parameters
    ----------
    workbench
        The session's object.
    viewer
        Whose docks know the selected images.
    """

    def __init__(self, workbench: Any, viewer: Any) -> None:
        super().__init__()
        self._workbench = workbench
        self._room = room_of(viewer)
        self._exporter = workbench.exporter
        self._build()
        pool = workbench.pool
        follow_object(
            self,
            [
                (workbench.desk.project_changed, self._project_changed),
                (pool.rows_changed, self._rows_changed),
                (pool.row_changed, self._enable),
                (pool.current_changed, self._enable),
                (self._room.selection_changed, self._enable),
            ],
        )
        self._project_changed()

    # -- what it looks like

    def _build(self) -> None:
        self.what, self.format = QComboBox(), QComboBox()
        for box, choices in ((self.what, SETS), (self.format, FORMATS)):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            for key, words in choices.items():
                box.addItem(words, key)
        self.format.setToolTip("Each pixel holds the number of its gland, 0 outside.")
        self.uncertainty = QCheckBox("Uncertainty maps (TIFF)")
        self.table = QCheckBox("Table of glands (CSV)")
        self.table.setToolTip("A row for each gland: area in µm², eccentricity, mean uncertainty.")
        self.table.setChecked(True)
        self.region = QCheckBox("What was reviewed (TIFF)")
        self.region.setToolTip("0 not reviewed, 1 reviewed, 2 don't know.")
        self.volumes = QCheckBox("Label volumes (NIfTI)")
        self.volumes.setToolTip("For each volume, the labels of its slices put together.")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Choose a folder")
        self.choose = QPushButton("Choose…")
        self.start = QPushButton("Export")
        self.look = QPushButton("Open the folder")
        self.work = Work(self._exporter, self._workbench.desk.failed, ("export",), self._enable)
        layout = column(self)
        layout.addWidget(heading("Export"))
        layout.addWidget(self.what)
        layout.addWidget(text("Masks as"))
        layout.addWidget(self.format)
        layout.addWidget(text("And besides"))
        for choice in (self.table, self.uncertainty, self.region, self.volumes):
            layout.addWidget(choice)
        layout.addWidget(heading("Into the folder"))
        layout.addLayout(row(self.folder, self.choose, stretch=0))
        layout.addWidget(self.start)
        layout.addWidget(self.work)
        layout.addWidget(self.look)
        layout.addStretch(1)
        self.what.currentIndexChanged.connect(self._enable)
        self.folder.textChanged.connect(self._enable)
        self.choose.clicked.connect(self._choose)
        self.start.clicked.connect(self._start)
        self.look.clicked.connect(self._open)

    # -- what the user does

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Choose a folder to export into", self.folder.text()
        )
        if folder:
            self.folder.setText(folder)

    def _start(self) -> None:
        what = self.what.currentData()
        current = self._workbench.pool.current
        ids = {"this": (current,), "selection": self._room.selection}.get(what, ())
        self._exporter.export(
            what,
            Path(self.folder.text()),
            self.format.currentData(),
            uncertainty=self.uncertainty.isChecked(),
            table=self.table.isChecked(),
            region=self.region.isChecked(),
            ids=ids,
            volumes=self.volumes.isChecked() and self._exporter.has_volumes,
        )

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self.folder.text()))

    # -- what the session shows

    def _project_changed(self) -> None:
        project = self._workbench.desk.project
        if project is not None:
            # Not made before something is exported into it.
            self.folder.setText(str(project.folder.with_name(f"{project.folder.stem} export")))
        self._rows_changed()

    def _rows_changed(self) -> None:
        self.volumes.setVisible(self._exporter.has_volumes)
        self._enable()

    def _enable(self, _: object = None) -> None:
        rows = self._workbench.pool.rows
        accepted = sum(found.annotation == "accepted" for found in rows)
        selected = len(self._room.selection)
        for index, words in enumerate(SETS.values()):
            self.what.setItemText(index, words.format(selection=selected, accepted=accepted))
        there = {
            "this": self._workbench.pool.current is not None,
            "selection": bool(selected),
            "accepted": bool(accepted),
            "segmented": bool(rows),
        }[self.what.currentData()]
        idle = not self._exporter.running
        self.start.setEnabled(idle and there and bool(self.folder.text().strip()))
        self.look.setVisible(self._exporter.status.state is State.DONE)
