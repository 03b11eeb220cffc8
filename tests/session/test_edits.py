"""Edits of annotations: known answers, and what holds for any annotation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label as components

from napari_qsa.errors import QsaError
from napari_qsa.session import edits
from napari_qsa.session.edits import Change

SHAPE = (40, 60)


def done(glands: np.ndarray, change: Change) -> np.ndarray:
    """What the layer holds after the change, and what holds for each change."""
    rows, columns = change.where
    assert change.values.shape == rows.shape == columns.shape
    assert change.values.dtype == glands.dtype
    flat = np.ravel_multi_index((rows, columns), glands.shape)
    assert len(np.unique(flat)) == len(flat), "each pixel once"
    assert (glands[change.where] != change.values).all(), "only what changes"
    after = glands.copy()
    after[change.where] = change.values
    return after


def numbers(glands: np.ndarray) -> set[int]:
    return set(np.unique(glands).tolist()) - {0}


def pieces(mask: np.ndarray) -> int:
    return int(components(mask, connectivity=2, return_num=True)[1])


def empty() -> np.ndarray:
    return np.zeros(SHAPE, np.uint16)


@st.composite
def annotations(draw: st.DrawFn) -> np.ndarray:
    """Blocks and discs over one another, some of them torn, and some stray pixels."""
    glands = np.zeros(SHAPE, draw(st.sampled_from([np.uint8, np.uint16, np.uint32])))
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for number in draw(st.lists(st.integers(1, 9), max_size=6)):
        row, column = draw(st.integers(0, 39)), draw(st.integers(0, 59))
        size = draw(st.integers(1, 14))
        if draw(st.booleans()):
            glands[row : row + size, column : column + 2 * size] = number
        else:
            glands[(rows - row) ** 2 + (columns - column) ** 2 <= size**2] = number
        if draw(st.booleans()):
            glands[row + 2 : row + 5, column + 2 : column + 5] = 0
    holes = draw(arrays(np.bool_, SHAPE, elements=st.just(False), fill=st.booleans()))
    glands[holes & (glands == 3)] = 0
    return glands


lines = st.lists(
    st.tuples(st.floats(-10, 50, width=32), st.floats(-10, 70, width=32)), min_size=2, max_size=5
)
labels = st.integers(0, 10)


# Known answers


def test_a_line_divides_a_gland_and_loses_no_pixel() -> None:
    glands = empty()
    glands[5:25, 10:50] = 7
    glands[30:35, 10:50] = 4
    after = done(glands, edits.split(glands, [(0, 20), (27, 20)]))
    assert numbers(after) == {4, 7, 8}
    assert (after[5:25, 21:50] == 7).all(), "the largest part keeps the number"
    assert (after[5:25, 10:20] == 8).all()
    assert (after > 0).sum() == (glands > 0).sum()


@pytest.mark.parametrize("line", [[(0, 5), (39, 50)], [(0, 50), (39, 5)], [(0, 10), (39, 40)]])
def test_a_slanting_line_divides(line: list[tuple[int, int]]) -> None:
    glands = empty()
    glands[5:35, 5:55] = 1
    after = done(glands, edits.split(glands, line))
    assert numbers(after) == {1, 2}
    assert pieces(after == 1) == pieces(after == 2) == 1


def test_a_line_through_two_glands_divides_both_or_the_one_that_is_named() -> None:
    glands = empty()
    glands[5:15, 10:50] = 1
    glands[20:30, 10:50] = 2
    line = [(0, 30.4), (39, 29.6)]
    assert numbers(done(glands, edits.split(glands, line))) == {1, 2, 3, 4}
    after = done(glands, edits.split(glands, line, 2))
    assert numbers(after) == {1, 2, 3}
    assert ((after == 1) == (glands == 1)).all()


@pytest.mark.parametrize(
    "line", [[(10, 20), (10, 30)], [(0, 0), (0, 59)], [(0, 30), (20, 30)], [(10, 20)], []]
)
def test_a_line_that_divides_nothing_changes_nothing(line: list[tuple[int, int]]) -> None:
    glands = empty()
    glands[5:35, 10:50] = 1
    assert not edits.split(glands, line)


def test_crumbs_are_no_glands() -> None:
    glands = empty()
    glands[5:25, 10:50] = 1
    corner = [(4, 14), (9, 9)]
    assert not edits.split(glands, corner)


def test_merging_renumbers_and_closes_a_small_gap() -> None:
    glands = empty()
    glands[5:25, 10:28] = 2
    glands[5:25, 31:50] = 5
    glands[5:8, 28:31] = 9
    after = done(glands, edits.merge(glands, 2, 5))
    assert numbers(after) == {2, 9}
    assert pieces(after == 2) == 1
    assert ((after == 9) == (glands == 9)).all()
    assert (after[12:20, 28:31] == 2).all()


def test_merging_what_touches_fills_nothing() -> None:
    glands = empty()
    glands[5:25, 10:30] = 1
    glands[15:35, 30:50] = 2
    after = done(glands, edits.merge(glands, 2, 1))
    assert ((after == 2) == (glands > 0)).all()


def test_merging_what_lies_far_apart_only_renumbers() -> None:
    glands = empty()
    glands[5:25, 5:15] = 1
    glands[5:25, 40:50] = 2
    after = done(glands, edits.merge(glands, 1, 2))
    assert ((after == 1) == (glands > 0)).all()
    assert pieces(after == 1) == 2


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 3), (3, 1), (0, 1), (1, 0)])
def test_merging_with_nothing_changes_nothing(first: int, second: int) -> None:
    glands = empty()
    glands[5:25, 5:15] = 1
    assert not edits.merge(glands, first, second)


def test_holes_are_filled_but_not_the_glands_in_them() -> None:
    glands = empty()
    glands[5:35, 5:55] = 3
    glands[10:30, 10:30] = 0
    glands[15:20, 15:20] = 4
    glands[20:25, 50:60] = 0
    after = done(glands, edits.fill_holes(glands, 3))
    assert (after[10:30, 10:30][glands[10:30, 10:30] == 0] == 3).all()
    assert (after[15:20, 15:20] == 4).all()
    assert (after[20:25, 50:60] == 0).all(), "a bay is no hole"


def test_smoothing_takes_a_spike_and_closes_a_notch() -> None:
    glands = empty()
    glands[10:30, 10:50] = 1
    glands[5:10, 20] = 1
    glands[10:14, 35] = 0
    after = done(glands, edits.smooth(glands, 1, 3))
    assert not after[5:8, 20].any()
    assert after[12:14, 35].all()


def test_a_gland_at_the_edge_of_the_image_stays_there() -> None:
    glands = empty()
    glands[0:20, 0:60] = 1
    assert not edits.smooth(glands, 1, 3)


def test_a_proposed_gland_is_taken_where_nothing_is_annotated() -> None:
    glands, proposal = empty(), np.zeros(SHAPE, np.int32)
    glands[5:15, 5:15] = 6
    proposal[10:20, 10:20] = 70000
    after = done(glands, edits.take_over(glands, proposal, 70000))
    assert ((after == 7) == ((proposal > 0) & (glands == 0))).all()
    assert not edits.take_over(glands, proposal, 1)
    assert not edits.take_over(glands, proposal, 0)
    assert not edits.take_over(after, proposal, 70000)


def test_taking_all_leaves_out_what_is_annotated() -> None:
    glands, proposal = empty(), np.zeros(SHAPE, np.int32)
    proposal[2:12, 2:12] = 1
    proposal[20:30, 2:12] = 2
    proposal[20:30, 30:40] = 5
    glands[3:11, 3:11] = 1  # the rim of the first is no gland
    glands[20:22, 2:12] = 2
    after = done(glands, edits.take_over_all(glands, proposal))
    assert numbers(after) == {1, 2, 3, 4}
    assert ((after == 1) == (glands == 1)).all()
    assert ((after == 3) == ((proposal == 2) & (glands == 0))).all()
    assert ((after == 4) == (proposal == 5)).all()


def test_clearing_deleting_and_marking() -> None:
    glands = empty()
    glands[5:15, 5:15] = 1
    glands[20:30, 5:15] = 2
    assert numbers(done(glands, edits.delete(glands, 1))) == {2}
    assert not edits.delete(glands, 3)
    assert not edits.delete(glands, 0)
    assert not done(glands, edits.clear(glands)).any()
    assert not edits.clear(empty())
    region = np.zeros(SHAPE, np.uint8)
    where = np.nonzero(glands == 2)
    after = done(region, edits.mark(region, where, 2))
    assert ((after == 2) == (glands == 2)).all()
    assert done(after, edits.mark(after, np.ones(SHAPE, bool), 1)).all()
    assert not edits.mark(after, glands == 2, 2)


def test_a_new_number_is_free_and_there_may_be_none() -> None:
    glands = np.zeros((16, 17), np.uint8)
    assert edits.new_number(glands) == 1
    glands[0, 0] = 255
    assert edits.new_number(glands) == 1
    glands[0, 1:3] = 1, 3
    assert edits.new_number(glands) == 2
    glands.flat[:255] = np.arange(1, 256)
    assert edits.new_number(glands) == 256
    with pytest.raises(QsaError, match="no number left"):
        edits.take_over(glands, np.full(glands.shape, 1), 1)


def test_pieces_and_specks_are_found() -> None:
    glands = empty()
    glands[5:15, 5:15] = 1
    glands[20:22, 20:22] = 1
    glands[30:33, 30:33] = 2
    glands[33:36, 33:36] = 2  # a corner connects
    glands[1, 1] = 3
    found = edits.pieces(glands)
    assert list(found) == [1]
    assert [glands[int(row), int(column)] for row, column in found[1]] == [1, 1]
    assert 5 <= found[1][0][0] < 15, "the largest first"
    assert edits.specks(glands, 18) == {3: (1, (1.0, 1.0))}
    assert set(edits.specks(glands, 19)) == {2, 3}


# What holds for any annotation


@given(glands=annotations(), line=lines, label=st.none() | labels)
def test_splitting(glands: np.ndarray, line: list[tuple[float, float]], label: int | None) -> None:
    before = glands.copy()
    after = done(glands, edits.split(glands, line, label))
    assert (glands == before).all()
    assert ((after > 0) == (glands > 0)).all(), "no pixel is lost or won"
    for number in numbers(after) - numbers(glands):
        former = np.unique(glands[after == number])
        assert len(former) == 1, "what is new comes of one gland"
        assert label in (None, former[0])
        assert pieces(after == number) == 1
        assert np.count_nonzero(after == number) >= edits.CRUMB
        assert np.count_nonzero(after == former[0]), "which is still there"
    for number in numbers(glands):
        assert pieces(after == number) <= pieces(glands == number)


@given(glands=annotations(), first=labels, second=labels)
def test_merging(glands: np.ndarray, first: int, second: int) -> None:
    change = edits.merge(glands, first, second)
    after = done(glands, change)
    both = (glands == first) | (glands == second)
    if {first, second} <= numbers(glands) and first != second:
        assert (after[both] == first).all()
        assert numbers(after) == numbers(glands) - {second}
        assert set(np.unique(glands[change.where])) <= {0, second}
        whole = pieces(glands == first) + pieces(glands == second)
        assert pieces(after == first) <= whole
    else:
        assert not change


@given(glands=annotations(), label=labels, radius=st.integers(0, 5))
def test_filling_and_smoothing_stay_with_their_gland(
    glands: np.ndarray, label: int, radius: int
) -> None:
    filled = done(glands, edits.fill_holes(glands, label))
    smoothed = done(glands, edits.smooth(glands, label, radius))
    for after in (filled, smoothed):
        others = (glands != label) & (glands != 0)
        assert (after[others] == glands[others]).all(), "no other gland changes"
        assert set(np.unique(after[~others])) <= {0, label}
        assert numbers(after) == numbers(glands)
    assert (filled[glands == label] == label).all()
    assert not edits.fill_holes(filled, label), "what is filled is full"
    assert pieces(smoothed == label) <= pieces(glands == label)


@given(glands=annotations(), proposal=annotations(), label=labels)
def test_taking_over(glands: np.ndarray, proposal: np.ndarray, label: int) -> None:
    one = done(glands, edits.take_over(glands, proposal, label))
    every = done(glands, edits.take_over_all(glands, proposal))
    for after in (one, every):
        assert (after[glands > 0] == glands[glands > 0]).all()
    new = numbers(one) - numbers(glands)
    free = (proposal == label) & (glands == 0) & (proposal > 0)
    assert len(new) == bool(free.any())
    assert ((one != glands) == free).all()
    for number in numbers(every) - numbers(glands):
        assert len(np.unique(proposal[every == number])) == 1, "one number for each"
    taken = proposal[(every != glands)]
    assert len(numbers(every) - numbers(glands)) == len(np.unique(taken))


@given(glands=annotations(), label=labels)
def test_deleting(glands: np.ndarray, label: int) -> None:
    after = done(glands, edits.delete(glands, label))
    assert numbers(after) == numbers(glands) - {label}
    assert (after[glands != label] == glands[glands != label]).all()
    assert edits.new_number(glands) not in numbers(glands)
