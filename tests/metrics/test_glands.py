"""Numbers for single glands, by known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_qsa.metrics.glands import gland_table


def test_a_rectangle_and_a_disk() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[10:14, 20:40] = 5
    rows, columns = np.ogrid[:60, :60]
    labels[(rows - 40) ** 2 + (columns - 30) ** 2 <= 10**2] = 2
    uncertainty = np.zeros((60, 60), np.float32)
    uncertainty[:, 30:] = 0.5
    disk, rectangle = gland_table(labels, 0.5, uncertainty)
    assert (disk.label, rectangle.label) == (2, 5)
    assert (rectangle.area_px, rectangle.area_um2) == (80, 20.0)
    assert (rectangle.row, rectangle.column) == (11.5, 29.5)
    assert rectangle.mean_uncertainty == 0.25
    # The variance of n numbers in a row is (n^2 - 1) / 12.
    assert rectangle.eccentricity == pytest.approx(math.sqrt(1 - (4**2 - 1) / (20**2 - 1)))
    assert disk.eccentricity == pytest.approx(0, abs=1e-6)
    assert (disk.row, disk.column) == pytest.approx((40, 30))


def test_pieces_are_one_gland_and_what_is_unknown_is_none() -> None:
    labels = np.zeros((9, 9), np.uint16)
    labels[0, 0] = labels[8, 8] = 3
    (gland,) = gland_table(labels)
    assert (gland.area_px, gland.area_um2, gland.mean_uncertainty) == (2, None, None)
    assert (gland.row, gland.column) == (4, 4)


def test_no_glands_and_a_map_of_another_shape() -> None:
    assert gland_table(np.zeros((4, 4), np.uint8), 1.0) == ()
    with pytest.raises(ValueError, match="have no map of"):
        gland_table(np.ones((4, 4), np.uint8), 1.0, np.zeros((4, 5), np.float32))


@given(arrays(np.uint16, (7, 9), elements=st.sampled_from([0, 1, 2, 9, 65535])))
def test_every_gland_has_a_row_and_all_pixels_are_counted(labels) -> None:
    uncertainty = np.linspace(0, 0.5, labels.size, dtype=np.float32).reshape(labels.shape)
    table = gland_table(labels, 2.0, uncertainty)
    assert [gland.label for gland in table] == [n for n in np.unique(labels) if n]
    for gland in table:
        inside = labels == gland.label
        assert gland.area_um2 == inside.sum() * 4
        assert gland.mean_uncertainty == pytest.approx(uncertainty[inside].mean(), rel=1e-5)
        assert 0 <= gland.eccentricity <= 1
