"""Each edit is one undo step of napari's layer; on its model, without a window."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_qsa.session import edits
from napari_qsa.session.edits import Change

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.layers import Labels


@pytest.fixture
def layer() -> Labels:
    glands = np.zeros((40, 60), np.uint16)
    glands[5:25, 5:25] = 1
    glands[10:15, 10:15] = 0
    glands[5:25, 28:55] = 2
    glands[5, 40:60:2] = 2
    glands[30:32, 30:32] = 3
    viewer = ViewerModel()
    return viewer.add_labels(glands)


PROPOSAL = np.zeros((40, 60), np.int32)
PROPOSAL[28:38, 5:20] = 1
PROPOSAL[20:38, 40:55] = 2

EDITS: dict[str, Callable[[np.ndarray], Change]] = {
    "split": lambda glands: edits.split(glands, [(0, 40), (39, 41)]),
    "merge": lambda glands: edits.merge(glands, 1, 2),
    "delete": lambda glands: edits.delete(glands, 3),
    "fill holes": lambda glands: edits.fill_holes(glands, 1),
    "smooth": lambda glands: edits.smooth(glands, 2, 3),
    "take over": lambda glands: edits.take_over(glands, PROPOSAL, 1),
    "take over all": lambda glands: edits.take_over_all(glands, PROPOSAL),
    "clear": edits.clear,
}


def put(layer: Labels, change: Change) -> None:
    layer.data_setitem(change.where, change.values)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_one_undo_step(layer: Labels, name: str) -> None:
    ours = layer.data
    before = ours.copy()
    change = EDITS[name](ours)
    assert change
    assert (ours == before).all(), "nothing changes before the layer is told"
    put(layer, change)
    assert layer.data is ours, "painted in place"
    after = before.copy()
    after[change.where] = change.values
    assert (ours == after).all()
    layer.undo()
    assert (ours == before).all()
    layer.redo()
    assert (ours == after).all()


def test_all_edits_after_one_another_are_undone_one_by_one(layer: Labels) -> None:
    states = [layer.data.copy()]
    for edit in EDITS.values():
        change = edit(layer.data)
        if change:  # the second gland is gone once it is merged
            put(layer, change)
            states.append(layer.data.copy())
    assert len(states) == len(EDITS)
    for state in reversed(states[:-1]):
        layer.undo()
        assert (layer.data == state).all()
    layer.undo()
    assert (layer.data == states[0]).all(), "there is nothing before the first"


def test_an_edit_that_changes_nothing_is_no_step(layer: Labels) -> None:
    put(layer, edits.delete(layer.data, 3))
    put(layer, edits.delete(layer.data, 3))
    put(layer, edits.mark(layer.data, np.zeros((40, 60), bool), 1))
    layer.undo()
    assert (layer.data == 3).any()


def test_no_glands_here_marks_the_region_too() -> None:
    region = ViewerModel().add_labels(np.zeros((4, 6), np.uint8))
    put(region, edits.mark(region.data, np.ones((4, 6), bool), 1))
    assert (region.data == 1).all()
    region.undo()
    assert not region.data.any()
