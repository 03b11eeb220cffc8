"""Open the workbench in a window as large as the screen and print as JSON what does not fit.

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
    QTabBar,
    QWidget,
)

from napari_qsa.plugin.workbench.tab_parts import Section
from napari_qsa.plugin.workbench.tabs import TABS
from napari_qsa.plugin.workbench.toasts import toasts
from napari_qsa.plugin.workbench.toolbox import HINTS
from napari_qsa.session.desk import Failure

THEMES = ("dark", "light")
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
    if isinstance(widget, QComboBox) and widget.minimumWidth():
        return widget.minimumWidth(), widget.minimumSizeHint().height()
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
        if isinstance(parent, QTabBar):
            continue  # Qt's own arrows, where there are more tabs than room
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


class Visit:
    """What is seen of the window on the way through it, in each theme."""

    def __init__(self, viewer, dock, pictures):
        self.viewer, self.dock, self.pictures = viewer, dock, pictures
        self.window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
        self.images = viewer.window.dock_widgets["Images"]
        self.clipped = {}
        self.lightness = {}

    def note(self, name):
        settle()
        bad = clipped(self.dock) + clipped(self.images)
        if bad:
            self.clipped[f"{name}, {self.viewer.theme}"] = bad
        if self.pictures:
            path = Path(self.pictures) / f"{name}-{self.viewer.theme}.png"
            self.viewer.screenshot(str(path), canvas_only=False, flash=False)

    def wear(self, theme):
        self.viewer.theme = theme
        settle()
        self.lightness[theme] = self.dock.grab().toImage().pixelColor(3, 3).lightness()

    def start(self):
        dock = self.dock
        self.note("first page")
        dock.workbench.desk.failed.emit(Failure("The disk is full: make room. " * 3, "x", "test"))
        dock.problems.open()
        self.note("problems")
        for toast in toasts():
            toast.close()
        dock.room.forget_problems()

    def open(self, folder):
        workbench = self.dock.workbench
        workbench.open_project(folder)
        spin(lambda: workbench.desk.project and len(workbench.pool.rows) > 0)
        workbench.pool.open(workbench.pool.rows[0].id)
        spin(lambda: workbench.annotator.current is not None)

    def tabs(self):
        for tab in TABS:
            shown = self.dock.tabs.go(tab.title)
            for opened in (False, True):
                for section in shown.findChildren(Section):
                    section.title.setChecked(opened)
                if tab.title == "Annotate":
                    shown.hint.setText(max(HINTS.values(), key=len) if opened else "")
                self.note(f"{tab.title} opened" if opened else tab.title)
        for view in ("table", "filmstrip"):
            self.images.show_view(view)
            self.note(view)


def look(viewer, dock, folder, pictures):
    seen = {"finds": finds_what_is_cut_off()}
    visit = Visit(viewer, dock, pictures)
    for theme in THEMES:
        visit.wear(theme)
        visit.start()
    visit.open(folder)
    for theme in reversed(THEMES):
        visit.wear(theme)
        visit.tabs()
    window, bar = visit.window, dock.tabs.tabBar()
    seen["clipped"], seen["lightness"] = visit.clipped, visit.lightness
    seen["tabs"] = [bar.sizeHint().width(), bar.width()]
    seen["dock"] = [dock.parentWidget().width(), dock.minimumSizeHint().width()]
    seen["window"] = [window.width(), window.height()]
    seen["least"] = least(window)
    seen["canvas"] = [window.centralWidget().width(), window.centralWidget().height()]
    for each in (dock, visit.images):
        each.parentWidget().hide()
    settle()
    seen["least_of_napari"] = least(window)
    seen["ratio"] = window.devicePixelRatioF()
    return seen


def main(folder, settings, pictures=""):
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, settings)
    viewer = napari.Viewer(show=True)
    screen = QApplication.primaryScreen().availableGeometry()
    viewer.window.resize(screen.width(), screen.height())
    _, dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    spin(lambda: "Images" in viewer.window.dock_widgets)
    seen = look(viewer, dock, Path(folder), pictures)
    seen["screen"] = [screen.width(), screen.height()]
    viewer.close()
    settle()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
