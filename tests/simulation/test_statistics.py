"""Means, intervals, areas and labels needed, worked out by hand."""

import pytest

from napari_qsa.simulation.statistics import (
    area,
    beyond_chance,
    kept_from,
    labels_needed,
    mean_of,
    paired,
    reach,
)


def test_interval_of_three_seeds() -> None:
    """s = 1, t(0.975, 2) = 4.30265 by the tables: half = 4.30265 / sqrt(3)."""
    mean = mean_of([1.0, 2.0, 3.0])
    assert (mean.value, mean.n) == (2.0, 3)
    assert mean.half == pytest.approx(2.48414, abs=1e-4)


def test_interval_of_two_seeds() -> None:
    """s = sqrt(2), t(0.975, 1) = 12.7062: half = 12.7062."""
    assert mean_of([0.0, 2.0]).half == pytest.approx(12.7062, abs=1e-3)


def test_one_seed_has_no_interval() -> None:
    assert mean_of([0.7]).half is None


def test_area_is_the_mean_height() -> None:
    assert area([8, 16, 24], [0.5, 0.7, 0.8]) == pytest.approx((0.6 + 0.75) / 2)
    assert area([8, 12, 24], [0.5, 0.7, 0.8]) == pytest.approx((4 * 0.6 + 12 * 0.75) / 16)
    assert area([68], [0.9]) == 0.9


def test_differences_are_paired_by_seed() -> None:
    found = paired({0: 0.5, 1: 0.9, 3: 0.1}, {0: 0.4, 1: 0.8, 2: 0.0})
    assert found is not None
    assert found.n == 2
    assert found.value == pytest.approx(0.1)
    assert found.half == pytest.approx(0.0, abs=1e-12)
    assert paired({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(
    ("threshold", "needed"),
    [(0.4, 8.0), (0.5, 8.0), (0.6, 12.0), (0.7, 16.0), (0.75, 28.0), (0.8, 32.0), (0.81, None)],
)
def test_labels_needed_are_interpolated(threshold: float, needed: float | None) -> None:
    """The curve falls once: what counts is where it first gets there."""
    found = labels_needed([8, 16, 24, 32], [0.5, 0.7, 0.7, 0.8], threshold)
    assert found == (None if needed is None else pytest.approx(needed))


def test_labels_needed_of_a_curve_that_falls() -> None:
    assert labels_needed([8, 16, 24], [0.5, 0.7, 0.4], 0.6) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.7, 0.4, 0.7, 0.8], 8 + 8 + 8 * 2 / 3),
        ([0.7, 0.8, 0.7, 0.5], None),
        ([0.6, 0.8, 0.7, 0.6], 8.0),
        ([0.5, 0.7, 0.4, 0.8], 28.0),
    ],
)
def test_what_is_reached_and_lost_again_is_not_kept(
    scores: list[float], kept: float | None
) -> None:
    found = kept_from([8, 16, 24, 32], scores, 0.6)
    assert found == (None if kept is None else pytest.approx(kept))


def test_an_interval_of_two_seeds_reaches_far() -> None:
    assert [round(reach(n), 1) for n in (2, 3, 5)] == [12.7, 4.3, 2.8]


@pytest.mark.parametrize(
    ("count", "comparisons", "expected"),
    # binomial with 0.025: of 1, P(0) = .975; of 20, P(at most 1) = .91, of 2 .987; of 60 .98 (4)
    [(0, 0, False), (0, 1, False), (1, 1, True), (2, 20, False), (3, 20, True), (5, 60, True)],
)
def test_some_intervals_beside_0_are_chance(count: int, comparisons: int, expected: bool) -> None:
    assert beyond_chance(count, comparisons) is expected
