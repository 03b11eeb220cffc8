"""Each change of the pixels is told to the annotator, and nothing else is."""

import numpy as np
import pytest


def paint(bench, place=(30, 40), number=7):
    bench.layers.glands.paint(place, number)


@pytest.fixture
def edits(bench, monkeypatch):
    told = []
    edited = bench.annotator.edited
    monkeypatch.setattr(bench.annotator, "edited", lambda: (told.append(1), edited()))
    return told


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.paint((30, 40), 2),
        lambda layer: layer.fill((30, 40), 2),
        lambda layer: layer.data_setitem((np.array([1]), np.array([2])), 2),
        lambda layer: (layer.data.__setitem__((0, 0), 2), layer.refresh()),
    ],
    ids=["paint", "fill", "data_setitem", "direct write"],
)
@pytest.mark.parametrize("kind", ["glands", "region"])
def test_each_change_is_told(bench, edits, kind, change):
    bench.open(0)
    change(bench.layers[kind])
    bench.settle()
    assert edits
    assert bench.annotator.saving.state == "dirty"


def test_undo_and_redo_are_told(bench, edits):
    bench.open(0)
    paint(bench)
    edits.clear()
    bench.layers.glands.undo()
    assert len(edits) == 1
    bench.layers.glands.redo()
    assert len(edits) == 2


@pytest.mark.parametrize(
    "look",
    [
        lambda bench: setattr(bench.layers.glands, "visible", False),
        lambda bench: (bench.layers.toggle_overlays(), bench.layers.toggle_overlays()),
        lambda bench: setattr(bench.layers.glands, "contour", 2),
        lambda bench: setattr(bench.layers.glands, "selected_label", 5),
        lambda bench: bench.layers.glands.refresh(),
        lambda bench: setattr(bench.viewer.layers.selection, "active", bench.layers.region),
        lambda bench: setattr(bench.layers.glands, "editable", False),
    ],
    ids=["visible", "hide", "contour", "label", "refresh", "region", "locked"],
)
def test_looking_is_no_change(bench, edits, look):
    bench.open(0)
    look(bench)
    bench.settle()
    bench.layers.glands.refresh()
    bench.settle()
    assert not edits


def test_looking_after_a_save_is_no_change(bench, edits):
    bench.open(0)
    paint(bench)
    bench.annotator.save_now()
    bench.settle()
    edits.clear()
    bench.layers.glands.refresh()
    bench.settle()
    assert not edits
    bench.glands[0, 0] = 9
    bench.layers.glands.refresh()
    bench.settle()
    assert edits


def test_accepting_marks_the_region_as_reviewed_and_is_no_change(bench, edits):
    opened = bench.open(0)
    opened.region[0, 0] = 1  # where nothing at all is marked it is not accepted
    bench.annotator.accept()
    bench.wait(lambda: bench.pool.row(bench.image_id).annotation == "accepted")
    bench.settle()
    assert (bench.layers.region.data == 1).all()
    assert not edits


def test_a_long_stroke_is_told_before_it_ends(bench, edits, monkeypatch):
    from napari_qsa.plugin.workbench import changes

    monkeypatch.setattr(changes, "TELL_AGAIN", 0.0)
    bench.open(0)
    with bench.layers.glands.block_history():
        paint(bench)
        assert edits


def test_pixels_that_a_script_puts_in_are_taken_over(bench, edits):
    opened = bench.open(0)
    paint(bench)
    other = np.zeros(opened.glands.shape, np.uint16)
    other[2:5, 2:5] = 4
    edits.clear()
    bench.layers.glands.data = other
    bench.settle()
    assert bench.layers.glands.data is opened.glands
    np.testing.assert_array_equal(opened.glands, other)
    assert edits
    bench.layers.glands.undo()  # the step before was of other pixels
    np.testing.assert_array_equal(opened.glands, other)
