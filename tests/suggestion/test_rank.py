"""Rankings against known answers and against brute force on small pools."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_qsa.errors import QsaError
from napari_qsa.metrics.member_scores import COLUMNS, EMBEDDING
from napari_qsa.suggestion import Ranking, cosine_similarity, rank, strategy_names

# Small whole numbers: equal and parallel descriptors, zero vectors and ties are all common.
pools = st.integers(0, 9).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float32, (n, 3), elements=st.integers(-1, 3).map(float)),
        hnp.arrays(np.float32, n, elements=st.integers(0, 4).map(lambda u: u / 8)),
        hnp.arrays(bool, n),
    )
)
Pools = tuple[np.ndarray, np.ndarray, np.ndarray]


def columns(n: int) -> dict[str, np.ndarray]:
    """Columns for the strategies that need some, with ties and zeros."""
    rng = np.random.default_rng(n)
    found = {name: rng.integers(0, 4, n) / 4 for name in COLUMNS}
    return {**found, EMBEDDING: rng.integers(0, 3, (n, 4)).astype(float)}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    norm = float(np.linalg.norm(a.astype(float)) * np.linalg.norm(b.astype(float)))
    return float(a.astype(float) @ b.astype(float)) / norm if norm else 0.0


def coverage(pool: Pools, chosen: list[int], count_annotated: bool) -> float:
    """F of the paper, written down as it stands there."""
    descriptors, _, annotated = pool
    seen = list(chosen)
    if count_annotated:
        seen += [i for i in range(len(annotated)) if annotated[i]]
    total = 0.0
    for j in range(len(annotated)):
        if not annotated[j]:
            total += max([0.0] + [cosine(descriptors[i], descriptors[j]) for i in seen])
    return total


def brute_force(pool: Pools, k: int, n_candidates: int, count_annotated: bool) -> list[int]:
    """The order of the issue, step by step, with no shortcut."""
    _, uncertainties, annotated = pool
    free = [i for i in range(len(annotated)) if not annotated[i]]
    free.sort(key=lambda i: (-uncertainties[i], i))
    candidates, rest = free[: max(k, n_candidates)], free[max(k, n_candidates) :]
    picks: list[int] = []

    def value(i: int) -> float:
        return round(coverage(pool, [*picks, i], count_annotated), 7)

    while candidates and len(picks) < k:
        best = max(candidates, key=value)  # the first of the best
        picks.append(best)
        candidates.remove(best)
    return picks + sorted(candidates, key=lambda i: -value(i)) + rest


@given(pools, st.integers(1, 5), st.integers(1, 7), st.booleans())
def test_suggestive_agrees_with_brute_force(
    pool: Pools, k: int, candidates: int, count_annotated: bool
) -> None:
    ranking = rank(*pool, k=k, candidates=candidates, count_annotated=count_annotated)
    assert ranking.order.tolist() == brute_force(pool, k, candidates, count_annotated)
    assert ranking.picks.tolist() == ranking.order.tolist()[:k]


@given(pools, st.integers(1, 4), st.booleans())
def test_greedy_reaches_its_guarantee(pool: Pools, k: int, count_annotated: bool) -> None:
    ranking = rank(*pool, k=k, candidates=6, count_annotated=count_annotated)
    start = coverage(pool, [], count_annotated)
    reached = coverage(pool, ranking.picks.tolist(), count_annotated) - start
    optimum = max(
        coverage(pool, list(chosen), count_annotated) - start
        for chosen in combinations(ranking.candidates.tolist(), len(ranking.picks))
    )
    assert reached >= (1 - 1 / np.e) * optimum - 1e-6


@given(pools, st.integers(1, 5), st.sampled_from(strategy_names()), st.integers(0, 3))
def test_every_unannotated_image_gets_one_rank(
    pool: Pools, k: int, strategy: str, seed: int
) -> None:
    known = columns(len(pool[2]))
    ranking = rank(*pool, k=k, candidates=3, strategy=strategy, seed=seed, columns=known)
    assert sorted(ranking.order.tolist()) == np.flatnonzero(~pool[2]).tolist()
    assert ranking.picks.tolist() == ranking.order.tolist()[:k]
    again = rank(*pool, k=k, candidates=3, strategy=strategy, seed=seed, columns=known)
    np.testing.assert_array_equal(again.order, ranking.order)


@given(pools, st.integers(1, 5), st.sampled_from(strategy_names()), st.booleans())
def test_reasons_add_up(pool: Pools, k: int, strategy: str, count_annotated: bool) -> None:
    known = columns(len(pool[2]))
    ranking = rank(*pool, k=k, strategy=strategy, count_annotated=count_annotated, columns=known)
    assert [reason.image for reason in ranking.why] == ranking.picks.tolist()
    if len(ranking.order) == 0:
        assert np.isnan(ranking.coverage_before)
        return
    before = coverage(pool, [], count_annotated)
    after = coverage(pool, ranking.picks.tolist(), count_annotated)
    assert ranking.coverage_gain.sum() == pytest.approx(after - before, abs=1e-5)
    assert ranking.coverage_before == pytest.approx(before / len(ranking.order), abs=1e-6)
    assert ranking.coverage_after == pytest.approx(after / len(ranking.order), abs=1e-6)
    assert sum(reason.represents for reason in ranking.why) <= len(ranking.order)


# Three groups of directions; the outlier 6 is the most uncertain.
DESCRIPTORS = np.array(
    [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], float
)
UNCERTAINTIES = np.array([0.30, 0.20, 0.10, 0.35, 0.05, 0.25, 0.40, 0.01])
NONE = np.zeros(8, bool)


def test_known_answer_of_the_paper() -> None:
    # Candidates 6, 3, 0, 5. First gains, with c = cos 45 degrees = .707: image 5 has
    # 3 c + 2 c + 1 = 4.54, 0 has 3 + c = 3.71, 3 has 2 + c = 2.71, 6 has 1. After 5: 6 adds 1,
    # 0 adds 3 (1 - c) = .88, 3 adds 2 (1 - c) = .59.
    ranking = rank(DESCRIPTORS, UNCERTAINTIES, NONE, k=2, candidates=4)
    assert ranking.candidates.tolist() == [6, 3, 0, 5]
    assert ranking.order.tolist() == [5, 6, 0, 3, 1, 2, 4, 7]
    c = np.sqrt(0.5)
    np.testing.assert_allclose(ranking.coverage_gain, [5 * c + 1, 1])
    assert [reason.represents for reason in ranking.why] == [6, 1]
    assert [reason.uncertainty_rank for reason in ranking.why] == [4, 1]
    assert ranking.coverage_before == 0
    assert ranking.coverage_after == pytest.approx((5 * c + 2) / 8)


def test_annotated_images_count_as_covered_unless_told_otherwise() -> None:
    annotated = NONE.copy()
    annotated[1] = True  # the group of 0 and 2 is known, half of 5's direction too
    counted = rank(DESCRIPTORS, UNCERTAINTIES, annotated, k=1, candidates=4)
    paper = rank(DESCRIPTORS, UNCERTAINTIES, annotated, k=1, candidates=4, count_annotated=False)
    assert counted.picks.tolist() == [3]  # adds 2 + 0; 5 adds 2 c + (1 - c) = 1.71, 6 adds 1
    assert paper.picks.tolist() == [5]  # 4 c + 1 = 3.83; 3 has 2.71, 0 has 2.71
    assert counted.why[0].represents == 2  # 5 is as like the annotated one
    assert 1 not in counted.order


def test_coverage_is_over_all_images_not_only_the_candidates() -> None:
    # Among the candidates 0 and 1 alone the two are equal; the others are like 1.
    descriptors = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], float)
    ranking = rank(descriptors, np.array([0.4, 0.3, 0.2, 0.1]), np.zeros(4, bool), 1, 2)
    assert ranking.picks.tolist() == [1]


def test_equal_gains_go_to_the_more_uncertain_then_to_the_lower_index() -> None:
    same = np.tile(np.random.default_rng(0).random(64, np.float32), (6, 1))
    scaled = same * np.array([1, 3, 0.1, 7, 1e-3, 13], np.float32)[:, None]
    uncertainties = np.array([0.1, 0.3, 0.2, 0.3, 0.1, 0.3])
    ranking = rank(scaled, uncertainties, np.zeros(6, bool), k=3)
    assert ranking.order.tolist() == [1, 3, 5, 2, 0, 4]


def test_copies_of_an_annotated_image_represent_nothing() -> None:
    """Copies of other brightness differ by rounding noise, which must not decide."""
    rng = np.random.default_rng(0)
    copies = rng.random((1, 64)) * rng.uniform(0.1, 10, (60, 1))
    annotated = np.arange(60) == 7
    ranking = rank(copies, rng.random(60), annotated)
    assert ranking.coverage_gain.tolist() == [0.0] * 8
    assert [reason.represents for reason in ranking.why] == [0] * 8
    paper = rank(copies, rng.random(60), annotated, count_annotated=False)
    assert [reason.represents for reason in paper.why] == [59] + [0] * 7


def test_zero_descriptors_fall_back_to_uncertainty() -> None:
    ranking = rank(np.zeros((4, 5)), np.array([0.1, 0.4, 0.2, 0.4]), np.zeros(4, bool), k=2)
    assert ranking.order.tolist() == [1, 3, 2, 0]
    assert [reason.represents for reason in ranking.why] == [0, 0]


def test_uncertainty_orders_by_uncertainty_with_ties_by_index() -> None:
    uncertainties = np.array([0.1, 0.3, 0.2, 0.3])
    annotated = np.array([False, False, True, False])
    ranking = rank(np.ones((4, 2)), uncertainties, annotated, k=2, strategy="uncertainty")
    assert ranking.order.tolist() == [1, 3, 0]
    assert ranking.candidates.size == 0


def test_random_keeps_its_order_when_images_are_annotated() -> None:
    def order(seed: int, annotated: np.ndarray) -> list[int]:
        zeros = np.zeros(50)
        return rank(zeros[:, None], zeros, annotated, strategy="random", seed=seed).order.tolist()

    first = order(3, np.zeros(50, bool))
    assert first != order(4, np.zeros(50, bool))
    annotated = np.zeros(50, bool)
    annotated[first[:8]] = True
    assert order(3, annotated) == first[8:]


def test_random_takes_every_image_equally_often() -> None:
    zeros = np.zeros(5)
    counts = np.zeros(5)
    for seed in range(1000):
        picks = rank(zeros[:, None], zeros, zeros, 2, strategy="random", seed=seed).picks
        counts[picks] += 1
    assert (np.abs(counts - 400) < 80).all()  # five standard deviations


def test_more_picks_than_candidates_widen_the_candidates() -> None:
    ranking = rank(DESCRIPTORS, UNCERTAINTIES, NONE, k=5, candidates=2)
    assert ranking.candidates.tolist() == [6, 3, 0, 5, 1]
    assert ranking.picks.tolist()[0] == 5


def test_fewer_images_than_picks_are_all_picks() -> None:
    ranking = rank(DESCRIPTORS, UNCERTAINTIES, NONE, k=100)
    assert len(ranking.picks) == len(ranking.order) == len(ranking.why) == 8


@pytest.mark.parametrize("strategy", strategy_names())
@pytest.mark.parametrize("n", [0, 3])
def test_nothing_left_to_annotate_is_an_empty_ranking(strategy: str, n: int) -> None:
    known = columns(n)
    ranking = rank(np.ones((n, 4)), np.ones(n), np.ones(n, bool), strategy=strategy, columns=known)
    assert isinstance(ranking, Ranking)
    assert ranking.order.size == ranking.picks.size == ranking.candidates.size == 0
    assert ranking.why == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["descriptor", "uncertainty"])
def test_numbers_that_are_not_finite_are_refused_by_image(value: float, where: str) -> None:
    descriptors, uncertainties = DESCRIPTORS.copy(), UNCERTAINTIES.copy()
    if where == "descriptor":
        descriptors[5, 1] = value
    else:
        uncertainties[5] = value
    with pytest.raises(QsaError, match="Image 5 of the pool"):
        rank(descriptors, uncertainties, NONE)


@pytest.mark.parametrize("shapes", [((3, 2), (4,), (3,)), ((3, 2), (3,), (2,)), ((3,), (3,), (3,))])
def test_lengths_must_agree(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(QsaError, match="do not describe one pool"):
        rank(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("options", [{"k": 0}, {"candidates": 0}, {"seed": -1}, {"k": -3}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(QsaError, match="must be at least"):
        rank(DESCRIPTORS, UNCERTAINTIES, NONE, **options)


def test_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(QsaError, match="'sugestive'; choose one of suggestive, "):
        rank(DESCRIPTORS, UNCERTAINTIES, NONE, strategy="sugestive")


@given(
    hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    hnp.arrays(np.float32, (2, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
)
def test_cosine_agrees_with_its_definition(a: np.ndarray, b: np.ndarray) -> None:
    expected = [[cosine(x, y) for y in b] for x in a]
    np.testing.assert_allclose(cosine_similarity(a, b), expected, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-320, 1e300])
def test_cosine_does_not_depend_on_length(scale: float) -> None:
    a, b = np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    np.testing.assert_allclose(cosine_similarity(a * scale, b), [[0.96]], rtol=1e-3)


def test_cosine_of_zero_is_zero() -> None:
    zero = np.zeros((1, 3))
    assert cosine_similarity(zero, zero).tolist() == [[0.0]]
    assert cosine_similarity(zero, np.ones((1, 3))).tolist() == [[0.0]]


def test_cosine_needs_descriptors_of_one_length() -> None:
    with pytest.raises(QsaError, match="one ensemble"):
        cosine_similarity(np.ones((2, 3)), np.ones((2, 4)))
