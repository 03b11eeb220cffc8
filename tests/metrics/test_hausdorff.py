"""The fast Hausdorff distance against the distance over all pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist, directed_hausdorff

from napari_qsa.errors import QsaError
from napari_qsa.metrics import hausdorff_distance
from napari_qsa.metrics.hausdorff import Objects, distance, smallest_distance

shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
masks = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape)))


def over_all_pixels(a: np.ndarray, b: np.ndarray) -> float:
    p, q = np.argwhere(a), np.argwhere(b)
    return max(directed_hausdorff(p, q)[0], directed_hausdorff(q, p)[0])


@given(masks)
def test_agrees_with_all_pixels(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    if a.any() and b.any():
        assert hausdorff_distance(a, b) == pytest.approx(over_all_pixels(a, b), abs=1e-9)


@st.composite
def blobs(draw: st.DrawFn) -> np.ndarray:
    """Draw unions and differences of rectangles and discs: with holes, rings and islands."""
    y, x = np.mgrid[:24, :30]
    mask = np.zeros((24, 30), bool)
    for _ in range(draw(st.integers(1, 4))):
        cy, cx = draw(st.integers(0, 23)), draw(st.integers(0, 29))
        ry, rx = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        if draw(st.booleans()):
            part = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        else:
            part = (abs(y - cy) <= ry) & (abs(x - cx) <= rx)
        mask = mask & ~part if draw(st.booleans()) else mask | part
    return mask


@given(blobs(), blobs())
def test_agrees_with_all_pixels_on_solid_shapes(a: np.ndarray, b: np.ndarray) -> None:
    if a.any() and b.any():
        assert hausdorff_distance(a, b) == pytest.approx(over_all_pixels(a, b), abs=1e-9)


def test_the_farthest_pixel_may_be_inside() -> None:
    """A disc in a ring: its edge is near the ring, its middle is the farthest."""
    y, x = np.mgrid[-15:16, -15:16]
    disc = y**2 + x**2 <= 100
    ring = (y**2 + x**2 > 100) & (y**2 + x**2 <= 144)
    assert hausdorff_distance(disc, ring) == pytest.approx(over_all_pixels(disc, ring))
    assert hausdorff_distance(disc, ring) > 10


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (np.s_[2:5, 2:5], np.s_[2:5, 2:5], 0.0),
        (np.s_[2:5, 2:5], np.s_[2:5, 5:8], 3.0),  # touching
        (np.s_[0:1, 0:1], np.s_[3:4, 4:5], 5.0),
        (np.s_[4:6, 4:6], np.s_[0:10, 0:10], np.hypot(4, 4)),  # inside
    ],
)
def test_known_answers(first: tuple, second: tuple, expected: float) -> None:
    a, b = np.zeros((2, 10, 10), bool)
    a[first], b[second] = True, True
    assert hausdorff_distance(a, b) == pytest.approx(expected)
    assert hausdorff_distance(b, a) == pytest.approx(expected)


def test_an_empty_side_gives_the_diagonal() -> None:
    a = np.ones((3, 4), bool)
    assert hausdorff_distance(a, np.zeros_like(a)) == 5.0
    assert hausdorff_distance(np.zeros_like(a), a) == 5.0
    assert hausdorff_distance(np.zeros_like(a), np.zeros_like(a)) == 0.0


@pytest.mark.parametrize("shape", [(3, 5), (3, 4, 1)])
def test_masks_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(QsaError, match="one shape"):
        hausdorff_distance(np.ones((3, 4)), np.ones(shape))
    with pytest.raises(QsaError, match="2-D"):
        hausdorff_distance(np.ones((3, 4, 1)), np.ones((3, 4, 1)))


@given(blobs(), st.integers(0, 2**32 - 1))
def test_smallest_distance_agrees_with_trying_all(mask: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    others = np.zeros(mask.shape, np.int32)
    for i in range(1, 9):
        cy, cx = rng.integers(0, 24), rng.integers(0, 30)
        others[cy : cy + rng.integers(1, 9), cx : cx + rng.integers(1, 9)] = i
    numbers = np.unique(others[others > 0])
    if not mask.any():
        return
    others = (np.searchsorted(numbers, others) + 1) * (others > 0)
    one, many = Objects(mask.astype(np.int32), 1), Objects(others.astype(np.int32), numbers.size)
    everything = [distance(one, 1, many, j) for j in range(1, numbers.size + 1)]
    assert smallest_distance(one, 1, many) == min(everything)
    p, q = np.argwhere(mask), np.argwhere(others == 1)
    apart = cdist(p, q)
    expected = max(apart.min(axis=1).max(), apart.min(axis=0).max())
    assert everything[0] == pytest.approx(expected)


def test_the_object_of_the_smallest_bound_need_not_be_the_nearest() -> None:
    # A frame has the square's convex hull, but its inside is 10 away; the core is 6 * sqrt(2).
    square = np.zeros((25, 25), np.int32)
    square[2:23, 2:23] = 1
    others = np.where(square == 1, 1, 0)
    others[3:22, 3:22] = 0
    others[8:17, 8:17] = 2
    one, many = Objects(square, 1), Objects(others.astype(np.int32), 2)
    assert distance(one, 1, many, 1) == 10
    assert smallest_distance(one, 1, many) == pytest.approx(6 * np.sqrt(2))
