"""Drive a real napari window as a user does, from its menus; print what was seen as JSON.

Run in a process of its own, so that it tells what the window's process alone has imported.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_qsa.plugin.docks.segment import SegmentDock
from napari_qsa.session.state import State

PATIENCE = 240
ENDS = (State.DONE, State.FAILED, State.CANCELLED)


def spin(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        QApplication.processEvents()
        time.sleep(0.005)


def menu(*path):
    """Trigger an action by the texts of the menus that lead to it."""
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    place = window.menuBar()
    for text in path:
        action = next(a for a in place.actions() if text in a.text().replace("&", ""))
        place = action.menu()
    action.trigger()


def click(button):
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Window:
    def __init__(self, ensemble):
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1500, 900)
        menu("File", "Open Sample", "napari-qsa", "Synthetic")
        menu("Plugins", "napari-qsa", "Segment")
        self.dock = next(w for w in QApplication.allWidgets() if isinstance(w, SegmentDock))
        self.session = self.dock.segmentation
        self.dock.use_model(ensemble)

    @property
    def state(self):
        return self.session.status.state

    def pid(self):
        return self.session._engine.pid

    def segment(self):
        click(self.dock.start)
        assert self.state is State.RUNNING

    def until_working(self):
        """Wait until the networks themselves are at work in the engine's process."""
        spin(lambda: self.session.status.fraction is not None or self.state in ENDS)

    def until_end(self):
        spin(lambda: self.state in ENDS)
        return self.state.value


def main(ensemble, screenshot):
    seen = {}
    window = Window(ensemble)
    image = window.viewer.layers[0]
    window.segment()
    seen["first"] = window.until_end()
    seen["message"] = window.dock.message.text()
    layers = window.viewer.layers
    seen["layers"] = [[type(x).__name__, x.name, x.visible, x.data.shape] for x in layers]
    seen["scales"] = [list(x.scale) for x in layers]
    seen["units"] = sorted({str(u) for x in layers for u in x.units})
    glands, uncertainty = layers[-1].data, layers[-2].data
    truth = layers[1].data > 0
    seen["glands"] = int(glands.max())
    seen["agreement"] = float(np.mean((glands > 0) == truth))
    seen["uncertainty"] = [float(uncertainty.min()), float(uncertainty.max())]
    seen["offered"] = list(window.dock.image.choices) == [image]
    drawn = time.monotonic() + 1
    spin(lambda: time.monotonic() > drawn)
    window.viewer.screenshot(screenshot, canvas_only=False, flash=False)

    window.segment()
    window.until_working()
    pid, before = window.pid(), time.monotonic()
    click(window.dock.stop)
    seen["cancelled"] = window.state.value
    while is_alive(pid) and time.monotonic() - before < 10:
        time.sleep(0.005)  # the process ends without the window's help
    seen["cancel_seconds"] = time.monotonic() - before

    window.segment()
    window.until_working()
    os.kill(window.pid(), signal.SIGKILL)
    seen["killed"] = window.until_end()
    seen["error"] = window.dock.message.text()
    seen["details"] = window.dock.details.isVisible()

    window.segment()
    seen["again"] = window.until_end()
    seen["layers_again"] = len(layers)
    seen["modules"] = [m for m in ("torch", "openvino", "onnxruntime") if m in sys.modules]
    pid = window.pid()
    window.viewer.close()
    QApplication.processEvents()
    spin(lambda: not is_alive(pid), 10)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
