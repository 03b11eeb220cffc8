"""Segment this image: no project, three clicks at most; a real engine with stand-in networks."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_qsa.jobs import tasks
from napari_qsa.plugin.workbench import quick_segment
from napari_qsa.plugin.workbench.pixel_size import PixelSize
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.state import State

pytestmark = pytest.mark.window
STAND_IN = Path(__file__).parents[2] / "session"
PIXELS = np.full((40, 50, 3), 200, np.uint8)


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.syspath_prepend(str(STAND_IN))
    import stand_in

    monkeypatch.setattr(tasks, "segment", stand_in.segment)
    monkeypatch.setattr(tasks, "warm_up", stand_in.warm_up)


@pytest.fixture
def screen(stand_in, make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    qtbot.waitUntil(lambda: "Images" in viewer.window.dock_widgets)
    return viewer, dock


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def wait_for_masks(viewer, quick, qtbot):
    qtbot.waitUntil(lambda: quick.segmentation.status.state is State.DONE, timeout=60_000)
    return viewer.layers[-1]


def test_one_click_brings_masks(screen, qtbot):
    viewer, dock = screen
    quick = dock.first.quick
    assert not quick.start.isEnabled()
    image = viewer.add_image(PIXELS, rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    assert quick.hint.text() == image.name
    click(quick.start)
    labels = wait_for_masks(viewer, quick, qtbot)
    assert labels.data.max() == 2
    assert tuple(labels.scale) == (0.5, 0.5)
    assert "2 glands" in quick.work.message.text()
    assert quick.start.isEnabled()


def test_an_unknown_pixel_size_is_asked_once(screen, qtbot):
    viewer, dock = screen
    quick = dock.first.quick
    viewer.add_image(PIXELS, rgb=True)
    seen = []
    quick.segmentation.segmented.connect(lambda result: seen.append(result.options.pixel_size))
    click(quick.start)
    qtbot.waitUntil(lambda: quick.findChild(PixelSize) is not None)
    dialog = quick.findChild(PixelSize)
    assert dialog.picture is not None
    dialog.number.setValue(0.31)
    click(dialog.use)
    wait_for_masks(viewer, quick, qtbot)
    click(quick.start)
    qtbot.waitUntil(lambda: len(seen) == 2, timeout=60_000)
    assert seen == [0.31, 0.31]
    assert len(viewer.layers) == 4


def test_what_went_wrong_is_told_and_kept(screen, qtbot, monkeypatch):
    viewer, dock = screen
    viewer.add_image(PIXELS, rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    monkeypatch.setattr(quick_segment, "SegmentOptions", partial(SegmentOptions, "refuse"))
    click(dock.first.quick.start)
    qtbot.waitUntil(lambda: dock.problems.list.count() == 1, timeout=60_000)
    assert "Too small." in dock.problems.list.item(0).text()
    assert notification_manager.records[-1].message == "Too small."
    assert dock.first.quick.work.error.message.text() == "⚠ Too small."


def test_the_topmost_image_is_meant_unless_one_is_selected(screen):
    viewer, dock = screen
    first = viewer.add_image(PIXELS, rgb=True, name="first")
    second = viewer.add_image(PIXELS, rgb=True, name="second")
    viewer.layers.selection.active = viewer.add_labels(np.zeros((40, 50), int))
    assert dock.first.quick.image() is second
    viewer.layers.selection.active = first
    assert dock.first.quick.image() is first
    viewer.layers.clear()
    assert dock.first.quick.image() is None


def test_other_options_are_in_the_segment_dock(screen):
    viewer, dock = screen
    click(dock.first.quick.options)
    assert "Segment (napari-qsa)" in viewer.window.dock_widgets
