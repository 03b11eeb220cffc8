"""Docks come back where they were."""

from types import SimpleNamespace

import pytest
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QVBoxLayout

from napari_qsa.plugin.workbench.places import Docked, settings
from napari_qsa.plugin.workbench.small_screen import SmallScreen

pytestmark = pytest.mark.window
RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
LEFT = Qt.DockWidgetArea.LeftDockWidgetArea


class Plate(Docked):
    def __init__(self):
        super().__init__("plate", QSize(300, 200))
        QVBoxLayout(self).addWidget(QLabel("plate"))
        self.window_seen = None

    def arrived(self, window):
        self.window_seen = window


@pytest.fixture
def show(make_napari_viewer, qtbot):
    """A function that docks a plate in a new window, large enough for it."""

    def make():
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1200, 800)
        plate = Plate()
        frame = viewer.window.add_dock_widget(plate, name="Plate", area="right")
        qtbot.waitUntil(lambda: plate.window_seen is not None)
        return viewer, plate, frame

    return make


def side_of(plate, frame):
    return plate.window_seen.dockWidgetArea(frame)


def test_at_first_a_dock_has_its_own_size(show, qtbot):
    _, _, frame = show()
    qtbot.waitUntil(lambda: abs(frame.width() - 300) < 30)


def test_a_floating_dock_floats_again_at_its_place(show, qtbot):
    viewer, _, frame = show()
    frame.setFloating(True)
    frame.setGeometry(QRect(140, 160, 420, 310))
    viewer.close()
    _, _, again = show()
    assert again.isFloating()
    qtbot.waitUntil(lambda: again.size() == QSize(420, 310))
    assert (again.pos().x(), again.pos().y()) == pytest.approx((140, 160), abs=40)


def test_a_place_beyond_all_screens_is_brought_back(show, qtbot):
    viewer, _, frame = show()
    frame.setFloating(True)
    frame.setGeometry(QRect(9000, 9000, 420, 310))
    viewer.close()
    _, _, again = show()
    assert again.isFloating()
    screen = QApplication.primaryScreen().availableGeometry()
    qtbot.waitUntil(lambda: screen.intersects(again.frameGeometry()))


def test_another_side_and_size_come_back(show, qtbot):
    viewer, plate, frame = show()
    plate.window_seen.addDockWidget(LEFT, frame)
    plate.window_seen.resizeDocks([frame], [410], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: abs(frame.width() - 410) < 30)
    frame.hide()
    viewer.close()
    _, plate, again = show()
    assert side_of(plate, again) == LEFT
    qtbot.waitUntil(lambda: abs(again.width() - 410) < 30)


def test_settings_that_make_no_sense_do_no_harm(show):
    kept = settings()
    kept.setValue("docks/plate/side", "above")
    kept.setValue("docks/plate/size", "wide")
    kept.setValue("docks/plate/floating", "perhaps")
    kept.setValue("docks/plate/geometry", 7)
    kept.sync()
    _, plate, frame = show()
    assert side_of(plate, frame) == RIGHT
    assert not frame.isFloating()


def test_a_closed_dock_takes_its_content_along(show, qtbot):
    viewer, plate, frame = show()
    with qtbot.waitSignal(plate.destroyed):
        viewer.window.remove_dock_widget(frame)


def screen_of(width, height):
    return SimpleNamespace(availableGeometry=lambda: QRect(0, 0, width, height))


def test_naparis_docks_are_tabs_on_a_low_screen_only(show):
    _, plate, _ = show()
    window = plate.window_seen
    names = ("layer list", "layer controls")
    below, front = (window.findChild(QDockWidget, name) for name in names)
    small = SmallScreen(plate)
    assert window.tabifiedDockWidgets(below) == []
    small.follow(screen_of(911, 512))
    assert window.tabifiedDockWidgets(below) == [front]
    small.follow(screen_of(911, 512))
    assert window.tabifiedDockWidgets(below) == [front]
    small.follow(screen_of(1600, 1000))
    assert window.tabifiedDockWidgets(below) == []
    assert window.dockWidgetArea(below) == window.dockWidgetArea(front) == LEFT


def test_docks_that_the_user_has_laid_out_stay_so_on_any_screen(show):
    _, plate, _ = show()
    window = plate.window_seen
    names = ("layer list", "layer controls")
    below, front = (window.findChild(QDockWidget, name) for name in names)
    small = SmallScreen(plate)
    window.tabifyDockWidget(below, front)
    small.follow(screen_of(1600, 1000))
    assert window.tabifiedDockWidgets(below) == [front]
    window.addDockWidget(RIGHT, front)
    small.follow(screen_of(911, 512))
    assert window.dockWidgetArea(front) == RIGHT
    assert front not in window.tabifiedDockWidgets(below)
