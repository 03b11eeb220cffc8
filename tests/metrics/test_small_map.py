"""Small maps keep the mean, the shape and the range."""

import numpy as np
import pytest

from napari_qsa.metrics.small_map import SIDE, as_uncertainty, shrink, small_map


@pytest.mark.parametrize("shape", [(10, 20), (SIDE, SIDE), (SIDE + 1, 7), (1000, 333)], ids=str)
def test_a_map_is_small_and_has_the_same_mean(shape: tuple[int, int]) -> None:
    full = np.random.default_rng(1).uniform(0, 0.5, shape).astype(np.float32)
    small = as_uncertainty(small_map(full))
    assert max(small.shape) <= SIDE
    assert small.shape[0] / small.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.2)
    assert small.mean() == pytest.approx(full.mean(), abs=0.02)


def test_known_blocks() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert shrink(values, 2).tolist() == [[2.5, 4.5], [8.5, 10.5]]
    ragged = shrink(np.arange(5, dtype=np.float32).reshape(1, 5), 3)
    assert ragged.tolist() == [[0.5, 2.5, 4.0]]


def test_values_beyond_the_range_are_cut_off() -> None:
    assert small_map(np.array([[0, 0.25, 0.5, 0.6, -1]], np.float32)).tolist() == [
        [0, 128, 255, 255, 0]
    ]
