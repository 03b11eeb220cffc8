"""One workbench for each viewer, kept while docks come and go, and closed with the viewer."""

import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import NotificationSeverity
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox, QWidget

from napari_qsa.plugin.dispatch import QtPost
from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.workbench.toasts import Actions, toast
from napari_qsa.session.adding import LEFT_OUT
from napari_qsa.session.desk import Failure
from napari_qsa.session.rescue import PART as RESCUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_qsa.session.annotator import Saving
    from napari_qsa.session.workbench import Workbench

CLOSING_SECONDS, COPYING_SECONDS = 6.0, 3.0
"""How long a closing window waits for what was painted, and then for a copy elsewhere.

After that the workbench is closed, see `napari_qsa.session.workbench.CLOSING_SECONDS`: about 20 s
in all.
"""
MOST_PROBLEMS = 200
READ_ONLY = "Open read-only"

_rooms: "dict[int, Room]" = {}


@dataclass(frozen=True)
class Problem:
    """A failure that is kept to be read later, and when it came (s since the epoch)."""

    failure: Failure
    when: float


class Room(QObject):
    """What a viewer's docks share: the workbench, the chosen images, the problems so far.

    Parameters
    ----------
    viewer
        Not its proxy.
    workbench
        Closed with the viewer's window, or with the application.
    """

    selection_changed = Signal(tuple)
    problems_changed = Signal()
    details_wanted = Signal()

    def __init__(self, viewer: Any, workbench: "Workbench") -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self.workbench = workbench
        self.selection: tuple[str, ...] = ()
        self.problems: list[Problem] = []
        self._followed = False
        self._closed = False
        desk = workbench.desk
        desk.failed.connect(self._failed)
        desk.project_changed.connect(self._project_changed)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.aboutToQuit.connect(self.close)
            application.applicationStateChanged.connect(self._focus_changed)

    @property
    def viewer(self) -> Any:
        """The viewer; None when it is gone."""
        return self._viewer()

    # -- the images that are chosen in the Images dock

    def select(self, image_ids: Iterable[str]) -> None:
        """Note which images are chosen, in the order shown."""
        chosen = tuple(image_ids)
        if chosen != self.selection:
            self.selection = chosen
            self.selection_changed.emit(chosen)

    # -- problems

    def forget_problems(self) -> None:
        """Empty the list."""
        self.problems.clear()
        self.problems_changed.emit()

    def _failed(self, failure: Failure) -> None:
        self._keep([failure])
        actions = self._details()
        if failure.readable is not None:
            actions = ((READ_ONLY, lambda _: self.open_read_only(failure)), *actions)
        said = failure.part in (RESCUE, LEFT_OUT)
        severity = NotificationSeverity.WARNING if said else NotificationSeverity.ERROR
        toast(severity, failure.message, actions)

    def _details(self) -> Actions:
        return (("Details", lambda _: self.details_wanted.emit()),)

    def open_read_only(self, failure: Failure) -> None:
        """Open the project that somebody else owns, to look at it."""
        if failure.readable is not None and not self._closed:
            self.workbench.open_project(failure.readable, read_only=True)

    def _project_changed(self) -> None:
        self.select(())
        project = self.workbench.desk.project
        if project is not None:
            self.workbench.desk.do("project", project.problems, self._found)

    def _found(self, problems: list[str]) -> None:
        """Keep what an opened project passed over; one notification says so."""
        if not problems:
            return
        self._keep([Failure(text, part="project") for text in problems])
        many = len(problems) > 1
        said = f"{len(problems)} damaged files were" if many else "A damaged file was"
        toast(
            NotificationSeverity.WARNING,
            f"{said} passed over in this project; what could be read is shown.",
            self._details(),
        )

    def _keep(self, failures: list[Failure]) -> None:
        now = time.time()
        self.problems += [Problem(failure, now) for failure in failures]
        del self.problems[:-MOST_PROBLEMS]
        self.problems_changed.emit()

    # -- the end

    def follow(self, widget: QWidget) -> None:
        """Close the workbench with the main window that a dock's widget came into."""
        window = main_window(widget)
        if window is not None and not self._followed:
            self._followed = True
            window.installEventFilter(self)
            window.destroyed.connect(self.close)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Write what is unsaved before the window goes; if that fails, the user decides."""
        if event.type() != QEvent.Type.Close or self._closed:
            return False
        annotator = self.workbench.annotator
        if annotator.flush(CLOSING_SECONDS) or not watched.isVisible():
            return False
        copies = annotator.rescue(COPYING_SECONDS, tell=False)
        if leaves(watched, annotator.saving, copies):
            return False
        event.ignore()
        return True

    def _focus_changed(self, state: Qt.ApplicationState) -> None:
        if state != Qt.ApplicationState.ApplicationActive and not self._closed:
            self.workbench.annotator.save_now()

    def close(self, _: object = None) -> None:
        """Write what is unsaved and let go of the project; closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        for key, room in list(_rooms.items()):
            if room is self:
                del _rooms[key]
        self.workbench.close()


def leaves(window: QWidget, saving: "Saving", copies: "Sequence[Path | None]") -> bool:
    """Ask whether to close a window although something painted in it cannot be saved.

    Parameters
    ----------
    window
        The one that is to be closed.
    saving
        Why it cannot.
    copies
        Where else it is, for each image; None where it would be lost.
    """
    kept = None not in copies
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(
        "What you painted is not saved yet. A copy is kept elsewhere, and taken up when the "
        "project is opened the next time."
        if kept
        else "What you painted is not saved yet, and is lost if the window closes now."
    )
    places = "\n".join(f"Copy: {path}" for path in copies if path is not None)
    box.setInformativeText(f"{saving.message}\n{places}".strip())
    keep = box.addButton("Keep the window open", QMessageBox.ButtonRole.RejectRole)
    leave = box.addButton(
        "Close" if kept else "Close and lose it", QMessageBox.ButtonRole.DestructiveRole
    )
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    return box.clickedButton() is leave


def main_window(widget: QWidget) -> QMainWindow | None:
    """Find the main window of a widget, also of one in a dock that floats."""
    parent: Any = widget
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parent()
    return parent


def room_of(viewer: Any) -> Room:
    """Return a viewer's room; made at the first call."""
    viewer = unwrap(viewer)
    room = _rooms.get(id(viewer))
    if room is None or room.viewer is not viewer:
        from napari_qsa.session.workbench import Workbench

        room = furnish(viewer, Workbench(QtPost()))
    return room


def furnish(viewer: Any, workbench: "Workbench") -> Room:
    """Give a viewer a room with a workbench that was made before."""
    viewer = unwrap(viewer)
    room = _rooms[id(viewer)] = Room(viewer, workbench)
    return room


def workbench_of(viewer: Any) -> "Workbench":
    """Return a viewer's workbench; made at the first call."""
    return room_of(viewer).workbench
