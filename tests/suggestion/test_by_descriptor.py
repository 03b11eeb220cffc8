"""Coreset, representative and badge against brute force on small pools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_qsa.suggestion import by_descriptor, distances, rank
from napari_qsa.suggestion.distances import Points

# Small whole numbers: equal points, zeros and equal distances are all common.
points = st.integers(1, 9).flatmap(
    lambda n: hnp.arrays(np.float32, (n, 3), elements=st.integers(-2, 3).map(float))
)


def far(a: np.ndarray, b: np.ndarray) -> float:
    return round(float(((a.astype(float) - b.astype(float)) ** 2).sum()), 9)


@given(points, st.integers(1, 6), st.integers(0, 3))
def test_coreset_agrees_with_brute_force(found: np.ndarray, k: int, n_annotated: int) -> None:
    n = len(found)
    annotated = np.arange(n) < n_annotated
    ranking = rank(found, np.zeros(n), annotated, k=k, strategy="coreset")
    own, centres = np.flatnonzero(~annotated).tolist(), np.flatnonzero(annotated).tolist()
    if not own:
        assert ranking.order.size == 0
        return

    def nearest(i: int) -> float:
        return min(far(found[i], found[j]) for j in centres)

    picks = []
    while len(picks) < min(k, len(own)):
        if centres:
            best = max((i for i in own if i not in picks), key=nearest)
        else:
            mean = found.astype(float).mean(axis=0)
            best = ranking.order[0]  # of several nearest to the mean rounding chooses
            assert far(found[best], mean) <= min(far(row, mean) for row in found) + 1e-6
        picks.append(int(best))
        centres.append(int(best))
    others = sorted((i for i in own if i not in picks), key=lambda i: -nearest(i))
    assert ranking.order.tolist() == picks + others


@given(points, st.integers(1, 6), st.booleans(), st.integers(0, 2))
def test_representative_is_suggestive_with_every_image_a_candidate(
    found: np.ndarray, k: int, count_annotated: bool, n_annotated: int
) -> None:
    n = len(found)
    uncertainties, annotated = np.arange(n) % 3 / 4, np.arange(n) < n_annotated
    options = {"k": k, "count_annotated": count_annotated}
    own = rank(found, uncertainties, annotated, strategy="representative", **options)
    all_of_them = rank(found, uncertainties, annotated, candidates=n, **options)
    np.testing.assert_array_equal(own.order, all_of_them.order)
    assert own.candidates.size == 0


def test_representative_of_a_large_pool_picks_among_a_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_descriptor, "MOST_CANDIDATES", 5)
    rng = np.random.default_rng(0)
    found = rng.random((40, 3))
    seen = set()
    for seed in range(20):
        ranking = rank(found, np.zeros(40), np.zeros(40), k=2, strategy="representative", seed=seed)
        assert sorted(ranking.order.tolist()) == list(range(40))
        seen.update(ranking.picks.tolist())
        again = rank(found, np.zeros(40), np.zeros(40), k=2, strategy="representative", seed=seed)
        np.testing.assert_array_equal(again.order, ranking.order)
    assert len(seen) > 10


@given(points, st.integers(1, 6), st.integers(0, 3), st.integers(0, 3))
def test_badge_agrees_with_brute_force(
    found: np.ndarray, k: int, n_annotated: int, seed: int
) -> None:
    n = len(found)
    annotated = np.arange(n) < n_annotated
    columns = {"embedding": found}
    ranking = rank(
        np.ones((n, 2)), np.zeros(n), annotated, k, strategy="badge", seed=seed, columns=columns
    )
    own = np.flatnonzero(~annotated).tolist()
    if not own:
        return
    rng = np.random.default_rng(seed)
    picks = [max(own, key=lambda i: far(found[i], np.zeros(3)))]

    def nearest(i: int) -> float:
        return min(far(found[i], found[j]) for j in picks)

    while len(picks) < min(k, len(own)) and sum(map(nearest, own)) > 0:
        left = rng.random() * sum(map(nearest, own))
        for i in own:
            left -= nearest(i)
            if left < -1e-9 * n:
                break
        picks.append(i)
    others = sorted((i for i in own if i not in picks), key=lambda i: -nearest(i))
    assert ranking.order.tolist() == picks + others


def test_badge_draws_in_proportion_to_the_squared_distance() -> None:
    found = np.array([[5.0, 0], [5, 1], [5, 3], [5, 0]])  # the longest is 2; then 9, 4, 9
    columns = {"embedding": found}
    seconds = [
        rank(np.ones((4, 2)), np.zeros(4), np.zeros(4), 2, strategy="badge", seed=seed,
             columns=columns).picks[1]
        for seed in range(1000)
    ]  # fmt: skip
    expected = 1000 * np.array([9, 4, 0, 9]) / 22
    assert (np.abs(np.bincount(seconds, minlength=4) - expected) < 80).all()  # five deviations


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_distances_do_not_over_or_underflow(scale: float) -> None:
    found = Points(np.array([[3.0, 0], [0, 4], [0, 0]]) * scale)
    one = found.norms[0] / 9
    np.testing.assert_allclose(found.to(0) / one, [0, 25, 9])
    np.testing.assert_allclose(found.nearest(np.array([1, 2])) / one, [9, 0, 0])
    np.testing.assert_allclose(found.to_mean(np.array([0, 1])) / one, [6.25, 6.25, 6.25])


def test_distances_of_many_points_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    exact = Points(values)
    monkeypatch.setattr(distances, "_EXACT_NUMBERS", 0)
    monkeypatch.setattr(distances, "_BLOCK", 7)
    coarse = Points(values)
    np.testing.assert_allclose(coarse.to(3), exact.to(3), atol=1e-5)
    centres = np.arange(0, 50, 9)
    np.testing.assert_allclose(coarse.nearest(centres), exact.nearest(centres), atol=1e-5)
    assert (coarse.nearest(centres)[centres] == 0).all()
    np.testing.assert_allclose(coarse.to_mean(centres), exact.to_mean(centres), atol=1e-5)
