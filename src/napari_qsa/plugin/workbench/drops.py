"""Folders and projects dropped on the window."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QFileInfo, QMimeData, QObject
from qtpy.QtGui import QDragLeaveEvent
from qtpy.QtWidgets import QAbstractItemView, QLineEdit, QMainWindow, QWidget

NAPARIS_OWN = (".zarr", ".n5")
"""Folders that are images: napari opens them."""


def dropped_folder(data: QMimeData | None) -> Path | None:
    """Return the one folder that is dropped; None for anything else."""
    urls = [] if data is None else data.urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    found = Path(urls[0].toLocalFile())
    if found.suffix.lower() in NAPARIS_OWN or not QFileInfo(str(found)).isDir():
        return None
    return found


class Drops(QObject):
    """Takes folders that are dropped on a window's canvas; all else goes to napari.

    Parameters
    ----------
    parent
        Lives as long.
    take
        Called with the folder.
    """

    def __init__(self, parent: QObject, take: Callable[[Path], object]) -> None:
        super().__init__(parent)
        self._take = take

    def watch(self, window: QMainWindow) -> None:
        """Look at what is dropped on a window."""
        for widget in window.findChildren(QWidget):
            if widget.acceptDrops() and not isinstance(widget, QLineEdit | QAbstractItemView):
                widget.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Take a folder before napari reads all its files as layers."""
        if event.type() != QEvent.Type.Drop:
            return False
        folder = dropped_folder(event.mimeData())
        if folder is None:
            return False
        event.accept()
        QCoreApplication.sendEvent(watched, QDragLeaveEvent())  # ends the highlight
        self._take(folder)
        return True
