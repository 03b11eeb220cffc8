"""The tabs on the real session, with an engine that answers in this process."""

import sys
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_qsa.plugin.dispatch import QtPost
from napari_qsa.plugin.workbench import prediction_layer
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.export_tab import ExportTab
from napari_qsa.plugin.workbench.room import furnish
from napari_qsa.plugin.workbench.segment_tab import SegmentTab
from napari_qsa.plugin.workbench.suggest_tab import SuggestTab
from napari_qsa.plugin.workbench.train_tab import TrainTab
from napari_qsa.session.workbench import Workbench

pytestmark = pytest.mark.window
SESSION_TESTS = Path(__file__).parents[3] / "session"
PATIENCE = 60_000
IMAGES = 6

_watched: list[Path] = []
_opened: list[str] = []


def _hook(event, values):
    if event == "open" and _watched and threading.current_thread() is threading.main_thread():
        path = str(values[0])
        if any(path.startswith(str(folder)) for folder in _watched):
            _opened.append(path)


sys.addaudithook(_hook)  # it stays until the end: it looks only while something is watched


@pytest.fixture
def no_reading(tmp_path):
    """Note what of the test's folder is opened in the window's thread."""
    _opened.clear()
    _watched.append(tmp_path)
    yield _opened
    _watched.clear()


def _unwatched(engine):
    """Let the engine read images: a real one does so in its own process."""
    answer = engine._answer

    def unseen(*values):
        watched = _watched[:]
        _watched.clear()
        answer(*values)
        _watched.extend(watched)

    engine._answer = unseen
    return engine


class Bench:
    """A viewer's model, the real workbench, a project of small images, and the four tabs."""

    def __init__(self, folder, qtbot):
        from fake_engine import FakeEngine

        self.qtbot, self.folder = qtbot, folder
        pictures = folder / "pictures"
        pictures.mkdir()
        for number in range(IMAGES):
            pixels = np.random.default_rng(number).integers(0, 90, (90, 120, 3), dtype=np.uint8)
            pixels[5:45, 5:45] = 220
            pixels[50:86, 60 : 96 + number] = 200
            PIL.Image.fromarray(pixels).save(pictures / f"slide_{number}.png")
        self.viewer = ViewerModel()
        self.engine = _unwatched(FakeEngine())
        self.workbench = Workbench(QtPost(), self.engine)
        self.failures = []
        self.workbench.desk.failed.connect(self.failures.append)
        self.room = furnish(self.viewer, self.workbench)
        self.workbench.new_project(folder / "demo.qsa", pictures, pixel_size=0.5)
        self.until(lambda: len(self.workbench.pool.rows) == IMAGES)
        self.until(lambda: not self.workbench.running and self.workbench.pool.complete)
        self.layers = AnnotationLayers(
            self.viewer,
            self.workbench.annotator,
            self.workbench.segmenter,
            self.workbench.desk.background,
        )

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE)

    def make(self, kind):
        tab = kind(self.workbench, self.viewer)
        self.qtbot.addWidget(tab)
        tab.show()
        self.qtbot.waitExposed(tab)
        return tab

    def open(self, image_id):
        self.workbench.pool.open(image_id)
        annotator = self.workbench.annotator
        self.until(lambda: annotator.current is not None)
        self.until(lambda: annotator.current.image_id == image_id)

    def accept(self, image_id):
        self.open(image_id)
        self.workbench.annotator.current.glands[5:45, 5:45] = 1
        self.workbench.annotator.edited()
        self.workbench.annotator.accept()
        self.until(lambda: self.workbench.pool.row(image_id).annotation == "accepted")


@pytest.fixture
def bench(tmp_path, qtbot, monkeypatch):
    monkeypatch.syspath_prepend(str(SESSION_TESTS))
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(tmp_path / "cache"))
    bench = Bench(tmp_path, qtbot)
    yield bench
    bench.layers.close()
    bench.room.close()


def test_from_the_button_to_the_gland_in_the_middle(bench, no_reading):
    tab = bench.make(SegmentTab)
    bench.until(lambda: tab.model.count() == 1)
    assert tab.model.currentText() == "glas-segmentation (5 networks, in use)"
    first = bench.workbench.pool.rows[0].id
    bench.open(first)
    tab.this.click()
    bench.until(lambda: tab.table.model().rowCount() == 2)
    bench.until(lambda: prediction_layer.find(bench.viewer, first) is not None)
    layer = prediction_layer.find(bench.viewer, first)
    tab.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    place = tab.table.visualRect(tab.table.model().index(1, 1)).center()
    QTest.mouseClick(tab.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert int(layer.data[25, 25]) == layer.selected_label  # the larger of the two
    np.testing.assert_allclose(bench.viewer.scene.camera.center[-2:], (0.5 * 24.5, 0.5 * 24.5))
    assert bench.failures == []
    assert no_reading == []


def test_sliders_change_the_prediction_and_no_annotation(bench, no_reading):
    tab = bench.make(SegmentTab)
    first = bench.workbench.pool.rows[0].id
    bench.accept(first)
    tab.this.click()
    bench.until(lambda: tab.table.model().rowCount() == 2)
    painted = bench.layers.glands.data.copy()
    tab.area.setValue(380)
    bench.until(lambda: tab.table.model().rowCount() == 1)
    layer = prediction_layer.find(bench.viewer, first)
    bench.until(lambda: len(np.unique(layer.data)) == 2)
    np.testing.assert_array_equal(bench.layers.glands.data, painted)
    tab.reset.click()
    bench.until(lambda: tab.table.model().rowCount() == 2)
    assert bench.workbench.pool.row(first).annotation == "accepted"
    assert no_reading == []


def test_suggested_images_come_with_thumbnails_and_heatmaps(bench, no_reading):
    tab = bench.make(SuggestTab)
    tab.number.setValue(2)
    tab.start.click()
    bench.until(lambda: len(tab.batch.cards) >= 2)

    def drawn():
        cards = tab.batch.cards.values()
        return all(
            not picture.pixmap().isNull() for card in cards for picture in (card.picture, card.heat)
        )

    bench.until(drawn)
    card = next(iter(tab.batch.cards.values()))
    assert card.why.text().startswith("like ")
    assert "variety" not in tab.explained.text()
    QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    assert bench.workbench.pool.current == card.entry.image_id
    assert bench.failures == []
    assert no_reading == []


def test_a_cancelled_query_keeps_its_scores(bench):
    bench.engine.hold_after = 3
    tab = bench.make(SuggestTab)
    tab.start.click()
    bench.until(lambda: len(bench.engine.held) == 1)
    tab.work.cancel.click()
    bench.until(lambda: not bench.workbench.suggester.running)
    assert "3 images scored and kept" in tab.work.message.text()
    assert tab.start.isEnabled()
    bench.engine.release()
    tab.start.click()
    bench.until(lambda: len(tab.batch.cards) > 0)
    stems = bench.engine.stems("score_file")
    assert len(stems) == IMAGES + 1  # the one that was at work is asked for again


def test_accepted_annotations_are_exported(bench, no_reading):
    first = bench.workbench.pool.rows[0]
    bench.accept(first.id)
    tab = bench.make(ExportTab)
    tab.what.setCurrentIndex(tab.what.findData("accepted"))
    tab.format.setCurrentIndex(tab.format.findData("bmp"))
    tab.start.click()
    bench.until(lambda: not tab.look.isHidden())
    assert no_reading == []
    folder = Path(tab.folder.text())
    assert folder.parent == bench.folder
    labels = np.asarray(PIL.Image.open(folder / f"{first.name}_anno.bmp"))
    assert (labels > 0).sum() == 1600
    assert "1 image" in tab.work.message.text()
    assert not list(folder.glob("*region*"))
    assert bench.failures == []


def test_the_plan_names_what_is_accepted(bench, no_reading):
    tab = bench.make(TrainTab)
    bench.until(lambda: "No accepted image" in tab.plan.text())
    assert not tab.start.isEnabled()
    chosen = next(row.id for row in bench.workbench.pool.rows if row.role == "train")
    bench.accept(chosen)
    bench.until(lambda: tab.plan.text().startswith("1 accepted image with 1 gland;"))
    assert tab.start.isEnabled()
    assert "MB" in tab.plan.text()
    assert bench.failures == []
    assert no_reading == []


def test_an_error_of_the_engine_is_shown_in_the_tab(bench):
    from napari_qsa.errors import ImageError

    tab = bench.make(SegmentTab)
    bench.open(bench.workbench.pool.rows[0].id)
    bench.engine.errors["slide_0"] = ImageError("slide_0.png cannot be read: copy it again.")
    tab.this.click()
    bench.until(lambda: not tab.work.error.isHidden())
    said = tab.work.error.message.text() + tab.work.error.details.toPlainText()
    assert "copy it again" in said
