"""Objects from maps: splitting, holes, specks, and what holds for every map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from napari_qsa.ensemble.instances import (
    InstanceOptions,
    find_instances,
    instances,
    options_from_dict,
)

SMALL = InstanceOptions(min_seed_um2=2, min_area_um2=3, max_hole_um2=6)


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def zeros(shape: tuple[int, int]) -> NDArray[np.float32]:
    return np.zeros(shape, dtype=np.float32)


def two_touching_discs() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    shape = (100, 160)
    probability = 0.9 * (disc(shape, (50, 50), 32) | disc(shape, (50, 110), 32))
    separator = zeros(shape)
    separator[:, 78:83] = 0.9
    return probability.astype(np.float32), separator


maps = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    elements=st.sampled_from([np.float32(v) for v in (0, 0.2, 0.45, 0.5, 0.55, 0.8, 1)]),
)


@given(maps, st.integers(0, 2**16), st.sampled_from([0.0, 2.5]))
@settings(max_examples=200, deadline=None)
def test_what_always_holds(probability: NDArray[np.float32], seed: int, bridge: float) -> None:
    rng = np.random.default_rng(seed)
    separator = rng.random(probability.shape, dtype=np.float32) ** 2
    options = InstanceOptions(
        min_confidence=float(rng.choice([0.0, 0.55, 0.7])),
        bridge_um=bridge,
        min_seed_um2=2,
        min_area_um2=3,
        max_hole_um2=float(rng.integers(0, 9)),
    )
    labels = instances(probability, separator, 1.0, options)
    assert labels.dtype == np.int32
    assert labels.shape == probability.shape
    present = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(present, np.arange(1, present.size + 1))
    mask = probability >= 0.5
    for index in present:
        one = labels == index
        assert ndimage.label(one)[1] == 1
        assert one.sum() >= 3
        outside = ndimage.label(one & ~mask, np.ones((3, 3)))[0]
        if not mask.all():
            assert np.bincount(outside.ravel())[1:].max(initial=0) <= options.max_hole_um2
            grown = ndimage.binary_fill_holes(one & mask, np.ones((3, 3)))
            assert not (one & ~mask & ~grown).any()
    np.testing.assert_array_equal(labels, instances(probability, separator, 1.0, options))


@given(maps)
@settings(max_examples=50, deadline=None)
def test_without_separator_objects_are_the_components(probability: NDArray[np.float32]) -> None:
    options = InstanceOptions(min_seed_um2=0, min_area_um2=0, min_confidence=0, max_hole_um2=0)
    labels = instances(probability, zeros(probability.shape), 0.7, options)
    np.testing.assert_array_equal(labels, ndimage.label(probability >= 0.5)[0])


def test_touching_discs_are_split_by_the_separator_only() -> None:
    probability, separator = two_touching_discs()
    split = instances(probability, separator, 0.62)
    assert split.max() == 2
    np.testing.assert_array_equal(split > 0, probability >= 0.5)
    assert split[50, 50] != split[50, 110]
    sizes = np.bincount(split.ravel())[1:]
    assert abs(int(sizes[0]) - int(sizes[1])) <= 0.05 * sizes.sum()
    assert instances(probability, 0 * separator, 0.62).max() == 1
    assert instances(probability, separator, 0.62, InstanceOptions(separator_weight=0)).max() == 1


def test_a_thin_bridge_is_cut_only_when_asked() -> None:
    shape = (100, 180)
    probability = (disc(shape, (50, 45), 32) | disc(shape, (50, 135), 32)).astype(np.float32)
    probability[48:52, 45:135] = 1
    assert instances(probability, zeros(shape), 1.0).max() == 1
    assert instances(probability, zeros(shape), 1.0, InstanceOptions(bridge_um=8)).max() == 2
    assert instances(probability, zeros(shape), 0.5, InstanceOptions(bridge_um=1.5)).max() == 1


def test_papillary_shape_is_not_split_without_a_separator() -> None:
    """Fronds around a stalk, necks and all, are one gland."""
    shape = (240, 240)
    angle = np.arctan2(*(np.indices(shape) - 120))
    radius = np.hypot(*(np.indices(shape) - 120))
    fronds = radius < 70 + 35 * np.cos(9 * angle)
    lumen = radius < 18 + 6 * np.cos(7 * angle)
    probability = np.where(fronds & ~lumen, 0.8, 0.1).astype(np.float32)
    noise = 0.2 * np.random.default_rng(0).random(shape, dtype=np.float32)
    labels = instances(probability, noise, 0.62)
    assert labels.max() == 1
    assert labels[120, 120] == 1


def test_lumen_is_filled_up_to_a_size_and_swallows_debris() -> None:
    shape = (120, 120)
    gland = disc(shape, (60, 60), 50) & ~disc(shape, (60, 60), 30)
    probability = (gland | disc(shape, (60, 60), 10)).astype(np.float32)
    hole = np.pi * 30**2
    filled = instances(probability, zeros(shape), 1.0, InstanceOptions(max_hole_um2=1.05 * hole))
    np.testing.assert_array_equal(filled > 0, disc(shape, (60, 60), 50))
    assert filled.max() == 1
    kept = instances(probability, zeros(shape), 1.0, InstanceOptions(max_hole_um2=0.95 * hole))
    np.testing.assert_array_equal(kept > 0, probability > 0)
    assert kept.max() == 2


def test_a_lumen_cut_by_the_border_is_no_hole() -> None:
    shape = (60, 120)
    gland = disc(shape, (0, 60), 50) & ~disc(shape, (0, 60), 30)
    labels = instances(gland.astype(np.float32), zeros(shape), 1.0, InstanceOptions())
    np.testing.assert_array_equal(labels > 0, gland)


@pytest.mark.parametrize("pixel_size", [0.31, 0.62, 1.24])
def test_sizes_are_physical(pixel_size: float) -> None:
    """The same tissue at any pixel size: the large object and its lumen stay, the speck goes."""
    side = round(200 / pixel_size)
    shape, scale = (side, side), 1 / pixel_size
    gland = disc(shape, (100 * scale, 90 * scale), 60 * scale)
    gland &= ~disc(shape, (100 * scale, 90 * scale), 30 * scale)
    speck = disc(shape, (20 * scale, 180 * scale), 6 * scale)
    options = InstanceOptions(min_area_um2=150, max_hole_um2=3000)
    labels = instances((gland | speck).astype(np.float32), zeros(shape), pixel_size, options)
    assert labels.max() == 1
    assert labels.sum() * pixel_size**2 == pytest.approx(np.pi * 60**2, rel=0.02)


def test_nothing_and_everything() -> None:
    assert instances(zeros((5, 7)), zeros((5, 7)), 1.0).max() == 0
    assert (instances(zeros((50, 70)) + 1, zeros((50, 70)), 1.0) == 1).all()
    assert instances(zeros((1, 1)) + 1, zeros((1, 1)), 1.0, SMALL).max() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 1.5},
        {"min_area_um2": -1.0},
        {"max_hole_um2": float("nan")},
        {"bridge_um": float("inf")},
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        InstanceOptions(**values)


def test_faint_objects_are_dropped_by_their_mean_above_the_threshold() -> None:
    shape = (120, 260)
    sure = disc(shape, (60, 60), 40)
    lumen = disc(shape, (60, 60), 25)
    faint = disc(shape, (60, 190), 40)
    probability = np.full(shape, 0.3, np.float32)
    probability[faint] = 0.62
    probability[sure] = 0.8
    probability[lumen] = 0.1  # below the threshold: does not count against the gland around it
    for confidence, expected in ((0.0, 2), (0.6, 2), (0.65, 1), (0.79, 1), (0.81, 0)):
        options = InstanceOptions(min_confidence=confidence)
        labels = instances(probability, zeros(shape), 1.0, options)
        assert labels.max() == expected
        assert (labels[lumen] > 0).all() == (expected > 0)


def test_what_one_member_is_sure_of_stays_although_the_others_disagree() -> None:
    shape = (120, 260)
    disputed, faint = disc(shape, (60, 60), 40), disc(shape, (60, 190), 40)
    members = np.zeros((5, *shape), np.float32)
    members[:3, disputed] = 0.9  # two of five see nothing: mean 0.54, deviation 0.44
    members[:, faint] = 0.54
    probability, uncertainty = members.mean(axis=0), members.std(axis=0)
    found = find_instances(probability, zeros(shape), 1.0, None, uncertainty)
    assert (found.labels.max(), found.faint) == (1, 1)
    assert (found.labels[disputed] == 1).all()
    of_means = find_instances(probability, zeros(shape), 1.0)
    assert (of_means.labels.max(), of_means.faint) == (0, 2)


def test_options_from_dict() -> None:
    made = options_from_dict({"threshold": 0.4, "min_area_um2": 12, "from_the_future": "x"})
    assert made == InstanceOptions(threshold=0.4, min_area_um2=12.0)
    for bad in ("0.5", True, None, [1]):
        with pytest.raises(ValueError, match="threshold"):
            options_from_dict({"threshold": bad})
