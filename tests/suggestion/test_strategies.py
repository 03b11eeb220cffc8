"""A new strategy is one function and a name."""

import numpy as np
import pytest

from napari_qsa.suggestion import (
    Options,
    Pool,
    Proposal,
    rank,
    register,
    strategies,
    strategy_names,
)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "_strategies", dict(strategies._strategies))


@pytest.mark.usefixtures("registry")
def test_a_registered_strategy_ranks() -> None:
    @register("last first")
    def last_first(pool: Pool, options: Options) -> Proposal:
        return Proposal(pool.unannotated[::-1], np.zeros(0, np.int64))

    assert strategy_names()[-1] == "last first"
    ranking = rank(np.eye(4), np.zeros(4), np.array([0, 1, 0, 0]), k=2, strategy="last first")
    assert ranking.order.tolist() == [3, 2, 0]
    assert ranking.coverage_gain.tolist() == [1.0, 1.0]


@pytest.mark.usefixtures("registry")
def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="'random' already"):
        register("random")(lambda pool, options: Proposal(pool.unannotated, pool.unannotated))
