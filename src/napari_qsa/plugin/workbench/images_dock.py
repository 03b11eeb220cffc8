"""The Images dock: the project's images as a filmstrip or a table."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from napari_qsa.plugin.workbench import preferences, projects
from napari_qsa.plugin.workbench.images_delegate import FILM
from napari_qsa.plugin.workbench.images_model import ROW, ImagesModel
from napari_qsa.plugin.workbench.images_views import WIDTHS, film_view, table_view, visible_rows
from napari_qsa.plugin.workbench.images_words import FILTERS, ROLE
from napari_qsa.plugin.workbench.places import Docked
from napari_qsa.plugin.workbench.project_bar import ElidedLabel
from napari_qsa.plugin.workbench.small_screen import is_low
from napari_qsa.plugin.workbench.tab_parts import count, follow_object

if TYPE_CHECKING:
    from napari_qsa.plugin.workbench.room import Room

NAME = "Images"
SETTLE_MS = 40
"""How long scrolling rests before thumbnails are asked for."""
AHEAD = 12
"""Images beyond the visible ones whose thumbnails are made too."""
USUAL = "All images"
"""The choice that is seen as a whole wherever there is little room."""
ARROW_WIDTH, LISTED_WIDTH = 54, 170
NOTHING = "No project is open: the QSA dock makes or opens one."


class ImagesDock(Docked):
    """Find, choose and open images, and say which role they have."""

    def __init__(self, room: "Room") -> None:
        height = 1 if is_low(QApplication.primaryScreen()) else FILM.height() + 56
        super().__init__("images", QSize(900, height))
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
        self.search.setMinimumWidth(44)
        self.search.setMaximumWidth(220)
        self.kept = QComboBox()
        self.kept.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.kept.setMinimumContentsLength(8)
        self.kept.setMinimumWidth(self.fontMetrics().horizontalAdvance(USUAL) + ARROW_WIDTH)
        self.kept.view().setMinimumWidth(LISTED_WIDTH)
        self.kept.addItems(list(FILTERS))
        self.kept.setToolTip("Which images are shown.")
        self.counted = ElidedLabel()
        self.table_button = QPushButton("Table")
        self.table_button.setCheckable(True)
        self.table_button.setToolTip("Show a table instead of the filmstrip.")
        self.add = QPushButton("Add…")
        self.add.setToolTip("Refer to the images of another folder too; nothing is copied.")
        bar = QHBoxLayout()
        bar.addWidget(self.search)
        bar.addWidget(self.kept)
        bar.addWidget(self.counted, 1)
        bar.addWidget(self.table_button)
        bar.addWidget(self.add)
        self.film, self.table = film_view(self), table_view(self)
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
        self.table_button.toggled.connect(self._view_changed)
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

    def show_view(self, name: str) -> None:
        """Show the ``"filmstrip"`` or the ``"table"``."""
        self.table_button.setChecked(name == "table")

    def _view_changed(self, _: bool) -> None:
        self._tell_count()
        if (current := self.model.place_of(self._pool.current)).isValid():
            self.view.scrollTo(current)
        self._later()

    @property
    def view(self) -> QAbstractItemView:
        """The view that is chosen."""
        return self.table if self.table_button.isChecked() else self.film

    def selected(self) -> tuple[str, ...]:
        """Return the chosen images in the order shown."""
        places = sorted({index.row() for index in self.chosen.selectedIndexes()})
        return tuple(self.model.id_at(self.model.index(place, 0)) for place in places)

    def resizeEvent(self, event: Any) -> None:
        """Lay the filmstrip out in rows where there is room for two."""
        super().resizeEvent(event)
        self.film.setWrapping(self.views.height() >= 2 * FILM.height())
        self.film.fit()
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
        words = f"{of}{count(len(rows), 'image')} · {done:,} accepted" if rows else ""
        self.counted.put(words, "")
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
