"""The table of the glands in a prediction; a clicked row names its gland."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

VISIBLE_ROWS = 8
UNKNOWN = "–"


@dataclass(frozen=True)
class Column:
    """One column: which fact of a gland, under which title, with how many digits."""

    field: str
    title: str
    digits: int
    help: str


COLUMNS = (
    Column("label", "Gland", 0, "Number of the gland in its layer."),
    Column("area_um2", "Area µm²", 0, "Area on the glass, the lumen included."),
    Column("eccentricity", "Eccentr.", 2, "Eccentricity: 0 is a circle, close to 1 a thin line."),
    Column(
        "mean_uncertainty",
        "Uncertain",
        3,
        "Mean uncertainty over the gland: 0 where the networks agree, 0.5 at most.",
    ),
)


class GlandModel(QAbstractTableModel):
    """The glands of one image as Qt asks for them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._glands: tuple[Any, ...] = ()

    def put(self, glands: Sequence[Any]) -> None:
        """Show other glands."""
        self.beginResetModel()
        self._glands = tuple(glands)
        self.endResetModel()

    def gland(self, row: int) -> Any:
        """Give the gland in a row of this model."""
        return self._glands[row]

    def find(self, label: int) -> int | None:
        """Find the row of a gland."""
        rows = (row for row, gland in enumerate(self._glands) if gland.label == label)
        return next(rows, None)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the glands."""
        return 0 if parent is not None and parent.isValid() else len(self._glands)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count the columns."""
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a number as it is shown, or as it sorts."""
        column = COLUMNS[index.column()]
        value = getattr(self._glands[index.row()], column.field)
        known = value is not None and math.isfinite(value)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{value:,.{column.digits}f}" if known else UNKNOWN
        if role == Qt.ItemDataRole.UserRole:
            return float(value) if known else -1.0
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Give the title of a column."""
        if way != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        return COLUMNS[section].help if role == Qt.ItemDataRole.ToolTipRole else None


class GlandTable(QTableView):
    """The glands of a prediction, sorted by any column."""

    picked = Signal(object)
    """A gland that the user chose, by mouse or by arrow keys."""

    def __init__(self) -> None:
        super().__init__()
        self.glands = GlandModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.glands)
        self.sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(self.sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        row_height = self.verticalHeader().defaultSectionSize()
        self.setMinimumHeight(VISIBLE_ROWS * row_height // 2)
        self.selectionModel().currentRowChanged.connect(self._moved)
        self._quiet = False

    def put(self, glands: Sequence[Any]) -> None:
        """Show other glands; the one that was chosen stays so if it is still there."""
        chosen = self.chosen()
        self.glands.put(glands)
        if chosen is not None:
            self.choose(chosen.label)

    def chosen(self) -> Any | None:
        """Give the gland that is chosen."""
        index = self.sorted.mapToSource(self.currentIndex())
        return self.glands.gland(index.row()) if index.isValid() else None

    def choose(self, label: int) -> None:
        """Choose a gland because it was chosen elsewhere: nothing is told."""
        row = self.glands.find(label)
        self._quiet = True
        try:
            if row is None:
                self.clearSelection()
            else:
                index = self.sorted.mapFromSource(self.glands.index(row, 0))
                self.setCurrentIndex(index)
                self.scrollTo(index)
        finally:
            self._quiet = False

    def _moved(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid() and not self._quiet:
            self.picked.emit(self.glands.gland(self.sorted.mapToSource(now).row()))

    def mousePressEvent(self, event: Any) -> None:
        """Tell of a click on the row that is current already, too."""
        before = self.currentIndex().row()
        super().mousePressEvent(event)
        index = self.indexAt(event.pos())
        if index.isValid() and index.row() == before:
            self._moved(index, index)
