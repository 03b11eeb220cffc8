"""The tab that suggests: what it asks for, and the cards of the answer."""

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_qsa.plugin.workbench import preferences
from napari_qsa.plugin.workbench.pictures import heatmap_over
from napari_qsa.plugin.workbench.strategy_words import explained
from napari_qsa.plugin.workbench.suggest_tab import SuggestTab
from napari_qsa.session.ranked import Pick
from napari_qsa.session.state import State
from napari_qsa.suggestion import strategy_names

pytestmark = pytest.mark.window
GRAY = np.full((72, 96, 3), 128, np.uint8)


@pytest.fixture
def tab(workbench, viewer, qtbot):
    tab = SuggestTab(workbench, viewer)
    qtbot.addWidget(tab)
    return tab


@pytest.fixture
def rows(image_row):
    return (
        image_row("old", round=1, asked_for="annotate", rank=9, annotation="accepted"),
        image_row("b", round=2, asked_for="annotate", rank=2, why="like 4 other images"),
        image_row("v", round=2, asked_for="validate"),
        image_row(
            "a",
            round=2,
            asked_for="annotate",
            rank=1,
            why="uncertain (number 1 of 9)",
            uncertainty=0.2134,
            annotation="accepted",
        ),
        image_row("never", rank=3),
    )


@pytest.fixture
def batch():
    picks = tuple(Pick(i, n, True, 0.2, 3, "why") for n, i in enumerate("ab", 1))
    return SimpleNamespace(round=2, picks=picks, validate=("v",), cold_start=True, notes=("So.",))


def cards(tab):
    return list(tab.batch.cards.values())


def test_without_images_there_is_nothing_to_suggest(tab):
    assert not tab.start.isEnabled()
    assert cards(tab) == []
    assert tab.title.text() == ""


def test_the_button_asks_for_a_round(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    tab.number.setValue(5)
    tab.glands.setChecked(True)
    tab.start.click()
    asked = {"k": 5, "strategy": "suggestive", "he_glands": True}
    assert workbench.suggester.calls == [("suggest", asked)]


def test_a_strategy_can_be_chosen_and_is_explained(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    offered = [tab.strategy.itemData(place) for place in range(tab.strategy.count())]
    assert sorted(offered) == sorted(strategy_names())
    assert "variety" in tab.explained.text()
    tab.strategy.setCurrentIndex(offered.index("random"))
    assert tab.explained.text() == (
        "The choice is of images that are drawn by chance (0 images accepted)."
    )
    tab.start.click()
    assert workbench.suggester.calls[-1][1]["strategy"] == "random"


def test_it_starts_with_what_is_preferred(workbench, viewer, qtbot, monkeypatch):
    preferred = {"number": 1, "strategy": "coreset", "propose": False}
    monkeypatch.setattr(preferences, "get", lambda group, name: preferred[name])
    tab = SuggestTab(workbench, viewer)
    qtbot.addWidget(tab)
    assert tab.strategy.currentData() == "coreset"
    assert not tab.propose.isChecked()
    assert tab.number.text() == "1 image"
    tab.number.setValue(2)
    assert tab.number.text() == "2 images"


def test_the_last_round_is_listed_by_rank_and_the_checking_images_last(tab, workbench, rows):
    workbench.pool.put(*rows)
    assert list(tab.batch.cards) == ["a", "b", "v"]
    assert tab.title.text() == "Round 2: 1 of 3 images done"
    first, second, checking = cards(tab)
    assert first.title.text() == "1 · a.tif"
    assert first.state.text() == "accepted ✓\nuncertainty 0.213"
    assert first.why.text() == "uncertain (number 1 of 9)"
    assert second.state.text() == "to do"
    assert checking.title.text() == "Check · v.tif"
    assert "never learns" in checking.why.text()


def test_a_click_or_a_key_opens_the_image(tab, workbench, rows, qtbot):
    workbench.pool.put(*rows)
    tab.show()
    qtbot.waitExposed(tab)
    QTest.mouseClick(tab.batch.cards["b"].picture, Qt.MouseButton.LeftButton)
    assert workbench.pool.current == "b"
    tab.batch.cards["v"].setFocus()
    QTest.keyClick(tab.batch.cards["v"], Qt.Key.Key_Return)
    assert workbench.pool.current == "v"
    QTest.mouseClick(tab.batch.cards["a"], Qt.MouseButton.RightButton)
    assert workbench.pool.current == "v"


def test_the_open_image_has_a_thicker_frame(tab, workbench, rows):
    workbench.pool.put(*rows)
    workbench.pool.open("b")
    assert "3px" in tab.batch.cards["b"].styleSheet()
    workbench.pool.open("a")
    assert "1px" in tab.batch.cards["b"].styleSheet()


def test_thumbnails_come_when_they_are_there(tab, workbench, rows):
    workbench.pool.put(*rows)
    assert set(workbench.thumbnails.wanted) == {"a", "b", "v"}
    assert tab.batch.cards["a"].picture.pixmap().isNull()
    workbench.thumbnails.there["a"] = GRAY
    workbench.thumbnails.ready.emit("a")
    shown = tab.batch.cards["a"].picture.pixmap()
    assert (shown.width(), shown.height()) == (84, 63)


def test_heatmaps_are_of_the_model_that_suggests(tab, workbench, rows, batch):
    here, there = np.zeros((2, 72, 96), np.float32)
    here[:, :48] = there[:, 48:] = 0.5
    workbench.suggester.maps["a"] = here
    stored = SimpleNamespace(uncertainty=there)
    workbench.desk.project.read_prediction = lambda model, image: stored
    workbench.thumbnails.there["a"] = GRAY

    def coloured():
        image = tab.batch.cards["a"].heat.pixmap().toImage()
        return [image.pixelColor(column, 30).name() != "#808080" for column in (10, 70)]

    workbench.pool.put(*rows)
    assert coloured() == [True, False]
    workbench.segmenter.predicted.emit("a")
    assert coloured() == [True, False], "not of the model that segments"
    workbench.suggester.maps["a"] = there
    workbench.suggester.suggested.emit(batch)
    assert coloured() == [False, True], "it was scored anew"


def test_an_image_without_a_map_shows_where_the_other_model_is_unsure(tab, workbench, rows):
    uncertainty = np.zeros((72, 96), np.float32)
    uncertainty[:, :48] = 0.5
    stored = {}
    workbench.desk.project.read_prediction = lambda model, image: stored.get((model, image))
    workbench.thumbnails.there["a"] = GRAY
    workbench.pool.put(*rows)
    assert tab.batch.cards["a"].heat.pixmap().isNull()
    stored["abc", "a"] = SimpleNamespace(uncertainty=uncertainty)
    workbench.segmenter.predicted.emit("a")
    image = tab.batch.cards["a"].heat.pixmap().toImage()
    assert image.pixelColor(70, 30).name() == "#808080"
    assert image.pixelColor(10, 30).name() != "#808080"


def test_the_suggested_images_are_segmented_unless_unticked(tab, workbench, batch):
    workbench.suggester.suggested.emit(batch)
    assert workbench.segmenter.calls[-1][:2] == ("segment", ("a", "b", "v"))
    workbench.segmenter.calls.clear()
    tab.propose.setChecked(False)
    workbench.suggester.suggested.emit(batch)
    assert workbench.segmenter.calls == []


def test_what_is_segmented_already_is_not_disturbed(tab, workbench, batch):
    workbench.segmenter.become(State.RUNNING)
    workbench.suggester.suggested.emit(batch)
    assert workbench.segmenter.calls == []


def test_cold_start_is_explained_and_the_question_asked_only_then(tab, workbench, image_row, batch):
    workbench.pool.put(*(image_row(str(i), annotation="accepted") for i in range(7)))
    assert "variety" in tab.explained.text()
    assert not tab.glands.isHidden()
    workbench.suggester.suggested.emit(batch)
    assert tab.explained.text() == "So."
    tab.glands.setChecked(True)
    assert "unsure of" in tab.explained.text()
    workbench.pool.put(*(image_row(str(i), annotation="accepted") for i in range(8)))
    assert tab.glands.isHidden()
    assert "(8 images accepted)" in tab.explained.text()


def test_a_query_can_be_cancelled(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    workbench.suggester.become(State.RUNNING, "Scoring one…", 0.5)
    assert not tab.start.isEnabled()
    tab.work.cancel.click()
    assert workbench.suggester.calls == [("cancel",)]
    workbench.suggester.become(State.CANCELLED, "Cancelled; 3 images scored and kept.")
    assert tab.work.message.text() == "Cancelled; 3 images scored and kept."
    assert tab.start.isEnabled()


def test_one_row_that_changes_changes_its_card(tab, workbench, rows, image_row):
    workbench.pool.put(*rows)
    card = tab.batch.cards["b"]
    changed = [*rows]
    changed[1] = image_row("b", round=2, asked_for="annotate", rank=2, annotation="draft")
    workbench.pool.rows = tuple(changed)
    workbench.pool.row_changed.emit("b")
    assert tab.batch.cards["b"] is card
    assert card.state.text() == "draft"


def test_explained_is_one_thought():
    assert "(now 3)" in explained(3)
    assert "variety" not in explained(3, he_glands=True)


def test_a_heatmap_leaves_certain_pixels_alone():
    uncertainty = np.array([[0.0, 0.5]], np.float32)
    over = heatmap_over(GRAY, uncertainty)
    np.testing.assert_array_equal(over[:, :48], GRAY[:, :48])
    assert (over[:, 48:] != 128).any(axis=2).all()
