"""The lazy greedy choice against the plain one, and cosines of one byte against all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_qsa.suggestion import Pool, coverage, rank
from napari_qsa.suggestion.coded import CodedRows, Codes
from napari_qsa.suggestion.coverage import ExactRows, Rows, greedy, rows_of


def plain_greedy(rows: Rows, k: int) -> list[int]:
    """Compute every gain anew before each pick; the first of the best is taken."""
    left, picks = list(range(len(rows))), []
    while left and len(picks) < k:
        picks.append(max(left, key=rows.gain))
        left.remove(picks[-1])
        rows.take(picks[-1])
    return picks


def pool_of(descriptors: np.ndarray, n_annotated: int = 0) -> Pool:
    annotated = np.arange(len(descriptors)) < n_annotated
    return Pool(descriptors, np.zeros(len(descriptors)), annotated)


# Quarters: equal rows, equal gains and rows that add nothing are all common.
similarities = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 9), st.integers(1, 7)),
    elements=st.integers(0, 4).map(lambda value: value / 4),
)


@given(similarities, st.integers(1, 10), st.booleans())
def test_lazy_greedy_picks_what_plain_greedy_picks(
    similarity: np.ndarray, k: int, covered: bool
) -> None:
    before = similarity.min(axis=0) if covered else np.zeros(similarity.shape[1])
    lazy, plain = (ExactRows(similarity, before) for _ in range(2))
    assert greedy(lazy, k) == plain_greedy(plain, k)


@given(
    hnp.arrays(np.float32, (12, 3), elements=st.integers(-1, 3).map(float)),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_lazy_greedy_on_codes_picks_what_plain_greedy_picks(
    descriptors: np.ndarray, k: int, n_annotated: int
) -> None:
    pool = pool_of(descriptors, n_annotated)
    lazy, plain = (CodedRows(pool, pool.unannotated, pool.covered) for _ in range(2))
    assert greedy(lazy, k) == plain_greedy(plain, k)


@pytest.mark.parametrize(
    ("kind", "off"),
    [("any sign", 0.25), ("positive", 0.25), ("groups", 1.0)],  # copies are rounded alike
)
@pytest.mark.parametrize("n_annotated", [0, 30])
def test_gains_by_codes_are_close_to_the_true_ones(kind: str, off: float, n_annotated: int) -> None:
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(1500, 32)).astype(np.float32)
    if kind != "any sign":
        descriptors = np.abs(descriptors)
    if kind == "groups":  # many copies: cosines of 1 beside those of the bulk
        descriptors = descriptors[rng.integers(0, 40, 1500)]
    pool = pool_of(descriptors, n_annotated)
    candidates = pool.unannotated[:60]
    exact = rows_of(pool, candidates, True)
    assert isinstance(exact, ExactRows)
    coded = CodedRows(pool, candidates, pool.covered)
    first = [coded.gain(row) - exact.gain(row) for row in range(60)]
    assert np.ptp(first) < off  # what lies below the lowest code is the same for all
    for row in (7, 3, 59):
        exact.take(row)
        coded.take(row)
        gains = [[rows.gain(row) for row in range(60)] for rows in (exact, coded)]
        np.testing.assert_allclose(gains[1], gains[0], atol=off)
        assert coded.gain(row) == 0


def test_a_pool_too_large_for_its_cosines_is_ranked_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    descriptors = np.abs(rng.normal(size=(600, 16))).astype(np.float32)
    uncertainties, annotated = rng.random(600), np.arange(600) < 5
    exact = rank(descriptors, uncertainties, annotated, k=8, candidates=100)
    monkeypatch.setattr(coverage, "EXACT_PAIRS", 0)
    coded = rank(descriptors, uncertainties, annotated, k=8, candidates=100)
    assert sorted(coded.order.tolist()) == sorted(exact.order.tolist())
    np.testing.assert_array_equal(coded.candidates, exact.candidates)
    assert coded.coverage_after == pytest.approx(exact.coverage_after, rel=1e-3)


@pytest.mark.parametrize(
    "sample",
    [np.zeros(9), np.ones(9), np.linspace(0, 1, 9), np.full(9, 0.3), np.linspace(0.7, 0.8, 9)],
    ids=["zeros", "ones", "all", "equal", "narrow"],
)
def test_codes_grow_with_the_cosine_and_end_at_one(sample: np.ndarray) -> None:
    codes = Codes.spread(sample)
    assert codes.fine <= codes.coarse
    cosines = np.linspace(-1, 1, 1001, dtype=np.float32)
    found = codes.encode(cosines).astype(float)
    assert (np.diff(found) >= 0).all()
    value = codes.low + codes.fine * np.minimum(found, codes.knee)
    value += codes.coarse * np.maximum(found - codes.knee, 0)
    assert value[-1] == pytest.approx(1, abs=1e-5)
    above = cosines > codes.low
    assert np.abs(value - cosines)[above].max(initial=0) <= codes.coarse / 2 + 1e-5
