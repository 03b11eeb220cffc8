"""The Images dock: the project's images as a filmstrip or a table."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.plugin.workbench import preferences, projects
from napari_qsa.plugin.workbench.images_delegate import (
    FILM,
    ROW_THUMB,
    FilmDelegate,
    TableDelegate,
)
from napari_qsa.plugin.workbench.images_model import FILTERS, ROLE, ROW, ImagesModel
from napari_qsa.plugin.workbench.places import Docked
from napari_qsa.plugin.workbench.tab_parts import count, follow_object

if TYPE_CHECKING:
    from napari_qsa.plugin.workbench.room import Room

NAME = "Images"
SETTLE_MS = 40
"""How long scrolling rests before thumbnails are asked for."""
AHEAD = 12
"""Images beyond the visible ones whose thumbnails are made too."""
WIDTHS = (230, 90, 80, 60, 90, 70, 120)
NOTHING = "No project is open: the QSA dock makes or opens one."


class ImagesDock(Docked):
    """Find, choose and open images, and say which role they have."""

    def __init__(self, room: "Room") -> None:
        super().__init__("images", QSize(900, FILM.height() + 56))
        self._room = room
        self._workbench = room.workbench
        self._pool = room.workbench.pool
        self.model = ImagesModel(self._pool, room.workbench.thumbnails, self)
        self.chosen = QItemSelectionModel(self.model, self)
        self._kept: tuple[str, ...] = ()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._want_thumbnails)
        self._build()
        self._connect()
        self.show_view(preferences.get("images", "view"))
        self._tell_count()

    # -- what it looks like

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find by name")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(220)
        self.kept = QComboBox()
        self.kept.addItems(list(FILTERS))
        self.kept.setToolTip("Which images are shown.")
        self.counted = QLabel()
        self.counted.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.film_button, self.table_button = QToolButton(), QToolButton()
        for button, text in ((self.film_button, "Filmstrip"), (self.table_button, "Table")):
            button.setText(text)
            button.setCheckable(True)
            button.setAutoExclusive(True)
        self.add = QToolButton()
        self.add.setText("Add images…")
        self.add.setToolTip("Refer to the images of another folder too; nothing is copied.")
        bar = QHBoxLayout()
        bar.addWidget(self.search)
        bar.addWidget(self.kept)
        bar.addWidget(self.counted, 1)
        for button in (self.film_button, self.table_button, self.add):
            bar.addWidget(button)
        self.film, self.table = _film(self), _table(self)
        self.views = QStackedWidget()
        self.empty = QLabel(NOTHING)
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for page in (self.film, self.table, self.empty):
            self.views.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addWidget(self.views, 1)

    def _connect(self) -> None:
        for view in (self.film, self.table):
            view.setModel(self.model)
            view.setSelectionModel(self.chosen)
            view.doubleClicked.connect(self._open)
            view.customContextMenuRequested.connect(partial(self._menu, view))
            for bar in (view.verticalScrollBar(), view.horizontalScrollBar()):
                bar.valueChanged.connect(self._later)
        for column, width in enumerate(WIDTHS):
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self.model.sort)
        self.chosen.selectionChanged.connect(self._selected)
        self.model.modelAboutToBeReset.connect(self._keep_selection)
        self.model.modelReset.connect(self._put_selection)
        self.search.textChanged.connect(self._filter)
        self.kept.currentTextChanged.connect(self._filter)
        self.film_button.clicked.connect(partial(self.show_view, "filmstrip"))
        self.table_button.clicked.connect(partial(self.show_view, "table"))
        self.add.clicked.connect(lambda: projects.add_images(self, self._workbench))
        follow_object(
            self,
            [
                (self._pool.rows_changed, self._tell_count),
                (self._pool.row_changed, self._tell_count),
                (self._pool.current_changed, self._show_current),
                (self._workbench.desk.project_changed, self._tell_count),
            ],
        )

    def show_view(self, name: str, _: object = None) -> None:
        """Show the ``"filmstrip"`` or the ``"table"``."""
        film = name == "filmstrip"
        (self.film_button if film else self.table_button).setChecked(True)
        self._tell_count()
        if (current := self.model.place_of(self._pool.current)).isValid():
            self.view.scrollTo(current)
        self._later()

    @property
    def view(self) -> QAbstractItemView:
        """The view that is chosen."""
        return self.film if self.film_button.isChecked() else self.table

    def selected(self) -> tuple[str, ...]:
        """Return the chosen images in the order shown."""
        places = sorted({index.row() for index in self.chosen.selectedIndexes()})
        return tuple(self.model.id_at(self.model.index(place, 0)) for place in places)

    def resizeEvent(self, event: Any) -> None:
        """Lay the filmstrip out in rows where there is room for two."""
        super().resizeEvent(event)
        self.film.setWrapping(self.views.height() >= 2 * FILM.height())
        self._later()

    def showEvent(self, event: Any) -> None:
        """Have thumbnails made of what is visible now."""
        super().showEvent(event)
        self._later()

    # -- what the user does

    def keyPressEvent(self, event: Any) -> None:
        """Open the image with the return key, as a double click does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.chosen.currentIndex())
        else:
            super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self._pool.open(self.model.id_at(index))

    def _filter(self, _: object = None) -> None:
        self.model.show_only(self.search.text(), self.kept.currentText())
        self._tell_count()
        self._later()

    def _selected(self, *_: object) -> None:
        self._room.select(self.selected())

    def _keep_selection(self) -> None:
        self._kept = self.selected()

    def _put_selection(self) -> None:
        flags = QItemSelectionModel.SelectionFlag
        for image_id in self._kept:
            index = self.model.place_of(image_id)
            if index.isValid():
                self.chosen.select(index, flags.Select | flags.Rows)
        self._selected()
        self._later()

    # -- the menu of an image

    def _menu(self, view: QAbstractItemView, place: QPoint) -> None:
        menu = self.menu_for(view.indexAt(place))
        if menu is not None:
            menu.popup(view.viewport().mapToGlobal(place))

    def menu_for(self, index: QModelIndex) -> QMenu | None:
        """Make the menu for the chosen images, of which `index` is one."""
        if not index.isValid():
            return None
        row, ids = index.data(ROW), self.selected()
        project = self._workbench.desk.project
        may_change = project is not None and not project.read_only
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open", partial(self._pool.open, row.id))
        roles = menu.addMenu(f"Role of {count(len(ids), 'image')}")
        roles.setEnabled(may_change)
        for role in ("train", "validation", "excluded"):
            action = roles.addAction(ROLE[role].capitalize())
            action.setCheckable(True)
            action.setChecked(row.role == role)
            action.triggered.connect(partial(self._set_role, ids, role))
        if row.presence == "changed":
            changed = menu.addAction(
                "Take the changed file", partial(self._pool.confirm_changed, row.id)
            )
            changed.setEnabled(may_change)
        if row.presence == "missing":
            menu.addAction("Find missing files…", self._relocate).setEnabled(may_change)
        return menu

    def _set_role(self, ids: tuple[str, ...], role: Any, _: bool = False) -> None:
        self._pool.set_role(ids, role)

    def _relocate(self) -> None:
        projects.relocate(self, self._workbench)

    # -- what the session shows

    def _tell_count(self, _: object = None) -> None:
        rows, shown = self._pool.rows, self.model.rowCount()
        project = self._workbench.desk.project
        done = sum(row.annotation == "accepted" for row in rows)
        of = f"{shown:,} of " if shown != len(rows) else ""
        self.counted.setText(f"{of}{count(len(rows), 'image')} · {done:,} accepted" if rows else "")
        self.add.setEnabled(project is not None and not project.read_only)
        if project is None and not rows:
            self.empty.setText(NOTHING)
            self.views.setCurrentWidget(self.empty)
        elif not shown:
            self.empty.setText("No image is like that." if rows else "No images yet.")
            self.views.setCurrentWidget(self.empty)
        else:
            self.views.setCurrentWidget(self.view)

    def _show_current(self, image_id: str | None) -> None:
        index = self.model.place_of(image_id)
        if index.isValid():
            flags = QItemSelectionModel.SelectionFlag
            self.chosen.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.view.scrollTo(index)

    # -- thumbnails

    def _later(self, _: object = None) -> None:
        self._settle.start()

    def _want_thumbnails(self) -> None:
        first, last = visible_rows(self.view, self.model.rowCount())
        if self.isVisible() and last >= first:
            seen = self.model.ids(first, last)
            ahead = self.model.ids(last + 1, last + AHEAD)
            self._workbench.thumbnails.want([*seen, *ahead])


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


def _film(parent: QWidget) -> QListView:
    film = QListView(parent)
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


def _table(parent: QWidget) -> QTableView:
    table = QTableView(parent)
    table.setItemDelegate(TableDelegate(table))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_THUMB + 4)
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
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setDragEnabled(False)
    view.setMouseTracking(False)
