"""A real workbench on a small project, in a viewer without a window."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_qsa.images import open_dataset
from napari_qsa.plugin.dispatch import QtPost
from napari_qsa.plugin.workbench.annotate_tab import AnnotateTab
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.gestures import Gestures
from napari_qsa.plugin.workbench.tools import Tools
from napari_qsa.project import Project
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.lane import Lane
from napari_qsa.session.workbench import Workbench

SHAPE = (60, 80)
LARGE = (300, 400)
PIXEL_SIZE = 0.5
PATIENCE = 20
PATIENCE_MS = 30_000


class NoEngine:
    """Nothing here is computed by networks."""

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass


def propose(image_id, *boxes, shape=SHAPE):
    """A proposal of rectangles, each (rows, columns)."""
    labels = np.zeros(shape, np.int32)
    for number, (rows, columns) in enumerate(boxes):
        labels[slice(*rows), slice(*columns)] = number + 1
    uncertainty = np.linspace(0, 0.5, labels.size, dtype=np.float32).reshape(shape)
    return SimpleNamespace(image_id=image_id, labels=labels, uncertainty=uncertainty)


def write_images(folder, count=3, shape=SHAPE):
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(150, 255, (*shape, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"slide_{number}.png")
    return folder


class Bench:
    """A workbench with an open project, its layers and tools."""

    def __init__(self, project, viewer, post, inbox=None):
        self.viewer, self.inbox = viewer, inbox
        self.workbench = Workbench(post, NoEngine())
        self.desk, self.pool = self.workbench.desk, self.workbench.pool
        self.annotator = self.workbench.annotator
        self.segmenter, self.proposals = self.workbench.segmenter, {}
        self.segmenter.show = self.show  # what a test puts into `proposals`
        self.failures, self.said = [], []
        self.desk.failed.connect(self.failures.append)
        self.desk.put_project(project)
        self.ids = tuple(project.images)

    def show(self, image_id):
        self.segmenter.shown.emit(self.proposals.get(image_id))

    def build(self):
        self.lane = Lane(self.desk.post, "test-edits")
        self.layers = AnnotationLayers(self.viewer, self.annotator, self.segmenter, self.lane)
        self.tools = Tools(self.layers, lambda error: self.desk.fail("annotation", error))
        self.gestures = Gestures(self.layers, self.tools)
        self.tools.said.connect(self.said.append)

    def wait(self, condition):
        self.inbox.run_until(condition, PATIENCE)

    def settle(self):
        """Until both lanes have done all and their answers were heard, and what these led to."""
        for _ in range(2):
            for lane in (self.lane, self.desk.disk):
                heard = []
                lane.do(lambda: None, lambda _, heard=heard: heard.append(True))
                self.wait(lambda heard=heard: bool(heard))

    def open(self, index):
        image_id = self.ids[index]
        self.pool.open(image_id)
        self.wait(lambda: self.layers.opened is not None and self.image_id == image_id)
        self.settle()
        return self.layers.opened

    @property
    def image_id(self):
        return self.layers.opened.image_id

    @property
    def glands(self):
        return self.layers.opened.glands

    def put(self, number, rows, columns):
        """Write a gland into the pixels, as if it had been there from the start."""
        self.glands[slice(*rows), slice(*columns)] = number
        self.layers.glands.refresh()
        self.settle()

    def stored(self, image_id=None):
        return self.desk.project.read(image_id or self.image_id)

    def close(self):
        self.workbench.close()
        self.layers.close()
        self.lane.close()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(tmp_path_factory.mktemp("cache")))


def make_project(folder, shape):
    images = write_images(folder / "pictures", shape=shape)
    project = Project.create(folder / "glands.qsa", "Glands", pixel_size=PIXEL_SIZE, seed=7)
    project.add_images(open_dataset(images))
    project.set_role(project.images, "train")
    return project


@pytest.fixture
def project(tmp_path):
    with make_project(tmp_path, SHAPE) as project:
        yield project


@pytest.fixture
def large_project(tmp_path):
    with make_project(tmp_path, LARGE) as project:
        yield project


@pytest.fixture
def bench(project):
    inbox = Inbox()
    bench = Bench(project, ViewerModel(), inbox.post, inbox)
    bench.build()
    yield bench
    bench.close()


@pytest.fixture
def bench_of():
    """Make a bench of a project."""
    benches = []

    def make(project):
        inbox = Inbox()
        benches.append(Bench(project, ViewerModel(), inbox.post, inbox))
        benches[-1].build()
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def window_of(make_napari_viewer, qtbot):
    """Make a window of a project; its first image is open."""
    windows = []

    def make(project, index=0):
        windows.append(Window(project, make_napari_viewer(show=True), qtbot))
        windows[-1].open(index)
        qtbot.waitExposed(windows[-1].canvas)
        windows[-1].settle()
        return windows[-1]

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def make_proposal():
    return propose


class Window(Bench):
    """A workbench in a window with the tab, and the user's hands."""

    def __init__(self, project, viewer, qtbot):
        self.qtbot = qtbot
        super().__init__(project, viewer, QtPost())
        viewer.window.resize(1000, 700)  # what is drawn by the processor alone takes its time
        self.tab = AnnotateTab(self.workbench, viewer)
        self.dock = viewer.window.add_dock_widget(self.tab, name="QSA", area="right")
        self.layers, self.tools, self.lane = self.tab.layers, self.tab.tools, self.tab._lane
        self.canvas = next(
            widget
            for widget in QApplication.allWidgets()
            if type(widget).__name__ == "CanvasBackendDesktop"
        )

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def open(self, index):
        opened = super().open(index)
        QApplication.processEvents()
        return opened

    def at(self, place):
        """Where a pixel (row, column) is on the canvas."""
        camera = self.viewer.scene.camera
        y, x = self.layers.glands.data_to_world(place)
        middle = np.array([self.canvas.width(), self.canvas.height()]) / 2
        away = np.array([x - camera.center[2], y - camera.center[1]]) * camera.zoom
        return QPoint(*(round(value) for value in middle + away))

    def drag(self, *places, button=Qt.MouseButton.LeftButton):
        QTest.mousePress(self.canvas, button, pos=self.at(places[0]))
        for before, after in pairwise(places):
            for share in np.linspace(0, 1, 6)[1:]:
                between = np.array(before) + share * (np.array(after) - before)
                QTest.mouseMove(self.canvas, self.at(between))
                QApplication.processEvents()
        QTest.mouseRelease(self.canvas, button, pos=self.at(places[-1]))
        QApplication.processEvents()

    def click(self, place):
        self.drag(place)
        self.end_of_tool()

    def end_of_tool(self):
        """Until the tools have nothing under way."""
        idle = []
        self.tools.changing.when_idle(lambda: idle.append(True))
        self.wait(lambda: bool(idle))

    def point(self, place):
        QTest.mouseMove(self.canvas, self.at(place))
        QApplication.processEvents()

    def hover(self, place):
        """Move the mouse there; a window that was shown just now may miss the first move."""

        def is_there():
            QTest.mouseMove(self.canvas, self.at(place) + QPoint(2, 0))
            QTest.mouseMove(self.canvas, self.at(place))
            QApplication.processEvents()
            seen = self.layers.place_of(self.viewer.cursor.position)
            return seen is not None and np.abs(np.subtract(seen, place)).max() <= 2

        self.qtbot.waitUntil(is_there)

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.canvas, key, modifier)
        self.end_of_tool()

    def press(self, button):
        assert button.isEnabled()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.end_of_tool()

    def numbers(self):
        return set(np.unique(self.glands).tolist()) - {0}

    def close(self):
        self.workbench.close()


@pytest.fixture
def window(make_napari_viewer, qtbot, large_project):
    window = Window(large_project, make_napari_viewer(show=True), qtbot)
    window.proposals[window.ids[0]] = propose(
        window.ids[0], ((200, 260), (40, 120)), ((200, 260), (200, 300)), shape=LARGE
    )
    window.open(0)
    window.qtbot.waitExposed(window.canvas)
    window.settle()
    yield window
    window.close()
