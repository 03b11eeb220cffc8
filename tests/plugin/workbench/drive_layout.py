"""Open the workbench in a window of 1366x768 and print as JSON what does not fit.

Run in a process of its own: Qt reads its scale factor once, when it starts.
"""

import json
import sys
import time
from pathlib import Path

import napari
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QWidget,
)

from napari_qsa.plugin.workbench.tabs import TABS
from napari_qsa.session.desk import Failure

SIZE = (1366, 768)
PATIENCE = 120
SLACK = 2
"""Pixels that a style may round away."""


def spin(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        QApplication.processEvents()
        time.sleep(0.005)


def settle():
    """Let Qt lay out what has just been shown."""
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.01)


def name_of(widget):
    text = widget.text() if isinstance(widget, QAbstractButton | QLabel) else ""
    return f"{type(widget).__name__} {text[:40]!r}"


def needed(widget):
    """Return the least size at which nothing of a widget's text is cut off; None for any."""
    if isinstance(widget, QLabel) and widget.wordWrap():
        return 0, widget.heightForWidth(widget.width())
    if isinstance(widget, QLabel) and widget.minimumSizeHint().width() < 30:
        return None  # gives way by itself
    if isinstance(widget, QLabel | QAbstractButton | QComboBox):
        hint = widget.minimumSizeHint()
        return hint.width(), hint.height()
    return None


def clipped(root):
    """List what of a widget's visible children is cut off."""
    found = []
    for child in root.findChildren(QWidget):
        parent = child.parentWidget()
        if not child.isVisible() or child.isWindow() or parent is None:
            continue
        scrolls = parent.parentWidget() if parent is not root else None
        area = parent.rect().adjusted(-SLACK, -SLACK, SLACK, SLACK)
        place = child.geometry()
        if isinstance(scrolls, QScrollArea) and parent is scrolls.viewport():
            if place.left() < area.left() or place.right() > area.right():
                found.append(f"{name_of(child)} is wider than what scrolls")
        elif isinstance(child, QLabel | QAbstractButton | QComboBox) and not area.contains(place):
            found.append(f"{name_of(child)} sticks out of {name_of(parent)}")
        least = needed(child)
        if least and (child.width() + SLACK < least[0] or child.height() + SLACK < least[1]):
            got = (child.width(), child.height())
            found.append(f"{name_of(child)} has {got} of {least}")
    return found


def finds_what_is_cut_off():
    """Whether `clipped` sees three things that do not fit."""
    bad = QWidget()
    bad.resize(100, 60)
    narrow = QPushButton("a button that needs more room", bad)
    narrow.setGeometry(0, 0, 40, 30)
    low = QLabel("a line that wraps, and wraps, and wraps once more", bad)
    low.setWordWrap(True)
    low.setGeometry(0, 30, 80, 16)
    outside = QLabel("x", bad)
    outside.setGeometry(90, 40, 40, 18)
    bad.show()
    settle()
    found = clipped(bad)
    return [any(word in text for text in found) for word in ("a button", "a line", "sticks out")]


def least(window):
    hint = window.minimumSizeHint()
    return hint.width(), hint.height()


def look(viewer, dock, folder, pictures):
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    images = viewer.window.dock_widgets["Images"]
    seen = {"clipped": {}}

    def note(name):
        settle()
        bad = clipped(dock) + clipped(images)
        if bad:
            seen["clipped"][name] = bad
        if pictures:
            path = Path(pictures) / f"{name}-{viewer.theme}.png"
            viewer.screenshot(str(path), canvas_only=False, flash=False)

    seen["finds"] = finds_what_is_cut_off()
    note("first page")
    dock.workbench.desk.failed.emit(Failure("The disk is full: make room. " * 3, "x", "test"))
    dock.problems.open()
    note("problems")
    dock.room.forget_problems()
    dock.workbench.open_project(folder)
    spin(lambda: dock.workbench.desk.project and len(dock.workbench.pool.rows) > 0)
    dock.workbench.pool.open(dock.workbench.pool.rows[0].id)
    spin(lambda: dock.workbench.annotator.current is not None)
    for tab in TABS:
        dock.tabs.go(tab.title)
        note(tab.title)
        for section in dock.tabs.go(tab.title).findChildren(QWidget):
            if type(section).__name__ == "Section":
                section.title.setChecked(True)
        note(f"{tab.title} opened")
    for view in ("table", "filmstrip"):
        images.show_view(view)
        note(view)
    bar = dock.tabs.tabBar()
    seen["tabs"] = [bar.sizeHint().width(), bar.width()]
    seen["dock"] = [dock.parentWidget().width(), dock.minimumSizeHint().width()]
    seen["window"] = [window.width(), window.height()]
    seen["least"] = least(window)
    for each in (dock, images):
        each.parentWidget().hide()
    settle()
    seen["least_of_napari"] = least(window)
    ground = dock.grab().toImage().pixelColor(3, 3)
    seen["lightness"] = ground.lightness()
    seen["ratio"] = window.devicePixelRatioF()
    return seen


def main(theme, folder, settings, pictures=""):
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, settings)
    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    _, dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    spin(lambda: "Images" in viewer.window.dock_widgets)
    seen = look(viewer, dock, Path(folder), pictures)
    viewer.close()
    settle()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
