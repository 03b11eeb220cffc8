"""Targets: gland and separator from instance labels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_qsa.ensemble.training.targets import separator_map, training_maps

REACH = 6.0


def separators(labels: NDArray[Any], pixel_size: float) -> NDArray[np.bool_]:
    return separator_map(labels, pixel_size, REACH)


def squares(gap: int, first: int = 1, second: int = 2) -> NDArray[np.int32]:
    """Two 20 x 20 glands side by side, `gap` pixels of background between them."""
    labels = np.zeros((40, 60 + gap), np.int32)
    labels[10:30, 10:30] = first
    labels[10:30, 30 + gap : 50 + gap] = second
    return labels


def brute_force(labels: NDArray[np.int32], pixel_size: float) -> NDArray[np.bool_]:
    """Squared distances to every pixel of every gland, from the definition."""
    grid = np.stack(np.indices(labels.shape), axis=-1).reshape(-1, 2)
    near = np.zeros(labels.size, int)
    for value in np.unique(labels[labels > 0]):
        own = np.argwhere(labels == value)
        squared = ((grid[:, None] - own[None]) ** 2).sum(axis=2).min(axis=1)
        near += np.sqrt(squared) * pixel_size <= REACH
    return (near >= 2).reshape(labels.shape)


def test_touching_squares_have_a_separator_on_their_border() -> None:
    separator = separators(squares(gap=0), pixel_size=2.0)  # reach of 3 pixels
    assert separator.any()
    columns = np.flatnonzero(separator[20])
    assert columns.tolist() == list(range(27, 33))  # within 3 pixels of both, inside each
    assert not separator[:, :27].any()
    assert separator[8, 29]  # it reaches past the corner
    assert not separator[4, 29]


def test_a_gap_is_bridged_as_far_as_the_reach() -> None:
    assert separators(squares(gap=4), pixel_size=2.0)[20, 31:33].all()
    assert separators(squares(gap=5), pixel_size=2.0)[20].sum() == 1
    assert not separators(squares(gap=6), pixel_size=2.0).any()


def test_a_longer_reach_bridges_a_wider_gap() -> None:
    found = [np.flatnonzero(separator_map(squares(gap=6), 2.0, reach)[20]) for reach in (6, 8, 10)]
    assert [columns.tolist() for columns in found] == [[], [32, 33], [31, 32, 33, 34]]


def test_far_glands_have_none() -> None:
    assert not separators(squares(gap=30), pixel_size=1.0).any()


def test_one_gland_has_none() -> None:
    assert not separators(np.ones((20, 20), np.int32), pixel_size=1.0).any()
    assert not separators(squares(gap=0, first=4, second=4), pixel_size=1.0).any()


def test_glands_that_fill_the_image() -> None:
    labels = np.repeat(np.array([[7, 9]], np.int32), 10, axis=1).repeat(6, axis=0)
    assert np.flatnonzero(separators(labels, pixel_size=3.0)[0]).tolist() == [8, 9, 10, 11]


def test_no_gland_has_none() -> None:
    assert not separators(np.zeros((5, 5), np.int32), pixel_size=1.0).any()


@pytest.mark.parametrize("values", [(1, 2), (3, 700), (70_000, 5), (2**31 - 1, 2**31 - 2)])
def test_gaps_in_the_labels_do_not_matter(values: tuple[int, int]) -> None:
    expected = separators(squares(gap=2), pixel_size=1.5)
    assert np.array_equal(separators(squares(2, *values), pixel_size=1.5), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_any_integer_labels(dtype: type[np.integer]) -> None:
    labels = squares(gap=1)
    expected = separators(labels, pixel_size=1.0)
    assert np.array_equal(separators(labels.astype(dtype), pixel_size=1.0), expected)


def test_more_than_255_glands_meeting_in_one_place() -> None:
    labels = np.arange(1, 401, dtype=np.int32).reshape(20, 20)  # each pixel a gland of its own
    separator = separators(labels, pixel_size=0.4)  # 15 pixels: hundreds in reach of each
    assert separator.all()


@settings(deadline=None, max_examples=30)
@given(
    arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)),
    st.sampled_from([1.0, 2.0, 2.4, 3.0, 7.0]),
)
def test_separator_by_brute_force(labels: NDArray[np.int32], pixel_size: float) -> None:
    assert np.array_equal(separators(labels, pixel_size), brute_force(labels, pixel_size))


def test_maps_on_the_networks_grid() -> None:
    labels = np.kron(squares(gap=2), np.ones((2, 2), np.int32))
    maps = training_maps(labels, factor=0.5, pixel_size=1.0, reach=REACH)
    assert maps.dtype == np.uint8
    assert maps.shape == (2, 40, 62)
    inside = np.zeros((40, 62), bool)
    inside[11:29, 11:29] = inside[11:29, 33:51] = True
    assert (maps[0][inside] == 255).all()
    assert (maps[0][squares(gap=2) == 0][:300] == 0).all()
    assert set(np.unique(maps[1])) == {0, 255}
    assert np.array_equal(maps[1] > 0, separators(squares(gap=2), 1.0))


def test_share_of_a_pixel() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[:, :3] = 1  # covers half of the second column of the coarse grid
    gland = training_maps(labels, factor=0.5, pixel_size=1.0, reach=REACH)[0]
    assert gland[:, 0].min() > 190
    assert 100 < gland[2, 1] < 160
    assert gland[:, 3].max() == 0
