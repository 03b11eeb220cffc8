"""The hands of somebody at the workbench: real menus, clicks, strokes and keys in a real window."""

import sys
import time
from itertools import pairwise

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_qsa.plugin.workbench.dock import WorkbenchDock
from napari_qsa.session.state import State

LEFT = Qt.MouseButton.LeftButton
PATIENCE = 1800
"""Seconds until it gives up; a machine may be busy."""
ENDS = (State.DONE, State.FAILED, State.CANCELLED)
STEPS = 10
"""Mouse events of each line of a stroke."""


class Hands:
    """Opens a window with the workbench, and works in it; all that fails is in `failures`."""

    def __init__(self):
        self.begun = time.monotonic()
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1500, 950)
        self.menu("Plugins", "napari-qsa", "Workbench")
        self.spin(lambda: any(isinstance(w, WorkbenchDock) for w in QApplication.allWidgets()))
        self.dock = next(w for w in QApplication.allWidgets() if isinstance(w, WorkbenchDock))
        self.workbench = self.dock.workbench
        self.pool = self.workbench.pool
        self.failures = []
        self.workbench.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        self.canvas = next(
            widget
            for widget in QApplication.allWidgets()
            if type(widget).__name__ == "CanvasBackendDesktop"
        )

    def say(self, words):
        """Print what was done, and when."""
        print(f"{time.monotonic() - self.begun:6.1f} s  {words}", file=sys.stderr, flush=True)

    # -- waiting

    def spin(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it did not happen in time; failed: {self.failures}"
            QApplication.processEvents()
            time.sleep(0.005)

    def until_done(self, part):
        """Wait until a part of the workbench has come to its end, and say which."""
        self.spin(lambda: not part.running and part.status.state in ENDS)
        return part.status

    def settle(self):
        """Wait until all that was asked of the lanes is done and heard."""
        lanes = (self.workbench.desk.disk, self.workbench.desk.background, self.annotate._lane)
        for _ in range(3):
            for lane in lanes:
                heard = []
                lane.do(lambda: None, lambda _, heard=heard: heard.append(True))
                self.spin(lambda heard=heard: bool(heard))

    # -- the window

    def menu(self, *path):
        """Trigger an action by the texts of the menus that lead to it."""
        window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
        place = window.menuBar()
        for text in path:
            action = next(a for a in place.actions() if text in a.text().replace("&", ""))
            place = action.menu()
        action.trigger()

    def click(self, widget):
        """Press a button, or any other widget that can be reached."""
        self.spin(lambda: widget.isEnabled() and not widget.isHidden())
        self.dock.tabs.currentWidget().ensureWidgetVisible(widget)
        QApplication.processEvents()
        assert widget.isVisible()
        QTest.mouseClick(widget, LEFT)
        QApplication.processEvents()

    def tab(self, title):
        """Look at a tab by a click on its title."""
        tabs = self.dock.tabs
        place = next(n for n in range(tabs.count()) if tabs.tabText(n) == title)
        tabs.tabBar().setFocus()
        QTest.mouseClick(tabs.tabBar(), LEFT, pos=tabs.tabBar().tabRect(place).center())
        self.spin(lambda: tabs.currentIndex() == place)
        return tabs.widget(place).widget()

    @property
    def annotate(self):
        return self.dock.tabs.make(0)

    # -- the image

    @property
    def opened(self):
        return self.annotate.layers.opened

    def until_open(self, image_id):
        self.spin(lambda: self.opened is not None and self.opened.image_id == image_id)
        self.settle()
        QTest.qWait(50)  # the view is fitted to the image when it is drawn
        return self.opened

    def at(self, place):
        """Where a pixel (row, column) is on the canvas."""
        camera = self.viewer.scene.camera
        y, x = self.annotate.layers.glands.data_to_world(place)
        middle = np.array([self.canvas.width(), self.canvas.height()]) / 2
        away = np.array([x - camera.center[2], y - camera.center[1]]) * camera.zoom
        return QPoint(*(round(value) for value in middle + away))

    def drag(self, *places):
        """Draw with the left button pressed, from pixel to pixel."""
        QTest.mousePress(self.canvas, LEFT, pos=self.at(places[0]))
        for before, after in pairwise(places):
            for share in np.linspace(0, 1, STEPS)[1:]:
                between = np.array(before) + share * (np.array(after) - before)
                QTest.mouseMove(self.canvas, self.at(between))
                QApplication.processEvents()
        QTest.mouseRelease(self.canvas, LEFT, pos=self.at(places[-1]))
        QApplication.processEvents()

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.canvas, key, modifier)
        QApplication.processEvents()
        self.settle()

    def numbers(self):
        """Of the annotated glands."""
        return set(np.unique(self.opened.glands).tolist()) - {0}

    def pixels(self, kind):
        """A copy of what the layer of a kind holds now; None if there is none."""
        layer = self.annotate.layers[kind]
        return None if layer is None else np.array(layer.data)
