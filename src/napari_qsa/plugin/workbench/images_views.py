"""The two views of the Images dock, and which rows of them are seen."""

from typing import Any

from qtpy.QtCore import QPoint, QRect, QSize, Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QListView, QTableView, QWidget

from napari_qsa.plugin.workbench.images_delegate import (
    FILM,
    LEAST_THUMB,
    ROW_THUMB,
    THUMB,
    FilmDelegate,
    TableDelegate,
    film_size,
)

WIDTHS = (176, 88, 78, 48, 92, 60, 110)
"""Of the table's columns at first (px); all of them fit beside the other docks."""


SCROLL_BAR = 18
"""Kept for the one below the thumbnails, so that they do not grow when it goes."""


def visible_rows(view: Any, rows: int) -> tuple[int, int]:
    """Return the first and the last row that a view shows; (0, -1) for none."""
    area = view.viewport().rect()
    if not rows or area.isEmpty():
        return 0, -1
    if isinstance(view, QTableView):
        first = max(0, view.rowAt(0))
        last = view.rowAt(area.bottom())
        return first, rows - 1 if last < 0 else last
    one = view.gridSize()
    first_index = view.indexAt(QPoint(one.width() // 2, one.height() // 2))
    last_index = view.indexAt(QPoint(area.right() - 2, area.bottom() // 2))
    first = max(0, first_index.row())
    across = area.width() // one.width() + 2
    down = area.height() // one.height() + 2 if view.isWrapping() else 1
    most = first + across * down
    last = last_index.row() if last_index.isValid() and down == 1 else most
    return first, min(rows - 1, last)


class Film(QListView):
    """Thumbnails, smaller where there is little room; the current one stays in sight."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._films = FilmDelegate(self)
        self.setItemDelegate(self._films)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_current)
        self.setGridSize(FILM)

    def minimumSizeHint(self) -> QSize:
        """Be as low as the smallest thumbnails."""
        return QSize(film_size(LEAST_THUMB).width(), film_size(LEAST_THUMB).height() + SCROLL_BAR)

    def resizeEvent(self, event: Any) -> None:
        """Fit the thumbnails in, and scroll to the current one, if it was seen before."""
        current = self.currentIndex()
        area = QRect(QPoint(), event.oldSize())
        seen = current.isValid() and area.intersects(self.visualRect(current))
        super().resizeEvent(event)
        self.fit()
        if seen:
            self._later.start(0)  # where it is then is known once all is laid out

    def fit(self) -> None:
        """Make the thumbnails as large as there is room, up to `THUMB`."""
        room = self.height() - SCROLL_BAR - (FILM.height() - THUMB)
        thumb = THUMB if self.isWrapping() else min(max(room, LEAST_THUMB), THUMB)
        if thumb != self._films.thumb:
            self._films.thumb = thumb
            self.setGridSize(film_size(thumb))

    def _show_current(self) -> None:
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())


def film_view(parent: QWidget) -> Film:
    """Make a view of thumbnails in a row, or in rows where there is room for two."""
    film = Film(parent)
    film.setViewMode(QListView.ViewMode.IconMode)
    film.setFlow(QListView.Flow.LeftToRight)
    film.setWrapping(False)
    film.setMovement(QListView.Movement.Static)
    film.setResizeMode(QListView.ResizeMode.Adjust)
    film.setUniformItemSizes(True)
    film.setLayoutMode(QListView.LayoutMode.SinglePass)
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
