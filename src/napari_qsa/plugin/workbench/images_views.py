"""The two views of the Images dock, and which rows of them are seen."""

from typing import Any

from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QListView, QTableView, QWidget

from napari_qsa.plugin.workbench.images_delegate import (
    FILM,
    ROW_THUMB,
    FilmDelegate,
    TableDelegate,
)

WIDTHS = (176, 88, 78, 48, 92, 60, 110)
"""Of the table's columns at first (px); all of them fit beside the other docks."""


def visible_rows(view: Any, rows: int) -> tuple[int, int]:
    """Return the first and the last row that a view shows; (0, -1) for none."""
    area = view.viewport().rect()
    if not rows or area.isEmpty():
        return 0, -1
    if isinstance(view, QTableView):
        first = max(0, view.rowAt(0))
        last = view.rowAt(area.bottom())
        return first, rows - 1 if last < 0 else last
    first_index = view.indexAt(QPoint(FILM.width() // 2, FILM.height() // 2))
    last_index = view.indexAt(QPoint(area.right() - 2, area.bottom() // 2))
    first = max(0, first_index.row())
    across = area.width() // FILM.width() + 2
    down = area.height() // FILM.height() + 2 if view.isWrapping() else 1
    most = first + across * down
    last = last_index.row() if last_index.isValid() and down == 1 else most
    return first, min(rows - 1, last)


class Film(QListView):
    """Thumbnails; the current one stays in sight when there is less room for them."""

    def resizeEvent(self, event: Any) -> None:
        """Scroll to the current one, if it was seen before."""
        current = self.currentIndex()
        area = QRect(QPoint(), event.oldSize())
        seen = current.isValid() and area.intersects(self.visualRect(current))
        super().resizeEvent(event)
        if seen:
            self.scrollTo(current)


def film_view(parent: QWidget) -> QListView:
    """Make a view of thumbnails in a row, or in rows where there is room for two."""
    film = Film(parent)
    film.setViewMode(QListView.ViewMode.IconMode)
    film.setFlow(QListView.Flow.LeftToRight)
    film.setWrapping(False)
    film.setMovement(QListView.Movement.Static)
    film.setResizeMode(QListView.ResizeMode.Adjust)
    film.setUniformItemSizes(True)
    film.setLayoutMode(QListView.LayoutMode.SinglePass)
    film.setGridSize(FILM)
    film.setItemDelegate(FilmDelegate(film))
    film.setMinimumHeight(FILM.height() + 18)
    _common(film)
    return film


def table_view(parent: QWidget) -> QTableView:
    """Make a table with a row for each image."""
    table = QTableView(parent)
    table.setItemDelegate(TableDelegate(table))
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_THUMB + 6)
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header = table.horizontalHeader()
    header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    header.setSortIndicatorClearable(True)
    header.setSectionsClickable(True)
    header.setSortIndicatorShown(True)
    header.setStretchLastSection(True)
    _common(table)
    return table


def _common(view: QAbstractItemView) -> None:
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setDragEnabled(False)
    view.setMouseTracking(False)
