"""The images of a project as Qt asks for them: all from memory, whatever their number."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QFont, QImage, QPixmap

from napari_qsa.plugin.workbench.images_words import (
    FILTERS,
    HELP,
    TITLES,
    Column,
    key_of,
    text_of,
    tip_of,
)
from napari_qsa.plugin.workbench.tab_parts import follow_object

if TYPE_CHECKING:
    from napari_qsa.session.pool import Pool, Row
    from napari_qsa.session.thumbnails import Thumbnails

ROW = Qt.ItemDataRole.UserRole
"""The role under which an index gives its whole `Row`."""
CURRENT = Qt.ItemDataRole.UserRole + 1
"""The role that tells whether the image is the one that is open."""
MOST_PIXMAPS = 512


class ImagesModel(QAbstractTableModel):
    """The rows of a pool, filtered and sorted; nothing here touches the disk.

    Parameters
    ----------
    pool, thumbnails
        Of the workbench.
    """

    def __init__(
        self, pool: "Pool", thumbnails: "Thumbnails", parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._pool, self._thumbnails = pool, thumbnails
        self._rows: list[Row] = []
        self._places: dict[str, int] = {}
        self._pixmaps: dict[str, QPixmap] = {}
        self._words = ""
        self._filter = "All images"
        self._order: tuple[int, bool] | None = None
        self._current: str | None = pool.current
        self._bold = QFont()
        self._bold.setBold(True)
        follow_object(
            self,
            [
                (pool.rows_changed, self.refresh),
                (pool.row_changed, self._row_changed),
                (pool.current_changed, self._current_changed),
                (thumbnails.ready, self._thumbnail_ready),
            ],
        )
        self.refresh()

    # -- which images, in which order

    def refresh(self) -> None:
        """Take the pool's rows anew."""
        rows = self._wanted()
        same = [row.id for row in rows] == [row.id for row in self._rows]
        if not same:
            self.beginResetModel()
        self._rows = rows
        self._places = {row.id: place for place, row in enumerate(rows)}
        if not same:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(Column) - 1))

    def show_only(self, words: str, kept: str) -> None:
        """Show the images whose names hold all `words`, of one of the `FILTERS`."""
        self._words, self._filter = words, kept
        self.refresh()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, what is not known last; a column of -1 is the pool's own order."""
        self._order = None if column < 0 else (column, order == Qt.SortOrder.DescendingOrder)
        self.refresh()

    def _wanted(self) -> "list[Row]":
        keep, words = FILTERS[self._filter], self._words.casefold().split()
        rows = [
            row
            for row in self._pool.rows
            if keep(row) and all(word in row.name.casefold() for word in words)
        ]
        if self._order is not None:
            column, falling = self._order
            known = [row for row in rows if key_of(row, column) is not None]
            known.sort(key=lambda row: key_of(row, column), reverse=falling)
            rows = known + [row for row in rows if key_of(row, column) is None]
        return rows

    # -- from images to places and back

    def id_at(self, index: QModelIndex) -> str:
        """Return the image of an index."""
        return self._rows[index.row()].id

    def ids(self, first: int, last: int) -> list[str]:
        """Return the images in the rows from `first` to `last`, both included."""
        return [row.id for row in self._rows[max(0, first) : last + 1]]

    def place_of(self, image_id: str | None) -> QModelIndex:
        """Return an image's index in the first column; an invalid one if it is not shown."""
        place = self._places.get(image_id) if image_id is not None else None
        return QModelIndex() if place is None else self.index(place, 0)

    # -- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the images that are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Name a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return HELP[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give what one cell shows."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return text_of(row, column)
        if role == ROW:
            return row
        if role == CURRENT:
            return row.id == self._current
        if role == Qt.ItemDataRole.DecorationRole and column == Column.IMAGE:
            return self._pixmap(row.id)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip_of(row)
        if role == Qt.ItemDataRole.FontRole and row.id == self._current:
            return self._bold
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return None

    # -- what changes

    def _row_changed(self, image_id: str) -> None:
        """Show an image's new state where it is: nothing jumps under the mouse."""
        place = self._places.get(image_id)
        if place is not None:
            self._rows[place] = self._pool.row(image_id)
            self._repaint(place)

    def _current_changed(self, image_id: str | None) -> None:
        before, self._current = self._current, image_id
        for each in (before, image_id):
            if each in self._places:
                self._repaint(self._places[each])

    def _thumbnail_ready(self, image_id: str) -> None:
        self._pixmaps.pop(image_id, None)
        if image_id in self._places:
            self._repaint(self._places[image_id])

    def _repaint(self, place: int) -> None:
        self.dataChanged.emit(self.index(place, 0), self.index(place, len(Column) - 1))

    def _pixmap(self, image_id: str) -> QPixmap | None:
        pixmap = self._pixmaps.pop(image_id, None)
        if pixmap is None:
            pixels = self._thumbnails.get(image_id)
            if pixels is None:
                return None
            height, width = pixels.shape[:2]
            image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            pixmap = QPixmap.fromImage(image)
        self._pixmaps[image_id] = pixmap  # the last one is the one used last
        while len(self._pixmaps) > MOST_PIXMAPS:
            del self._pixmaps[next(iter(self._pixmaps))]
        return pixmap


def _alignment(column: int) -> Qt.AlignmentFlag:
    numbers = (Column.RANK, Column.UNCERTAINTY, Column.GLANDS)
    side = Qt.AlignmentFlag.AlignRight if column in numbers else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
