"""Which project is open, what happens to it, and its menu."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_qsa.plugin.workbench import projects
from napari_qsa.plugin.workbench.room import READ_ONLY
from napari_qsa.plugin.workbench.tab_parts import Work, follow_object, row
from napari_qsa.session.desk import Failure
from napari_qsa.session.state import State, Status

if TYPE_CHECKING:
    from napari_qsa.session.workbench import Workbench

SHOWN_SECONDS = 8


class ProjectBar(QWidget):
    """The project's name, its menu, and the progress of opening and adding.

    Parameters
    ----------
    workbench
        Whose project it is.
    """

    def __init__(self, workbench: "Workbench") -> None:
        super().__init__()
        self._workbench = workbench
        self.name = ElidedLabel()
        self.menu_button = QPushButton("Project")
        self.menu_button.setToolTip("Make, open, fill or close a project.")
        self._menu = QMenu(self)
        self.menu_button.setMenu(self._menu)
        self.work = Work(workbench, workbench.desk.failed, (), self._nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 0)
        self.buttons = row(self.name, self.menu_button, stretch=0)
        layout.addLayout(self.buttons)
        layout.addWidget(self.work)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(1000 * SHOWN_SECONDS)
        self._rest.timeout.connect(self.work.message.hide)
        self._failure: Failure | None = None
        self._menu.aboutToShow.connect(self.fill)
        follow_object(
            self,
            [
                (workbench.desk.project_changed, self.refresh),
                (workbench.desk.failed, self._failed),
                (workbench.status_changed, self._status_changed),
            ],
        )
        self.refresh()

    def refresh(self) -> None:
        """Show which project is open."""
        project = self._workbench.desk.project
        if project is None:
            self.name.put("No project is open", "")
            return
        read_only = " (read-only)" if project.read_only else ""
        self.name.put(f"{project.facts.name}{read_only}", str(project.folder))

    def fill(self) -> QMenu:
        """Make the menu as it is now."""
        workbench, project = self._workbench, self._workbench.desk.project
        menu = self._menu
        menu.clear()
        menu.addAction("New project from a folder…", lambda: projects.new_project(self, workbench))
        menu.addAction("Open project…", lambda: projects.open_project(self, workbench))
        menu.addAction(
            "Open project read-only…",
            lambda: projects.open_project(self, workbench, read_only=True),
        )
        menu.addAction("Try with sample images", lambda: projects.try_samples(workbench))
        if project is not None:
            menu.addSeparator()
            add = menu.addAction("Add images…", lambda: projects.add_images(self, workbench))
            add.setEnabled(not project.read_only)
            menu.addAction("Find missing images…", lambda: projects.relocate(self, workbench))
            menu.addAction("Show its folder", lambda: show_folder(project.folder))
            menu.addAction("Close project", workbench.close_project)
        return menu

    def _status_changed(self, status: Status) -> None:
        """Take what was done off the dock after a while; what failed stays."""
        if status.state is State.DONE:
            self._rest.start()
        else:
            self._rest.stop()
        failure = self._failure
        if status.state is not State.FAILED:
            self._failure = None
        elif failure is not None and failure.message == status.message:
            self._offer(failure.readable)

    def _failed(self, failure: Failure) -> None:
        self._failure = failure  # the status that tells of it comes next

    def _offer(self, folder: Path | None) -> None:
        """Offer to look at a project that somebody else owns."""
        if folder is not None:
            read = partial(self._workbench.open_project, folder, read_only=True)
            self.work.error.offer(READ_ONLY, read)

    def _nothing(self) -> None:
        return


class ElidedLabel(QLabel):
    """A line that gives way where there is no room for it; the tip shows all."""

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def put(self, words: str, more: str) -> None:
        """Show some words; `more` goes into the tip."""
        self._words = words
        self.setToolTip("\n".join(part for part in (words, more) if part))
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Be as narrow as there is room."""
        return QSize(20, super().minimumSizeHint().height())

    def resizeEvent(self, event: Any) -> None:
        """Show as much as there is room for."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.contentsRect().width()
        self.setText(self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, room))


def show_folder(folder: Path) -> None:
    """Open a folder in the system's own window."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
