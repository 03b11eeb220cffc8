"""A real workbench on a small project, in a viewer without a window."""

from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
from napari.components import ViewerModel

from napari_qsa.images import open_dataset
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.gestures import Gestures
from napari_qsa.plugin.workbench.tools import Tools
from napari_qsa.project import Project
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.lane import Lane
from napari_qsa.session.workbench import Workbench

SHAPE = (60, 80)
PIXEL_SIZE = 0.5
PATIENCE = 20


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
        for _ in range(3):
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


@pytest.fixture
def project(tmp_path):
    folder = write_images(tmp_path / "pictures")
    project = Project.create(tmp_path / "glands.qsa", "Glands", pixel_size=PIXEL_SIZE, seed=7)
    project.add_images(open_dataset(folder))
    project.set_role(project.images, "train")
    yield project
    project.close()


@pytest.fixture
def bench(project):
    inbox = Inbox()
    bench = Bench(project, ViewerModel(), inbox.post, inbox)
    bench.build()
    yield bench
    bench.close()


@pytest.fixture
def make_proposal():
    return propose
