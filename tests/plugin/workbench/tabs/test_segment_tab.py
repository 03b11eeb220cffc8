"""The tab that segments: what it asks for, what it shows, and which gland a row means."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_qsa.plugin.identity import identify
from napari_qsa.plugin.workbench.looks import proposal_colormap
from napari_qsa.plugin.workbench.segment_tab import SegmentTab, summary
from napari_qsa.session.desk import Failure
from napari_qsa.session.proposals import Rules
from napari_qsa.session.state import State

pytestmark = pytest.mark.window


@pytest.fixture
def tab(workbench, viewer, qtbot):
    tab = SegmentTab(workbench, viewer)
    qtbot.addWidget(tab)
    return tab


@pytest.fixture
def calls(workbench):
    return workbench.segmenter.calls


def show_layer(viewer, proposal, **options):
    layer = viewer.add_labels(proposal.labels, colormap=proposal_colormap(), **options)
    identify(layer, kind="proposal", image=proposal.image_id)
    return layer


def click_row(tab, row):
    place = tab.table.visualRect(tab.table.model().index(row, 1)).center()
    QTest.mouseClick(tab.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def column(tab, number):
    model = tab.table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def test_without_images_nothing_can_be_started(tab):
    assert not tab.this.isEnabled()
    assert not tab.selection.isEnabled()
    assert not tab.all.isEnabled()
    assert not tab.threshold.isEnabled()


def test_rules_are_shown_once_there_is_a_prediction(tab, workbench, image_row, proposal):
    tab.show()
    assert not tab.threshold.isVisible()
    assert tab.unknown.isVisible()
    assert "first" in tab.unknown.text()
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    assert tab.threshold.isVisible()
    assert tab.threshold.value() >= 0.05
    assert not tab.unknown.isVisible()


def test_this_image_a_selection_or_all_are_asked_for(tab, workbench, select, image_row, calls):
    workbench.pool.put(*map(image_row, ("one", "two", "three")))
    workbench.pool.open("two")
    select(["three", "one"])
    assert tab.selection.text() == "Selection (2)"
    assert tab.all.text() == "All (3)"
    calls.clear()
    for button in (tab.this, tab.selection, tab.all):
        button.click()
    asked = [call[1] for call in calls if call[0] == "segment"]
    assert asked == [("two",), ("three", "one"), ("one", "two", "three")]


def test_the_model_in_use_is_chosen_and_suggestive_ones_are_not_offered(tab, calls, workbench):
    assert [tab.model.itemText(i) for i in range(tab.model.count())] == [
        "trained 2026-01-02 (abc) (5 networks, in use)",
        "glas-segmentation (5 networks)",
    ]
    tab.model.setCurrentIndex(1)
    tab.model.activated.emit(1)
    assert calls[-1] == ("choose", "glas")
    workbench.segmenter.models_changed.emit()
    assert tab.model.currentData() == "glas"
    tab.model.setCurrentIndex(0)
    tab.model.activated.emit(0)
    assert calls[-1] == ("choose", None)


def test_a_model_that_is_taken_into_use_is_the_one_that_segments(
    tab, workbench, image_row, proposal, calls
):
    segmenter = workbench.segmenter
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    segmenter.shown.emit(proposal())
    calls.clear()
    segmenter.models_changed.emit()
    assert calls == []
    old, suggestive, shipped = segmenter.known
    new = replace(old, key="new", name="trained 2026-03-04 (new)")
    segmenter.known = (new, replace(old, in_use=False), suggestive, shipped)
    segmenter.model = "new"
    segmenter.models_changed.emit()
    assert tab.model.currentData() == "new"
    assert calls == [("show", "one")]
    assert "not looked at this image" in tab.summary.text()
    tab.this.click()
    assert calls[-1][2] is None


def test_options_go_along(tab, workbench, image_row, calls):
    workbench.pool.put(image_row("one"))
    tab.flips.setChecked(True)
    tab.again.setChecked(True)
    tab.all.click()
    assert calls[-1] == ("segment", ("one",), None, True, True)


def test_nothing_is_started_beside_what_runs(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    workbench.segmenter.become(State.RUNNING, "Segmenting one…", 0.25)
    assert not tab.this.isEnabled()
    assert not tab.work.cancel.isHidden()
    assert tab.work.bar.value() == 250
    tab.work.cancel.click()
    assert workbench.segmenter.calls[-1] == ("cancel",)
    workbench.segmenter.become(State.CANCELLED, "Cancelled; 0 images segmented.")
    assert tab.this.isEnabled()
    assert tab.work.cancel.isHidden()


def test_an_image_that_becomes_current_is_shown(tab, workbench, calls):
    workbench.pool.open("two")
    assert calls == [("show", "two")]


def test_the_table_lists_the_glands(tab, workbench, proposal):
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    assert column(tab, 0) == ["1", "2", "7"]
    assert column(tab, 1) == ["25", "50", "18"]
    assert column(tab, 2)[0] == "0.00"
    assert column(tab, 3) == ["0.000", "0.000", "0.250"]
    assert tab.summary.text().startswith("3 glands, median area 25 µm²; least sure of gland 7.")


def test_columns_sort_as_numbers(tab, workbench, proposal):
    labels = np.zeros((60, 80), np.int32)
    labels[0:40, 0:60] = 3
    labels[50:54, 0:4] = 10
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal(labels=labels))
    tab.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert column(tab, 1) == ["4", "600"]
    tab.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert column(tab, 0) == ["10", "3"]


def test_a_proposal_for_another_image_is_not_shown(tab, workbench, proposal):
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal("two"))
    assert column(tab, 0) == []
    assert "not looked at this image" in tab.summary.text()


@pytest.mark.parametrize(("column_to_sort", "row", "label"), [(0, 2, 7), (1, 2, 2), (1, 0, 7)])
def test_a_clicked_row_selects_and_centres_its_gland(
    tab, workbench, viewer, proposal, qtbot, column_to_sort, row, label
):
    found = proposal()
    layer = show_layer(viewer, found, scale=(0.5, 0.5), translate=(10, 20))
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(found)
    tab.show()
    qtbot.waitExposed(tab)
    tab.table.sortByColumn(column_to_sort, Qt.SortOrder.AscendingOrder)
    click_row(tab, row)
    assert layer.selected_label == label
    gland = next(each for each in found.glands if each.label == label)
    centre = (10 + 0.5 * gland.row, 20 + 0.5 * gland.column)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre)
    drawn = layer.colormap.map(np.array([each.label for each in found.glands]))
    alike = [np.array_equal(drawn[0], colour) for colour in drawn]
    unlike = {each.label for each, same in zip(found.glands, alike, strict=True) if not same}
    assert unlike == ({label} if label != 1 else {2, 7})


def test_a_row_that_is_chosen_already_centres_again(tab, workbench, viewer, proposal, qtbot):
    found = proposal()
    show_layer(viewer, found)
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(found)
    tab.show()
    qtbot.waitExposed(tab)
    click_row(tab, 1)
    there = viewer.scene.camera.center
    viewer.scene.camera.center = (0, 0, 0)
    click_row(tab, 1)
    assert viewer.scene.camera.center == there


def test_the_view_comes_closer_and_never_goes_further_away(tab, workbench, viewer, proposal, qtbot):
    found = proposal()
    show_layer(viewer, found)
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(found)
    tab.show()
    qtbot.waitExposed(tab)
    viewer.scene.camera.zoom = 0.1
    click_row(tab, 0)
    closer = viewer.scene.camera.zoom
    assert closer > 1
    viewer.scene.camera.zoom = 10 * closer
    click_row(tab, 1)
    assert viewer.scene.camera.zoom == 10 * closer


def test_the_layer_is_found_by_what_it_is(tab, workbench, viewer, proposal, qtbot):
    found = proposal()
    other = show_layer(viewer, proposal("two"))
    layer = show_layer(viewer, found)
    layer.name = "something else"
    copied = viewer.add_labels(found.labels, metadata=dict(layer.metadata))
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(found)
    tab.show()
    qtbot.waitExposed(tab)
    click_row(tab, 2)
    assert layer.selected_label == 7
    assert other.selected_label == copied.selected_label == 1


def test_a_row_without_its_layer_does_nothing(tab, workbench, viewer, proposal, qtbot):
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    tab.show()
    qtbot.waitExposed(tab)
    before = viewer.scene.camera.center
    click_row(tab, 1)
    assert viewer.scene.camera.center == before


def test_sliders_ask_for_rules_and_leave_the_rest_to_the_model(tab, workbench, proposal, calls):
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    assert tab.threshold.value() == pytest.approx(0.5)
    assert tab.area.value() == pytest.approx(150)
    tab.threshold.setValue(0.7)
    assert calls[-1] == ("rules", pytest.approx(0.7), None)
    tab.area.setValue(900)
    assert calls[-1] == ("rules", pytest.approx(0.7), 900)
    tab.reset.click()
    assert calls[-1] == ("rules", None, None)
    assert tab.threshold.value() == pytest.approx(0.5)
    assert tab.area.value() == 150


def test_showing_a_prediction_asks_for_no_rules(tab, workbench, proposal, calls):
    workbench.pool.open("one")
    calls.clear()
    workbench.segmenter.shown.emit(proposal(rules=Rules(0.8, 1000.0)))
    assert tab.threshold.value() == pytest.approx(0.8)
    assert tab.area.value() == 1000
    assert calls == []


def test_an_answer_to_an_older_wish_does_not_move_the_slider(tab, workbench, proposal):
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    tab.threshold.setValue(0.6)
    tab.threshold.setValue(0.7)
    workbench.segmenter.shown.emit(proposal(rules=Rules(0.6, None)))
    assert tab.threshold.value() == pytest.approx(0.7)
    workbench.segmenter.shown.emit(proposal(rules=Rules(tab.threshold.value(), None)))
    workbench.segmenter.shown.emit(proposal(rules=Rules(0.3, None)))
    assert tab.threshold.value() == pytest.approx(0.3)


def test_sliders_change_no_layer_but_by_the_session(tab, workbench, viewer, proposal):
    found = proposal()
    predicted = show_layer(viewer, found)
    annotation = viewer.add_labels(np.ones((60, 80), np.int32))
    before = predicted.data.copy(), annotation.data.copy()
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(found)
    tab.threshold.setValue(0.9)
    tab.area.setValue(3000)
    np.testing.assert_array_equal(predicted.data, before[0])
    np.testing.assert_array_equal(annotation.data, before[1])


def test_errors_are_shown_and_kept(tab, workbench):
    workbench.segmenter.become(State.FAILED, "Too small.", details="Traceback")
    assert tab.work.error.message.text() == "⚠ Too small."
    assert not tab.work.error.isHidden()
    workbench.pool.open("one")
    assert not tab.work.error.isHidden()
    tab.work.error.more.click()
    assert tab.work.error.details.toPlainText() == "Traceback"
    tab.work.error.dismiss.click()
    assert tab.work.error.isHidden()


def test_only_failures_of_this_part_are_shown_here(tab, workbench):
    workbench.desk.failed.emit(Failure("Another.", "", "export"))
    assert tab.work.error.isHidden()
    workbench.desk.failed.emit(Failure("Ours.", "", "segmentation"))
    assert "Ours." in tab.work.error.message.text()
    workbench.segmenter.become(State.RUNNING, "Again…")
    assert tab.work.error.isHidden()


def test_words_for_what_was_found(proposal):
    assert "not looked" in summary(None)
    assert summary(()) == "No gland counts as one here."
    assert summary(proposal().glands[:1]).startswith("1 gland, median area 25 µm².")


def test_a_tab_that_is_gone_hears_nothing_more(workbench, viewer, qtbot, proposal):
    tab = SegmentTab(workbench, viewer)
    tab.deleteLater()
    qtbot.waitUntil(lambda: len(workbench.segmenter.shown) == 0)
    workbench.pool.open("one")
    workbench.segmenter.shown.emit(proposal())
    workbench.desk.failed.emit(Failure("Late.", "", "segmentation"))
