"""AUROC, calibration and rank correlation against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from napari_qsa.errors import QsaError
from napari_qsa.metrics import (
    auroc,
    calibration,
    expected_calibration_error,
    reliability,
    spearman,
)

scored = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float32, n, elements=st.integers(-4, 4).map(lambda v: v / 3)),
        hnp.arrays(bool, n),
    )
)


@given(scored)
def test_auroc_is_the_chance_to_rank_a_positive_higher(pair: tuple[np.ndarray, ...]) -> None:
    score, positive = pair
    p, n = score[positive][:, None], score[~positive][None]
    if p.size == 0 or n.size == 0:
        assert np.isnan(auroc(score, positive))
        return
    expected = (np.mean(p > n) + np.mean(p == n) / 2).item()
    assert auroc(score, positive) == pytest.approx(expected, abs=1e-12)
    assert auroc(-score, positive) == pytest.approx(1 - expected, abs=1e-12)


@pytest.mark.parametrize(
    ("score", "positive", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 0.0),
        ([0.5, 0.5, 0.5], [0, 1, 0], 0.5),
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),
    ],
)
def test_auroc_known_answers(score: list[float], positive: list[int], expected: float) -> None:
    assert auroc(np.array(score), np.array(positive)) == pytest.approx(expected)


def test_auroc_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 50, (30, 40)) / 50, rng.random((30, 40)) < 0.3
    whole = auroc(score, positive)
    monkeypatch.setattr(calibration, "_CHUNK", 7)
    assert auroc(score, positive) == whole


@given(scored)
def test_calibration_in_chunks_and_in_sums(pair: tuple[np.ndarray, ...]) -> None:
    p, truth = np.abs(pair[0]).clip(0, 1), pair[1]
    whole = reliability(p, truth, 7)
    half = len(p) // 2
    parts = reliability(p[:half], truth[:half], 7) + reliability(p[half:], truth[half:], 7)
    np.testing.assert_array_equal(parts.count, whole.count)
    np.testing.assert_allclose(parts.confidence, whole.confidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_CHUNK", 3)
        assert reliability(p, truth, 7).error == pytest.approx(whole.error)


def test_calibration_error_by_hand() -> None:
    # Two bins. Low: p .2, .4 with no gland: |.3 - 0|. High: p .9 three times, two glands.
    p = np.array([0.2, 0.4, 0.9, 0.9, 0.9])
    truth = np.array([0, 0, 1, 1, 0])
    expected = 2 / 5 * 0.3 + 3 / 5 * (0.9 - 2 / 3)
    assert expected_calibration_error(p, truth, bins=2) == pytest.approx(expected)
    bins = reliability(p, truth, bins=4)
    np.testing.assert_array_equal(bins.count, [1, 1, 0, 3])
    np.testing.assert_allclose(bins.confidence, [0.2, 0.4, np.nan, 0.9])
    np.testing.assert_allclose(bins.frequency, [0, 0, np.nan, 2 / 3])


def test_bins_take_their_lower_edge_and_the_last_one_takes_one() -> None:
    p = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    np.testing.assert_array_equal(reliability(p, p > 0, bins=4).count, [1, 1, 1, 2])


def test_a_calibrated_probability_has_a_small_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(200_000, np.float32)
    truth = rng.random(200_000) < p
    assert expected_calibration_error(p, truth) < 0.01
    assert expected_calibration_error(p**2, truth) > 0.1
    assert reliability(p, truth).count.shape == (15,)


def test_no_pixels_have_no_error() -> None:
    assert np.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))


@given(
    st.integers(2, 30).flatmap(
        lambda n: st.tuples(*[hnp.arrays(np.float64, n, elements=st.integers(0, 6).map(float))] * 2)
    )
)
def test_spearman_agrees_with_scipy(pair: tuple[np.ndarray, ...]) -> None:
    a, b = pair
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert np.isnan(spearman(a, b))
        return
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_spearman_of_a_monotone_map_is_one() -> None:
    a = np.array([3.0, 1.0, 2.0, 10.0])
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, -a) == pytest.approx(-1)
    assert np.isnan(spearman(a[:1], a[:1]))


def test_what_cannot_be_scored_is_refused() -> None:
    nan = np.array([0.5, np.nan])
    for call in (auroc, expected_calibration_error, spearman):
        with pytest.raises(QsaError, match="NaN"):
            call(nan, np.ones(2))
        with pytest.raises(QsaError, match="one shape"):
            call(np.ones(3), np.ones(2))
    with pytest.raises(QsaError, match="between 0 and 1"):
        expected_calibration_error(np.array([0.5, 1.5]), np.ones(2))
