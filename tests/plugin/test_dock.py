"""The dock in a window, on a real engine process with a stand-in for the networks."""

from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_qsa.jobs import tasks
from napari_qsa.plugin.docks import segment as dock_module
from napari_qsa.plugin.docks.form import UNKNOWN
from napari_qsa.session.state import State

pytestmark = pytest.mark.window
STAND_IN = Path(__file__).parents[1] / "session"
PIXELS = np.full((40, 50, 3), 200, np.uint8)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """Make the child call `stand_in.segment`, which obeys the ensemble's name."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    import stand_in

    monkeypatch.setattr(tasks, "segment", stand_in.segment)
    monkeypatch.setattr(tasks, "warm_up", stand_in.warm_up)


class Screen:
    """A viewer with the dock, and how to wait for it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Segment")
        self.session = self.dock.segmentation

    def use(self, ensemble):
        self.dock.use_model(ensemble)

    def wait_for(self, *states):
        self.qtbot.waitUntil(lambda: self.session.status.state in states, timeout=60_000)

    @property
    def pid(self):
        return self.session._engine.pid


@pytest.fixture
def screen(make_napari_viewer, qtbot):
    return Screen(make_napari_viewer(), qtbot)


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    return Screen(make_napari_viewer(show=True), qtbot)


def test_without_an_image_nothing_can_be_started(screen):
    assert not screen.dock.start.isEnabled()
    layer = screen.viewer.add_image(PIXELS, rgb=True)
    assert screen.dock.image.value is layer
    assert screen.dock.start.isEnabled()
    screen.viewer.layers.clear()
    assert not screen.dock.start.isEnabled()


def test_the_image_follows_selection_and_names(screen):
    first = screen.viewer.add_image(PIXELS, rgb=True, name="first")
    second = screen.viewer.add_image(PIXELS, rgb=True, name="second")
    labels = screen.viewer.add_labels(np.zeros((40, 50), int))
    assert screen.dock.image.value is second
    screen.viewer.layers.selection.active = first
    assert screen.dock.image.value is first
    screen.viewer.layers.selection.active = labels
    assert screen.dock.image.value is first
    first.name = "renamed"
    assert screen.dock.image.current_choice == "renamed"
    assert screen.dock.image.value is first


def test_the_pixel_size_is_taken_from_the_layer(screen):
    screen.viewer.add_image(PIXELS, rgb=True)
    assert screen.dock.form.get().pixel_size is None
    assert screen.dock.form["pixel_size"].native.text() == UNKNOWN
    screen.viewer.add_image(PIXELS, rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    assert screen.dock.form.get().pixel_size == 0.5


def test_the_pixel_size_follows_a_later_calibration(screen):
    first = screen.viewer.add_image(PIXELS, rgb=True)
    assert screen.dock.form.get().pixel_size is None
    first.units = ("um", "um")
    first.scale = (0.2527, 0.2527)
    assert screen.dock.form.get().pixel_size == pytest.approx(0.2527)
    first.scale = (25, 25)  # an overview: no pixel size to work with
    assert screen.dock.form.get().pixel_size is None
    screen.viewer.add_image(PIXELS, rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    first.scale = (0.3, 0.3)  # no longer the chosen image
    assert screen.dock.form.get().pixel_size == 0.5


def test_a_dock_opens_on_an_image_of_very_large_pixels(screen):
    screen.dock.form.put(pixel_size=25.0)
    assert screen.dock.form.get().pixel_size is None


def test_options_go_to_the_engine(screen):
    screen.viewer.add_image(PIXELS, rgb=True)
    screen.use("good")
    screen.dock.form.put(pixel_size=0.31, tta=True)
    results = []
    screen.session.segmented.connect(results.append)
    screen.dock.start.click()
    screen.wait_for(State.DONE)
    assert results[0].options.tta is True
    assert results[0].prediction.pixel_size == 0.31


def test_a_run_shows_progress_then_layers(screen):
    screen.viewer.add_image(PIXELS, rgb=True)
    screen.use("slow")
    values = set()
    screen.dock.progress.valueChanged.connect(values.add)
    screen.dock.start.click()
    assert not screen.dock.start.isEnabled()
    assert screen.dock.stop.isEnabled()
    screen.wait_for(State.DONE)
    assert len(screen.viewer.layers) == 4
    assert "2 glands" in screen.dock.message.text()
    assert values & {250, 500, 750}
    assert screen.dock.start.isEnabled()
    assert not screen.dock.stop.isEnabled()


def test_cancel_leaves_no_layers(screen):
    screen.viewer.add_image(PIXELS, rgb=True)
    screen.use("endless")
    screen.dock.start.click()
    screen.qtbot.waitUntil(lambda: screen.session.status.fraction is not None, timeout=60_000)
    screen.dock.stop.click()
    assert screen.session.status.state is State.CANCELLED
    assert screen.dock.start.isEnabled()
    assert len(screen.viewer.layers) == 1


def test_an_error_is_notified_and_stays_in_the_dock(screen):
    screen.viewer.add_image(PIXELS, rgb=True)
    screen.use("refuse")
    screen.dock.start.click()
    screen.wait_for(State.FAILED)
    assert screen.dock.message.text() == "⚠ Too small."
    assert notification_manager.records[-1].message == "Too small."
    assert not screen.dock.details.isHidden()
    assert screen.dock.details_text.isHidden()
    screen.dock.details.click()
    assert not screen.dock.details_text.isHidden()
    assert "Traceback" in screen.dock.details_text.toPlainText()
    screen.use("good")
    screen.dock.start.click()
    screen.wait_for(State.DONE)
    assert screen.dock.details.isHidden()


def test_layers_are_changed_in_the_windows_thread(make_napari_viewer_proxy, qtbot):
    proxy = make_napari_viewer_proxy()
    proxy.add_image(PIXELS, rgb=True)
    dock = dock_module.SegmentDock(proxy)
    proxy.window.add_dock_widget(dock)
    dock.use_model("good")
    dock.start.click()
    qtbot.waitUntil(lambda: len(proxy.layers) == 4, timeout=60_000)


def test_a_file_of_ones_own_is_shown_by_its_name(screen, tmp_path):
    path = tmp_path / "mine.safetensors"
    screen.use(path)
    assert screen.dock.form["ensemble"].current_choice == "mine.safetensors"
    assert screen.dock.form.get().ensemble == str(path)


def test_the_engine_starts_with_the_dock_and_goes_some_time_after_it(shown, monkeypatch):
    shown.wait_for(State.IDLE)
    assert shown.session.status.message == "Ready."
    assert shown.pid is not None
    shown.dock._idle.setInterval(0)
    shown.dock.parentWidget().hide()
    shown.qtbot.waitUntil(lambda: shown.pid is None, timeout=10_000)
    shown.dock.parentWidget().show()
    shown.wait_for(State.IDLE)
    shown.qtbot.waitUntil(lambda: shown.pid is not None, timeout=10_000)


def test_a_hidden_dock_finishes_its_work_first(shown):
    shown.viewer.add_image(PIXELS, rgb=True)
    shown.use("slow")
    shown.dock._idle.setInterval(0)
    shown.dock.start.click()
    shown.dock.parentWidget().hide()
    shown.wait_for(State.DONE, State.IDLE)
    assert len(shown.viewer.layers) == 4
    shown.qtbot.waitUntil(lambda: shown.pid is None, timeout=10_000)


def test_the_end_of_the_dock_ends_the_engine_and_leaves_the_viewer_usable(shown):
    shown.viewer.add_image(PIXELS, rgb=True)
    shown.use("endless")
    shown.dock.start.click()
    shown.qtbot.waitUntil(lambda: shown.pid is not None, timeout=60_000)
    engine = shown.session._engine
    shown.viewer.window.remove_dock_widget(shown.dock)
    shown.dock.deleteLater()
    shown.qtbot.waitUntil(lambda: engine.pid is None, timeout=10_000)
    shown.viewer.add_image(PIXELS, rgb=True, name="later")
    shown.viewer.layers[0].name = "renamed"
    shown.viewer.layers.clear()


def test_the_dock_stays_narrow_beside_long_names(shown):
    shown.viewer.add_image(PIXELS, rgb=True, name="a very long name of a slide " * 5)
    shown.session._show(State.FAILED, "a long sentence that says what was wrong " * 8)
    shown.qtbot.wait(50)
    assert shown.dock.minimumSizeHint().width() <= 340
