"""Rows in bands give what the whole image would."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.ensemble import resampling
from napari_qsa.ensemble.resampling import RowResampler

sides = st.integers(1, 40)


def resample(maps: np.ndarray, target: tuple[int, int], cuts: list[int]) -> np.ndarray:
    resampler = RowResampler(maps.shape[1:], target)
    result = np.full((maps.shape[0], *target), np.nan, dtype=np.float32)
    rows = 0
    for band in np.split(maps, cuts, axis=1):
        for start, chunk in resampler.push(band):
            assert start == rows
            result[:, start : start + chunk.shape[1]] = chunk
            rows += chunk.shape[1]
    assert rows == target[0]
    return result


@given(st.tuples(sides, sides), st.tuples(sides, sides), st.data())
@settings(max_examples=200, deadline=None)
def test_any_bands_equal_torchs_interpolation(
    source: tuple[int, int], target: tuple[int, int], data: st.DataObject
) -> None:
    maps = np.random.default_rng(0).random((3, *source), dtype=np.float32)
    cuts = data.draw(st.lists(st.integers(1, max(source[0] - 1, 1)), unique=True, max_size=4))
    cuts = sorted(cut for cut in cuts if cut < source[0])
    got = resample(maps, target, cuts)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size=target, mode="bilinear", align_corners=False
    )[0].numpy()
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_small_chunks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.random.default_rng(1).random((2, 30, 20), dtype=np.float32)
    whole = resample(maps, (61, 39), [])
    monkeypatch.setattr(resampling, "_CHUNK", 100)
    np.testing.assert_array_equal(resample(maps, (61, 39), [11, 12]), whole)


def test_same_shape_is_passed_through() -> None:
    maps = np.random.default_rng(1).random((2, 30, 20), dtype=np.float32)
    np.testing.assert_array_equal(resample(maps, (30, 20), [7]), maps)
