"""On a low screen napari's two docks of layers share one place, so that the window fits.

napari's layer controls and layer list, one above the other, need 540 pixels with a Labels layer;
a screen of 1366x768 at a scale of 150 % has 512. As tabs they need the height of one.
"""

from typing import Any

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_qsa.plugin.workbench.room import main_window

LOW, NARROW = 680, 1000
"""Screens of less height or width (in pixels that a scale of 150 % makes larger) are small."""
NAPARIS = ("layer list", "layer controls")
"""Names of napari's docks; the last one is in front."""


def is_low(screen: Any) -> bool:
    """Tell whether a screen is too low for docks above one another."""
    return screen is not None and screen.availableGeometry().height() < LOW


def is_narrow(screen: Any) -> bool:
    """Tell whether a screen has no room for wide docks on both sides."""
    return screen is not None and screen.availableGeometry().width() < NARROW


class SmallScreen(QObject):
    """Lays napari's docks over one another while their window is on a low screen.

    Parameters
    ----------
    inside
        Lives as long, in the window.
    """

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self._tabbed = False
        window = main_window(inside)  # not kept: a reference to napari's window would outlive it
        if window is not None:
            self.follow(window.screen())
            handle = window.windowHandle()
            if handle is not None:
                handle.screenChanged.connect(self.follow)

    def follow(self, screen: Any) -> None:
        """Make tabs on a low screen; elsewhere take apart what was made tabs here."""
        inside = self.parent()
        window = main_window(inside) if isinstance(inside, QWidget) else None
        if window is None:
            return
        found = {dock.objectName(): dock for dock in window.findChildren(QDockWidget)}
        docks = [found[name] for name in NAPARIS if name in found]
        together = {window.dockWidgetArea(dock) for dock in docks}
        if len(docks) != 2 or len(together) != 1 or any(dock.isFloating() for dock in docks):
            return  # the user has laid them out
        below, front = docks
        if is_low(screen) and front not in window.tabifiedDockWidgets(below):
            window.tabifyDockWidget(below, front)
            front.raise_()
            self._tabbed = True
        elif self._tabbed and not is_low(screen):
            window.splitDockWidget(front, below, Qt.Orientation.Vertical)
            self._tabbed = False
