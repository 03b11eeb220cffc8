"""Numbers of an image out of its members' maps: known answers, and parts that add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_qsa.metrics.member_scores import (
    COLUMNS,
    MemberScoreSums,
    as_columns,
    binary_entropy,
    gradient_sums,
    member_scores,
    score_columns,
)

maps = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(0, 1, width=32),
)


def test_entropy_in_bits() -> None:
    found = binary_entropy(np.array([0, 0.5, 1, 0.25], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 1, 0, 0.8112781], atol=1e-6)


def test_known_answers() -> None:
    # Four pixels: both sure of gland, both at a half, sure of opposites, both sure of background
    found = member_scores(np.array([[[1, 0.5, 1, 0]], [[1, 0.5, 0, 0]]], np.float32))
    assert found.uncertainty == pytest.approx(0.5 / 4)
    assert found.entropy == pytest.approx(2 / 4)
    assert found.mutual_information == pytest.approx(1 / 4)  # only the opposites disagree
    assert found.foreground == pytest.approx(3 / 4)
    assert found.entropy_gland == pytest.approx(2 / 3)
    assert found.entropy_background == 0


@given(maps)
def test_they_are_what_the_formulas_say(probability: np.ndarray) -> None:
    p = probability.astype(np.float64)
    mean = p.mean(axis=0)

    def entropy(q: float) -> float:
        return -sum(x * np.log2(x) for x in (q, 1 - q) if x > 0)

    by_pixel = np.array([entropy(q) for q in mean.ravel()])
    by_member = np.mean([[entropy(q) for q in member.ravel()] for member in p], axis=0)
    gland = probability.mean(axis=0).ravel() >= 0.5
    found = member_scores(probability)
    assert found.uncertainty == pytest.approx(p.std(axis=0).mean(), abs=1e-5)
    assert found.entropy == pytest.approx(by_pixel.mean(), abs=1e-5)
    assert found.mutual_information == pytest.approx((by_pixel - by_member).mean(), abs=1e-5)
    assert found.mutual_information >= 0
    assert found.foreground == pytest.approx(gland.mean())
    for value, chosen in ((found.entropy_gland, gland), (found.entropy_background, ~gland)):
        assert value == pytest.approx(by_pixel[chosen].mean() if chosen.any() else 0, abs=1e-5)


@given(maps, st.integers(1, 4))
def test_parts_add_up(probability: np.ndarray, rows: int) -> None:
    sums = MemberScoreSums()
    for start in range(0, probability.shape[1], rows):
        sums.add(probability[:, start : start + rows])
    whole, parts = member_scores(probability), sums.result()
    assert as_columns(parts) == pytest.approx(as_columns(whole), abs=1e-6)


def test_columns_of_a_pool() -> None:
    found = [member_scores(np.full((2, 2, 2), p, np.float32)) for p in (0.0, 0.5, 1.0)]
    columns = score_columns(found, [np.full(4, i) for i in range(3)])
    assert set(columns) == {*COLUMNS, "embedding"}
    np.testing.assert_allclose(columns["entropy"], [0, 1, 0])
    assert columns["foreground"].tolist() == [0, 1, 1]
    assert columns["embedding"].shape == (3, 4)
    assert set(score_columns(found)) == set(COLUMNS)


def test_gradients_by_pseudo_class_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random((3, 4, 6)).astype(np.float32)
    features = rng.normal(size=(3, 5, 2, 3)).astype(np.float32)
    expected = np.zeros((2, 5))
    for row in range(4):
        for column in range(6):
            gland = probability[:, row, column].mean() >= 0.5
            for member in range(3):
                residual = abs(probability[member, row, column] - gland)
                h = features[member, :, row // 2, column // 2]
                expected[0 if gland else 1] += residual * h / 3
    np.testing.assert_allclose(gradient_sums(probability, features), expected.ravel(), rtol=1e-4)


def test_sure_members_that_agree_have_no_gradient_and_a_dissenter_a_long_one() -> None:
    features = np.ones((3, 2, 1, 1), np.float32)
    sure = np.zeros((3, 2, 2), np.float32)
    sure[:, 0] = 1
    assert gradient_sums(sure, features).tolist() == [0.0] * 4
    sure[0, 0, 0] = 0  # one of three says background where the mean says gland
    np.testing.assert_allclose(gradient_sums(sure, features), [1 / 3, 1 / 3, 0, 0])
