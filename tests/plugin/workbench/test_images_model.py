"""The table of the images: what it shows, its order, and that it stays off the disk."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap

from napari_qsa.plugin.workbench.images_model import CURRENT, ROW, ImagesModel
from napari_qsa.plugin.workbench.images_words import FILTERS, Column, marks_of, tip_of
from napari_qsa.session.pool import Row

pytestmark = pytest.mark.window
ROLES = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.DecorationRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.TextAlignmentRole,
    Qt.ItemDataRole.FontRole,
    ROW,
    CURRENT,
)
A = Row("a", "b slide", annotation="accepted", role="train", glands=7, rank=2, uncertainty=0.2)
B = Row("b", "a slide", page=3, role="validation", asked_for="validate", round=1, grade="benign")
C = Row("c", "C slide", annotation="draft", role="excluded", uncertainty=0.05, presence="missing")


@pytest.fixture
def model(qapp, plain):
    plain.pool.put(A, B, C)
    return ImagesModel(plain.pool, plain.thumbnails)


def shown(model, column=Column.IMAGE):
    return [model.index(place, column).data() for place in range(model.rowCount())]


def ids(model):
    return model.ids(0, model.rowCount())


def test_each_fact_has_its_cell(model):
    assert shown(model) == ["b slide", "a slide · page 4", "C slide"]
    assert shown(model, Column.ANNOTATION) == ["accepted", "–", "draft"]
    assert shown(model, Column.ROLE) == ["training", "validation", "left out"]
    assert shown(model, Column.RANK) == ["2", "–", "–"]
    assert shown(model, Column.UNCERTAINTY) == ["0.200", "–", "0.050"]
    assert shown(model, Column.GLANDS) == ["7", "–", "–"]
    assert shown(model, Column.GRADE) == ["–", "benign", "–"]


def test_all_that_matters_is_said_in_words():
    assert marks_of(A) == ["accepted"]
    assert marks_of(B) == ["to validate"]
    assert marks_of(C) == ["file missing", "draft", "left out"]
    told = tip_of(replace(A, why="like 7 others", trained_on=True, presence="changed"))
    assert "like 7 others" in told
    assert "trained on" in told
    assert "has changed" in told


@pytest.mark.parametrize(
    ("column", "rising", "falling"),
    [
        (Column.IMAGE, "bac", "cab"),
        (Column.ANNOTATION, "bca", "acb"),
        (Column.UNCERTAINTY, "cab", "acb"),
        (Column.RANK, "abc", "abc"),
        (Column.GRADE, "bac", "bac"),
    ],
)
def test_what_is_not_known_is_last_in_both_directions(model, column, rising, falling):
    model.sort(column, Qt.SortOrder.AscendingOrder)
    assert ids(model) == list(rising)
    model.sort(column, Qt.SortOrder.DescendingOrder)
    assert ids(model) == list(falling)
    model.sort(-1)
    assert ids(model) == ["a", "b", "c"]


def test_filters(model):
    found = {}
    for name in FILTERS:
        model.show_only("", name)
        found[name] = "".join(ids(model))
    assert found == {
        "All images": "abc",
        "Asked for, not done": "b",
        "Not annotated": "b",
        "Drafts": "c",
        "Accepted": "a",
        "Validation": "b",
        "Left out": "c",
        "Missing or changed": "c",
    }
    model.show_only("SLIDE c", "All images")
    assert ids(model) == ["c"]


def test_a_changed_row_is_painted_where_it_is(model, plain, qtbot):
    model.show_only("", "Not annotated")
    with qtbot.waitSignal(model.dataChanged) as changed:
        plain.pool.put_row(replace(B, annotation="accepted", glands=3))
    assert changed.args[0].row() == 0
    assert shown(model, Column.ANNOTATION) == ["accepted"]
    plain.pool.rows_changed.emit()
    assert model.rowCount() == 0


def test_rows_that_only_changed_do_not_reset_the_views(model, plain, qtbot):
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        plain.pool.put(replace(A, rank=5), B, C)
    assert shown(model, Column.RANK)[0] == "5"
    with qtbot.waitSignal(model.modelReset):
        plain.pool.put(A, C)
    assert model.place_of("b").isValid() is False
    assert model.place_of("c").row() == 1


def test_the_open_image_is_marked(model, plain):
    plain.pool.open("b")
    assert [model.index(place, 0).data(CURRENT) for place in range(3)] == [False, True, False]
    plain.pool.open("c")
    assert [model.index(place, 0).data(CURRENT) for place in range(3)] == [False, False, True]


def test_a_thumbnail_comes_when_it_is_ready(model, plain, qtbot):
    place = model.index(1, 0)
    assert place.data(Qt.ItemDataRole.DecorationRole) is None
    picture = np.zeros((48, 96, 3), np.uint8)
    picture[:, :48] = (250, 10, 20)
    plain.thumbnails.pictures["b"] = picture
    with qtbot.waitSignal(model.dataChanged):
        plain.thumbnails.ready.emit("b")
    pixmap = place.data(Qt.ItemDataRole.DecorationRole)
    assert isinstance(pixmap, QPixmap)
    assert (pixmap.width(), pixmap.height()) == (96, 48)
    color = pixmap.toImage().pixelColor(10, 10)
    assert (color.red(), color.green(), color.blue()) == (250, 10, 20)


class Watch:
    """Notes each file that is opened and each folder that is listed, while it is switched on."""

    EVENTS = ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove")

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.on and event in self.EVENTS:
            self.seen.append((event, arguments))

    def __enter__(self):
        self.on = True
        self.seen.clear()
        return self.seen

    def __exit__(self, *error):
        self.on = False


@pytest.fixture(scope="module")
def watch():
    return Watch()


def test_the_watch_sees_a_read(watch, tmp_path):
    (tmp_path / "file").write_text("x")
    with watch as seen:
        (tmp_path / "file").read_text()
    assert seen


def test_data_never_touches_the_disk(qapp, plain, rows, watch):
    plain.pool.put(*rows(10_000))
    plain.thumbnails.want([row.id for row in plain.pool.rows[::7]])
    plain.thumbnails.deliver()
    model = ImagesModel(plain.pool, plain.thumbnails)
    with watch as seen:
        for place in range(0, 10_000, 3):
            for column in Column:
                index = model.index(place, column)
                for role in ROLES:
                    index.data(role)
        model.sort(Column.UNCERTAINTY, Qt.SortOrder.DescendingOrder)
        model.show_only("slide 0123", "Not annotated")
    assert seen == []
    assert model.rowCount() == 11


def test_a_model_that_is_gone_follows_nothing(qapp, plain):
    model = ImagesModel(plain.pool, plain.thumbnails)
    before = len(plain.pool.rows_changed)
    model.deleteLater()
    qapp.sendPostedEvents(model, 52)  # QEvent.DeferredDelete
    assert before == 1
    assert len(plain.pool.rows_changed) == 0
