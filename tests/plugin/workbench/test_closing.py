"""A window that is closed while the disk is full, and docks that are closed while one paints."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox

from napari_qsa.errors import QsaError
from napari_qsa.images import open_images
from napari_qsa.plugin.workbench.room import room_of
from napari_qsa.project import Project

pytestmark = pytest.mark.window
PATIENCE_MS = 60_000


@pytest.fixture
def opened(make_napari_viewer, qtbot, tmp_path):
    """A viewer with the dock, and an image that is open for annotation."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    with Project.create(tmp_path / "colon.qsa", "Colon", pixel_size=0.5) as project:
        project.add_images(open_images([tmp_path / "one.png"]))
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    workbench = dock.workbench
    workbench.open_project(project.folder)
    qtbot.waitUntil(lambda: len(workbench.pool.rows) == 1, timeout=PATIENCE_MS)
    workbench.pool.open(workbench.pool.rows[0].id)
    qtbot.waitUntil(lambda: "glands" in kinds(viewer), timeout=PATIENCE_MS)
    return viewer, dock


def kinds(viewer):
    return [layer.name.split(" · ")[0] for layer in viewer.layers]


def window_of():
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))


@pytest.fixture
def answer(monkeypatch):
    """What is asked, and the words of the button that is pressed then."""
    asked, words = [], ["Close and lose it"]

    def press(box):
        asked.append(box.informativeText())
        next(button for button in box.buttons() if button.text() == words[0]).click()

    monkeypatch.setattr(QMessageBox, "exec", press)
    return asked, words


def test_a_window_that_would_lose_strokes_asks_first(opened, answer, monkeypatch):
    viewer, dock = opened
    asked, words = answer
    annotator, flush = dock.workbench.annotator, os.fsync
    folder = dock.workbench.desk.project.folder
    full = [True]

    def fsync(handle):
        if full:
            raise OSError(28, "No space left on device")
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    next(layer for layer in viewer.layers if layer.name.startswith("glands")).paint((20, 20), 1)
    assert not annotator.flush(30)
    words[0] = "Keep the window open"
    window_of().close()
    assert len(asked) == 1
    assert "Copy: " not in asked[0], "the disk of the copies is full, too"
    assert window_of().isVisible()
    assert dock.workbench.desk.project is not None
    full.clear()
    viewer.close()
    assert len(asked) == 1
    assert list((folder / "annotations").rglob("*.json"))


def test_a_window_that_is_closed_all_the_same_leaves_a_copy(opened, answer, monkeypatch):
    viewer, dock = opened
    asked, words = answer
    folder = dock.workbench.desk.project.folder

    def full(*_, **__):
        raise QsaError("The disk is full.")

    monkeypatch.setattr(Project, "save_draft", full)
    next(layer for layer in viewer.layers if layer.name.startswith("glands")).paint((20, 20), 1)
    words[0] = "Close"
    viewer.close()
    (text,) = asked
    copy = Path(text.rpartition("Copy: ")[2])
    assert copy.is_file()
    monkeypatch.undo()
    with Project.open(folder) as project:
        (facts,) = [project.take_rescued(found) for found in project.rescued()]
        assert project.read(facts.image).glands[20, 20] == 1


def test_a_closed_dock_leaves_no_layer_that_nobody_saves(opened, qtbot):
    viewer, dock = opened
    theirs = viewer.add_labels(np.zeros((4, 4), int), name="theirs")
    layer = next(layer for layer in viewer.layers if layer.name.startswith("glands"))
    layer.paint((20, 20), 1)
    gone = []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: bool(gone))
    assert list(viewer.layers) == [theirs]
    viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    assert kinds(viewer).count("glands") == 1
    shown = next(layer for layer in viewer.layers if layer.name.startswith("glands"))
    assert shown.data[20, 20] == 1
    assert room_of(viewer).workbench.annotator.flush(30)
