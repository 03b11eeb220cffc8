"""Tiles cover the image, begin on the stride and keep their halo."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_qsa.ensemble.tiles import MIN_CORE, padded, reflected, smaller_side, spans

strides = st.sampled_from([1, 8, 16, 32])


@given(st.integers(1, 200), strides, st.integers(0, 200), st.integers(1, 2000))
def test_spans(cells: int, stride: int, halo: int, max_side: int) -> None:
    size = cells * stride
    tiles = spans(size, stride, halo, max_side)
    assert tiles[0].start == 0
    assert tiles[-1].stop == size
    for before, after in pairwise(tiles):
        assert before.stop == after.start
    for tile in tiles:
        assert tile.start < tile.stop
        assert all(edge % stride == 0 for edge in (tile.start, tile.stop, tile.left, tile.right))
        assert tile.left <= max(tile.start - halo, 0)
        assert tile.right >= min(tile.stop + halo, size)
        assert tile.left >= 0
        assert tile.right <= size
        assert tile.right - tile.left <= max(max_side, stride + 2 * padded(halo, stride))
        assert np.arange(tile.left, tile.right)[tile.core].tolist() == list(
            range(tile.start, tile.stop)
        )


@given(st.integers(1, 100), st.integers(300, 1000))
def test_a_small_axis_is_one_tile(cells: int, max_side: int) -> None:
    (tile,) = spans(3 * cells, 3, 50, max_side)
    assert (tile.start, tile.stop, tile.left, tile.right) == (0, 3 * cells, 0, 3 * cells)


@given(st.integers(1, 300), strides)
def test_reflected_is_numpys_reflection(size: int, stride: int) -> None:
    index = reflected(size, stride)
    assert index.size == padded(size, stride)
    np.testing.assert_array_equal(index[:size], np.arange(size))
    if size > 1:
        expected = np.pad(np.arange(size), (0, index.size - size), mode="reflect")
        np.testing.assert_array_equal(index, expected)
    else:
        assert not index.any()


@given(strides, st.integers(0, 600), st.integers(0, 5000))
def test_tiles_shrink_to_an_end(stride: int, halo: int, max_side: int) -> None:
    smallest = MIN_CORE * stride + 2 * padded(halo, stride)
    for _ in range(20):
        max_side = smaller_side(max_side, stride, halo)
    assert max_side == smallest == smaller_side(max_side, stride, halo)
