"""What decided the place of each image, and the number that did: known answers."""

import numpy as np
import pytest

from napari_qsa.metrics.member_scores import COLUMNS, EMBEDDING
from napari_qsa.suggestion import Ranking, rank, strategy_names

N, K = 7, 3
RNG = np.random.default_rng(3)
DESCRIPTORS = RNG.random((N, 4)) * 1000
UNCERTAINTIES = RNG.random(N)
GIVEN = {name: RNG.random(N) for name in COLUMNS} | {EMBEDDING: RNG.normal(size=(N, 3)) / 8}


def ranked(strategy: str, annotated: tuple[int, ...] = (), candidates: int = 4) -> Ranking:
    marks = np.isin(np.arange(N), annotated)
    return rank(DESCRIPTORS, UNCERTAINTIES, marks, K, candidates, strategy, columns=GIVEN)


@pytest.mark.parametrize("strategy", strategy_names())
@pytest.mark.parametrize("annotated", [(), (2, 5)])
def test_every_image_has_its_reason(strategy: str, annotated: tuple[int, ...]) -> None:
    found = ranked(strategy, annotated)
    assert len(found.by) == len(found.score) == len(found.order) == N - len(annotated)
    assert all(found.by)
    drawn = np.array(found.by) == "chance"
    np.testing.assert_array_equal(np.isnan(found.score), drawn)


@pytest.mark.parametrize(
    ("strategy", "by", "column"),
    [
        ("uncertainty", "uncertainty", UNCERTAINTIES),
        ("entropy", "entropy", GIVEN["entropy"]),
        ("bald", "mutual_information", GIVEN["mutual_information"]),
    ],
)
def test_numbers_that_order_are_given(strategy: str, by: str, column: np.ndarray) -> None:
    found = ranked(strategy, (1,))
    assert set(found.by) == {by}
    np.testing.assert_array_equal(found.score, column[found.order])


def test_coverage_decides_among_the_candidates_and_uncertainty_behind_them() -> None:
    found = ranked("suggestive")
    assert found.by == ("coverage",) * 4 + ("uncertainty",) * 3
    assert found.score[:K].tolist() == [reason.gain for reason in found.why]
    assert 0 <= found.score[K] <= found.score[K - 1]
    np.testing.assert_array_equal(found.score[4:], UNCERTAINTIES[found.order[4:]])
    assert set(ranked("representative").by) == {"coverage"}


def test_distances_are_those_of_the_descriptors() -> None:
    found = ranked("coreset", (2,))
    known = [2]
    for place, image in enumerate(found.order[:K].tolist()):
        distance = np.linalg.norm(DESCRIPTORS[known] - DESCRIPTORS[image], axis=1).min()
        assert found.score[place] == pytest.approx(distance)
        known.append(image)
    assert set(found.by) == {"distance"}
    found = ranked("coreset")
    assert found.by[:2] == ("centre", "distance")
    to_mean = np.linalg.norm(DESCRIPTORS - DESCRIPTORS.mean(axis=0), axis=1)
    assert found.score[0] == pytest.approx(to_mean.min())


def test_gradients_by_length_and_then_by_distance() -> None:
    found = ranked("badge")
    assert found.by == ("gradient",) + ("gradient_distance",) * (N - 1)
    lengths = np.linalg.norm(GIVEN[EMBEDDING], axis=1)
    assert found.score[0] == pytest.approx(lengths.max())
    first, second = GIVEN[EMBEDDING][found.order[:2]]
    assert found.score[1] == pytest.approx(np.linalg.norm(first - second))


def test_turns_are_told_apart() -> None:
    found = ranked("foreground_random")
    assert found.by == ("foreground", "chance", "chance") * 2 + ("foreground",)
    np.testing.assert_array_equal(found.score[::3], GIVEN["foreground"][found.order[::3]])
    names = ("entropy_gland", "entropy_background", "entropy")
    found = ranked("class_stratified")
    assert found.by == (*names, *names, names[0])
    for turn, name in enumerate(names):
        np.testing.assert_array_equal(found.score[turn::3], GIVEN[name][found.order[turn::3]])
