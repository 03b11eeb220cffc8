"""Strategies by numbers of each image alone: known answers, and what chance does."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_qsa.errors import QsaError
from napari_qsa.suggestion import goes_by_uncertainty, needed_columns, rank, strategy_names

scores = st.lists(st.integers(0, 3).map(lambda value: value / 4), min_size=1, max_size=9)


def order(
    strategy: str, annotated: list[int] | None = None, k: int = 2, seed: int = 0, **columns: list
) -> list[int]:
    n = len(next(iter(columns.values())))
    marks = np.isin(np.arange(n), annotated or [])
    given_columns = {name: np.array(values) for name, values in columns.items()}
    ranking = rank(
        *(np.ones((n, 2)), np.zeros(n), marks, k),
        strategy=strategy, seed=seed, columns=given_columns,
    )  # fmt: skip
    return ranking.order.tolist()


@given(scores, st.sampled_from([("entropy", "entropy"), ("bald", "mutual_information")]))
def test_entropy_and_bald_order_by_their_column(values: list[float], names: tuple) -> None:
    strategy, column = names
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert order(strategy, **{column: values}) == expected


def test_foreground_random_draws_one_in_three_by_the_share() -> None:
    share = [0.0, 0.1, 0.3, 0.6]
    counts = np.zeros((3, 4))
    for seed in range(2000):
        for place, image in enumerate(order("foreground_random", foreground=share, seed=seed)[:3]):
            counts[place, image] += 1
    by_share = np.array(share)
    second = np.zeros(4)  # any of the three that are left, with equal probability
    for first in range(4):
        second += by_share[first] * (np.arange(4) != first) / 3
    np.testing.assert_allclose(counts[0] / 2000, by_share, atol=0.055)  # five deviations
    np.testing.assert_allclose(counts[1] / 2000, second, atol=0.055)


def test_foreground_random_takes_images_without_foreground_last_where_it_leads() -> None:
    share = [0.0, 0.0, 0.5, 0.5]
    for seed in range(20):
        found = order("foreground_random", foreground=share, seed=seed)
        assert sorted(found) == [0, 1, 2, 3]
        assert found[0] in (2, 3)
        assert found == order("foreground_random", foreground=share, seed=seed)
    assert len({tuple(order("foreground_random", foreground=[0.0] * 4, seed=s)) for s in range(40)}
               ) > 10  # fmt: skip


def test_class_stratified_takes_turns_and_its_noise_fades() -> None:
    n = 300  # all but the last ten are annotated: beta is 100^(290/300), so the noise is little
    glands, others, both = np.full((3, n), 0.01)
    glands[290], others[291], both[292], glands[293] = 1.0, 1.0, 1.0, 0.5
    found = order(
        "class_stratified",
        annotated=list(range(290)),
        entropy_gland=list(glands), entropy_background=list(others), entropy=list(both),
    )  # fmt: skip
    assert found[:4] == [290, 291, 292, 293]


def test_class_stratified_draws_in_proportion_at_the_start() -> None:
    """With nothing annotated beta is 1: the first pick is as likely as its gland entropy."""
    values = [0.1, 0.3, 0.6, 0.0]
    even = [0.5] * 4
    firsts = [
        order("class_stratified", seed=seed, entropy_gland=values, entropy_background=even,
              entropy=even)[0]
        for seed in range(2000)
    ]  # fmt: skip
    found = np.bincount(firsts, minlength=4) / 2000
    np.testing.assert_allclose(found, values, atol=0.055)


def test_every_strategy_of_the_project_is_there() -> None:
    assert set(strategy_names()) == {
        *("suggestive", "uncertainty", "representative", "entropy", "bald", "coreset", "badge"),
        *("foreground_random", "random", "class_stratified"),
    }
    free = {name for name in strategy_names() if not goes_by_uncertainty(name)}
    assert free == {"representative", "coreset", "foreground_random", "random"}


@pytest.mark.parametrize("strategy", [n for n in strategy_names() if needed_columns(n)])
def test_what_a_strategy_lacks_is_said_in_a_sentence(strategy: str) -> None:
    needs = needed_columns(strategy)
    message = f"The strategy {strategy} needs the {' and '.join(needs)} of every image"
    with pytest.raises(QsaError, match=message):
        rank(np.ones((3, 2)), np.zeros(3), np.zeros(3), strategy=strategy)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("entropy", np.zeros(2), "one row for each"),
        ("entropy", np.zeros((3, 1)), "one row for each"),
        ("embedding", np.zeros(3), "one row for each"),
        ("entropy", np.array([0, np.nan, 0]), "column entropy holds what is NaN"),
    ],
)
def test_columns_that_describe_no_pool_are_refused(
    name: str, column: np.ndarray, message: str
) -> None:
    with pytest.raises(QsaError, match=message):
        rank(np.ones((3, 2)), np.zeros(3), np.zeros(3), columns={name: column})


def test_what_the_share_leads_is_drawn_without_replacement() -> None:
    """The first and the fourth draw follow it, the fourth among the images that are left."""
    share = np.array([0.1, 0.2, 0.3, 0.0, 0.4])
    draws = 3000
    counts, expected = np.zeros((2, 5)), np.zeros((2, 5))
    for seed in range(draws):
        found = order("foreground_random", foreground=share.tolist(), seed=seed)
        for place in (0, 1):
            counts[place, found[3 * place]] += 1
    for first, *free, fourth in permutations(range(5), 4):
        left = share[[i for i in range(5) if i not in (first, *free)]].sum()
        chance = share[first] / 12 * share[fourth] / left  # the two between: 4 times 3 ways
        expected[:, [first, fourth]] += [[chance, 0], [0, chance]]
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    np.testing.assert_allclose(counts / draws, expected, atol=0.046)  # five deviations
