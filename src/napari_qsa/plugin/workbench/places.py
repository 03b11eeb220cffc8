"""Docks that come back where they were, also on a second screen."""

from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QByteArray, QEvent, QSettings, QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_qsa.plugin.workbench.room import main_window

ORGANIZATION = "napari-qsa"
SIDES = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "top": Qt.DockWidgetArea.TopDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
UPRIGHT = (SIDES["left"], SIDES["right"])


def settings() -> QSettings:
    """Return the file that remembers where docks were."""
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANIZATION, "workbench"
    )


class Docked(QWidget):
    """A dock's content: it comes back where it was, and goes for good when its dock is closed.

    napari hides a dock, or closes it by taking its content out: without an end of its own the
    content would live on, unseen, and follow the session beside the one that opens next.

    Parameters
    ----------
    name
        Under which the place is remembered.
    size
        Of the dock at first.
    """

    def __init__(self, name: str, size: QSize) -> None:
        super().__init__()
        self._place_name, self._first_size = name, size
        self._docked = False
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._arrival = QTimer(self)
        self._arrival.setSingleShot(True)
        self._arrival.timeout.connect(self._arrive)

    def event(self, event: Any) -> bool:
        """Notice when a dock takes this widget in, and when it is closed."""
        if event.type() == QEvent.Type.ParentChange:
            if not self._docked and isinstance(self.parent(), QDockWidget):
                self._docked = True
                self._arrival.start(0)  # napari has still to add the dock to its window
            elif self._docked and self.parent() is None:
                self.deleteLater()
        return bool(super().event(event))

    def arrived(self, window: QMainWindow) -> None:
        """Do what needs the window; called once, when the dock is in it."""

    def _arrive(self) -> None:
        # Neither is kept: a reference to napari's window would outlive it.
        dock, window = self.parent(), main_window(self)
        if not isinstance(dock, QDockWidget) or window is None:
            return
        # The lists of layers on the left, and the QSA dock on the right, keep their full height.
        window.setCorner(Qt.Corner.BottomLeftCorner, SIDES["left"])
        window.setCorner(Qt.Corner.BottomRightCorner, SIDES["right"])
        dock.setMinimumSize(0, 0)  # Qt adds napari's least size to that of the content
        restore(self._place_name, dock, window, self._first_size)
        window.installEventFilter(self)
        dock.topLevelChanged.connect(self._moved)
        dock.dockLocationChanged.connect(self._moved)
        self.arrived(window)

    def hideEvent(self, event: Any) -> None:
        """Remember the place."""
        super().hideEvent(event)
        self._save()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Remember the place before the window closes: then napari docks what floats."""
        if event.type() == QEvent.Type.Close and isinstance(watched, QMainWindow):
            self._save()
            self._still.start(0)  # until it is closed, or the user keeps it open
        return False

    def _moved(self, _: object) -> None:
        """Remember the place; how large the dock is there is not known yet."""
        self._save(size=False)

    def _save(self, size: bool = True) -> None:
        if self._still.isActive():
            return
        dock, window = self.parent(), main_window(self)
        # A window that is taken down hides its docks last.
        if isinstance(dock, QDockWidget) and window is not None and isalive(window):
            save(self._place_name, dock, window, size)


def save(name: str, dock: QDockWidget, window: QMainWindow, size: bool) -> None:
    """Remember where a dock is and, if `size`, how large."""
    kept = settings()
    kept.beginGroup(f"docks/{name}")
    kept.setValue("floating", int(dock.isFloating()))
    if dock.isFloating():
        kept.setValue("geometry", dock.saveGeometry())
    else:
        side = window.dockWidgetArea(dock)
        names = [each for each, area in SIDES.items() if area == side]
        if names:
            kept.setValue("side", names[0])
            if size:
                kept.setValue("size", dock.size())
    kept.endGroup()


def restore(name: str, dock: QDockWidget, window: QMainWindow, first_size: QSize) -> None:
    """Put a dock where it was; Qt moves one onto a screen whose own screen is gone."""
    kept = settings()
    kept.beginGroup(f"docks/{name}")
    side = SIDES.get(str(kept.value("side", "")))
    if side is not None and side != window.dockWidgetArea(dock):
        window.addDockWidget(side, dock)
    size = kept.value("size", first_size)
    size = size if isinstance(size, QSize) and size.isValid() else first_size
    upright = window.dockWidgetArea(dock) in UPRIGHT
    length = size.width() if upright else size.height()
    direction = Qt.Orientation.Horizontal if upright else Qt.Orientation.Vertical
    window.resizeDocks([dock], [length], direction)
    geometry = kept.value("geometry")
    if str(kept.value("floating", "0")) == "1":
        dock.setFloating(True)
        if isinstance(geometry, QByteArray):
            dock.restoreGeometry(geometry)
    kept.endGroup()
