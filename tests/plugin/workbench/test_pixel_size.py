"""The question for the pixel size: its picture, and that it is asked once."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_qsa.images import open_images
from napari_qsa.plugin.workbench import pixel_size
from napari_qsa.plugin.workbench.pixel_size import CROP, Picture, PixelSize, ProjectAsker, crop
from napari_qsa.project import Project

pytestmark = pytest.mark.window


@pytest.mark.parametrize(
    ("pixels", "color"),
    [
        (np.full((40, 50), 7, np.uint8), (7, 7, 7)),
        (np.full((40, 50, 3), 9, np.uint8), (9, 9, 9)),
        (np.full((40, 50, 4), (1, 2, 3, 255), np.uint8), (1, 2, 3)),
        (np.full((40, 50, 1), 2**12 - 1, np.uint16), (255, 255, 255)),
        (np.full((40, 50, 3), 0.25), (255, 255, 255)),
    ],
)
def test_any_image_gives_a_picture(pixels, color):
    picture = crop(pixels)
    assert picture.shape == (40, 50, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[20, 20]) == color


def test_a_large_image_gives_its_middle():
    pixels = np.zeros((2000, 3000, 3), np.uint8)
    pixels[1000, 1500] = 255
    picture = crop(pixels)
    assert picture.shape == (*CROP, 3)
    assert np.argwhere(picture[..., 0] == 255).tolist() == [[CROP[0] // 2, CROP[1] // 2]]


@pytest.mark.parametrize("size", [0.05, 0.25, 0.5, 0.62, 1.0, 4.0, 20.0])
def test_the_bar_is_as_long_as_it_says_and_fits(qtbot, size):
    picture = Picture(np.zeros((480, 720, 3), np.uint8))
    qtbot.addWidget(picture)
    picture.put(size)
    length, shown = picture.bar()
    assert shown == pytest.approx(length / size * picture.zoom)
    assert 5 <= shown <= 0.61 * picture.width()


def white(image, row):
    return sum(image.pixelColor(column, row).lightness() > 250 for column in range(image.width()))


def test_the_bar_that_is_drawn_has_that_length(qtbot):
    picture = Picture(np.zeros((480, 720, 3), np.uint8))
    qtbot.addWidget(picture)
    for size in (0.4, 0.8):
        picture.put(size)
        image = picture.grab().toImage()
        _, shown = picture.bar()
        longest = max(white(image, row) for row in range(image.height() - 20, image.height() - 10))
        assert longest == pytest.approx(shown, abs=16)  # and the circle's edge


def test_an_objective_sets_the_number(qtbot):
    dialog = PixelSize(None, np.zeros((48, 72, 3), np.uint8), "3 images")
    qtbot.addWidget(dialog)
    dialog.objective.setCurrentIndex(2)
    dialog.objective.activated.emit(2)
    assert dialog.number.value() == 0.25
    assert dialog.picture.pixel_size == 0.25
    dialog.use.click()
    assert dialog.answer == 0.25


@pytest.fixture
def project(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.full((48, 64, 3), 200, np.uint8)).save(images / "one.png")
    with Project.create(tmp_path / "x.qsa", "x") as made:
        made.add_images(open_images([images]))
        yield made


@pytest.fixture
def asker(plain, qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    return ProjectAsker(parent, plain)


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_project_is_asked_about_once(asker, plain, project):
    plain.desk.put_project(project)
    assert asker.dialog.picture is not None
    plain.pool.rows_changed.emit()
    asker.dialog.number.setValue(0.31)
    click(asker.dialog.use)
    assert asker.dialog is None
    assert project.facts.pixel_size == 0.31
    plain.desk.put_project(None)
    plain.desk.put_project(project)
    assert asker.dialog is None


def test_not_to_know_is_an_answer(asker, plain, project, qtbot):
    plain.desk.put_project(project)
    click(asker.dialog.unknown)
    assert project.facts.pixel_size is None
    with Project.open(project.folder, read_only=True) as again:
        assert again.facts.settings[pixel_size.ASKED] is True
    parent = QWidget()
    qtbot.addWidget(parent)
    assert ProjectAsker(parent, plain).dialog is None


def test_the_open_image_is_laid_out_at_the_new_scale(asker, plain, project):
    asked = []
    plain.annotator.current = SimpleNamespace(image_id="a")
    plain.annotator.close = lambda: asked.append("close")
    plain.annotator.open = lambda image_id: asked.append(image_id)
    plain.desk.put_project(project)
    click(asker.dialog.use)
    assert asked == ["close", "a"]


@pytest.mark.parametrize("reason", ["known", "read_only", "empty"])
def test_there_is_no_question_without_need(asker, plain, project, reason, tmp_path):
    if reason == "known":
        project.set_pixel_size(0.5)
        plain.desk.put_project(project)
    elif reason == "read_only":
        with Project.open(project.folder, read_only=True) as reader:
            plain.desk.put_project(reader)
            assert asker.dialog is None
    else:
        with Project.create(tmp_path / "empty.qsa", "empty") as empty:
            plain.desk.put_project(empty)
    assert asker.dialog is None


def test_an_image_that_cannot_be_read_is_asked_about_without_a_picture(asker, plain, project):
    project.path_of(next(iter(project.images))).unlink()
    plain.desk.put_project(project)
    assert asker.dialog.picture is None
    click(asker.dialog.unknown)
