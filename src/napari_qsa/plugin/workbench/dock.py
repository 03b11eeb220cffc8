"""The QSA dock: the way into a project, and then the tabs for each kind of work in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QApplication, QMainWindow, QPushButton, QStackedWidget, QVBoxLayout

from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.workbench import projects
from napari_qsa.plugin.workbench.drops import Drops, dropped_folder
from napari_qsa.plugin.workbench.first_page import FirstPage
from napari_qsa.plugin.workbench.images_dock import NAME, ImagesDock
from napari_qsa.plugin.workbench.pixel_size import ProjectAsker
from napari_qsa.plugin.workbench.places import Docked
from napari_qsa.plugin.workbench.preferences import PLUGIN
from napari_qsa.plugin.workbench.problems import Problems
from napari_qsa.plugin.workbench.project_bar import ProjectBar
from napari_qsa.plugin.workbench.room import room_of
from napari_qsa.plugin.workbench.small_screen import SmallScreen, is_narrow
from napari_qsa.plugin.workbench.tab_parts import follow_object
from napari_qsa.plugin.workbench.tabs import Tabs

if TYPE_CHECKING:
    import napari.viewer

WIDTH = 340
"""The dock needs no more, at a scale of 100 %."""


class WorkbenchDock(Docked):
    """The right dock; it brings the Images dock with it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        self._width = 1 if is_narrow(QApplication.primaryScreen()) else WIDTH
        super().__init__("qsa", QSize(self._width, 600))
        self.viewer = unwrap(napari_viewer)
        self.room = room_of(self.viewer)
        self.workbench = self.room.workbench
        self.bar = ProjectBar(self.workbench)
        self.images_button = QPushButton("Images")
        self.images_button.setToolTip("Show or hide the Images dock.")
        self.images_button.clicked.connect(self._toggle_images)
        self.first = FirstPage(self.viewer, self.workbench, self.workbench.desk.post)
        self.tabs = Tabs(self.workbench, self.viewer)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.first)
        self.pages.addWidget(self.tabs)
        self.problems = Problems(self.room)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.problems)
        self.bar.buttons.addWidget(self.images_button)
        self.setAcceptDrops(True)
        self.first.quick.options.clicked.connect(self._open_segment_dock)
        self._asker = ProjectAsker(self, self.workbench)
        self._drops = Drops(self, self.take)
        follow_object(
            self,
            [
                (self.workbench.desk.project_changed, self._show_page),
                (self.room.details_wanted, self._come_forward),
            ],
        )
        self._show_page()

    def sizeHint(self) -> QSize:
        """Be as wide as the tabs need, and no wider."""
        return QSize(self._width, 600)

    def arrived(self, window: QMainWindow) -> None:
        """Bring the Images dock, and follow the window to its end."""
        self.room.follow(self)
        self._drops.watch(window)
        SmallScreen(self)
        self.show_images()

    def show_images(self) -> None:
        """Show the Images dock; it is made if it is not there."""
        window = self.viewer.window
        if NAME in window.dock_widgets:
            window.dock_widgets[NAME].parentWidget().show()
        else:
            window.add_dock_widget(ImagesDock(self.room), name=NAME, area="bottom")

    def take(self, folder: Path) -> None:
        """Open a project or a folder of images that was dropped."""
        projects.open_path(self, self.workbench, folder)

    def dragEnterEvent(self, event: Any) -> None:
        """Accept one folder."""
        if dropped_folder(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: Any) -> None:
        """Take the folder."""
        folder = dropped_folder(event.mimeData())
        if folder is not None:
            event.acceptProposedAction()
            self.take(folder)

    def hideEvent(self, event: Any) -> None:
        """Save what was painted, as nobody sees any more whether it is."""
        super().hideEvent(event)
        self.workbench.annotator.save_now()

    def _show_page(self) -> None:
        opened = self.workbench.desk.project is not None
        self.pages.setCurrentWidget(self.tabs if opened else self.first)
        if opened:
            # The first tab lays the open image out as layers: it cannot wait to be looked at.
            self.tabs.make(0)
            self.tabs.make(self.tabs.currentIndex())

    def _toggle_images(self) -> None:
        docks = self.viewer.window.dock_widgets
        if NAME in docks and docks[NAME].isVisible():
            docks[NAME].parentWidget().hide()
        else:
            self.show_images()

    def _come_forward(self) -> None:
        dock = self.parentWidget()
        if dock is not None:
            dock.show()
            dock.raise_()

    def _open_segment_dock(self) -> None:
        self.viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
