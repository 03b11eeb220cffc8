"""The search finds what a picture needs, and never looks at what it reports."""

import numpy as np
import pytest

from napari_qsa.ensemble.instances import InstanceOptions
from napari_qsa.errors import QsaError
from napari_qsa.evaluation.instance_options import (
    GRID,
    choose_instance_options,
    cross_fit,
    objective,
)

Pair = tuple[np.ndarray, np.ndarray]
SIDE = 96


def blobs(seed: int, level: float) -> tuple[Pair, np.ndarray]:
    """Four glands of probability `level` on a background a little below it."""
    random = np.random.default_rng(seed)
    truth = np.zeros((SIDE, SIDE), np.int32)
    for number, (row, column) in enumerate([(4, 4), (4, 52), (52, 4), (52, 52)], start=1):
        shift = random.integers(0, 6, 2)
        truth[row + shift[0] : row + shift[0] + 34, column : column + 36] = number
    probability = np.where(truth > 0, level, level - 0.08).astype(np.float32)
    return (probability, np.zeros_like(probability)), truth


def data(levels: list[float]) -> tuple[list[Pair], list[np.ndarray]]:
    maps, truths = zip(*(blobs(i, level) for i, level in enumerate(levels)), strict=True)
    return list(maps), list(truths)


def test_the_right_threshold_is_found() -> None:
    maps, truths = data([0.43, 0.43])
    found = choose_instance_options(maps, truths, 1.0, start=InstanceOptions(min_confidence=0))
    assert found.options.threshold == 0.4
    assert found.score.f1 == found.score.object_dice == 1


def test_touching_glands_make_the_separator_count() -> None:
    truth = np.zeros((SIDE, SIDE), np.int32)
    truth[20:70, 10:48], truth[20:70, 48:86] = 1, 2
    probability = (truth > 0).astype(np.float32)
    separator = np.zeros_like(probability)
    separator[20:70, 46:50] = 0.4
    start = InstanceOptions(separator_weight=0.0)
    found = choose_instance_options([(probability, separator)], [truth], 1.0, start=start)
    assert found.options.separator_weight > 0
    assert found.score.f1 == 1
    assert found.score.merged == 0


def test_ties_keep_the_start() -> None:
    maps, truths = data([0.97])
    start = InstanceOptions(max_hole_um2=1234.0)
    assert choose_instance_options(maps, truths, 1.0, start=start).options == start


def test_only_named_options_are_searched() -> None:
    maps, truths = data([0.43])
    found = choose_instance_options(maps, truths, 1.0, grid={"min_area_um2": (50.0, 100.0)})
    assert found.options.threshold == InstanceOptions().threshold


def test_grid_holds_only_valid_options() -> None:
    for name, values in GRID.items():
        assert len(set(values)) == len(values) > 2
        for value in values:
            InstanceOptions(**{name: value})


def test_cross_fit_scores_a_fold_with_the_options_of_the_others() -> None:
    maps, truths = data([0.43, 0.43, 0.56, 0.56])
    start = InstanceOptions(min_confidence=0)
    found = cross_fit(maps, truths, [0, 0, 1, 1], 1.0, start=start)
    # Chosen on the others, each threshold is wrong for its own fold: that is the honest figure.
    assert found.folds[0].threshold == 0.5
    assert found.folds[1].threshold == 0.4
    fitted = choose_instance_options(maps[:2], truths[:2], 1.0, start=start).score
    assert objective(fitted) == 2
    assert all(objective(score) < 2 for score in found.scores)


def test_cross_fit_keeps_the_order_of_the_images() -> None:
    maps, truths = data([0.56, 0.53, 0.56, 0.53])
    truths[2] = np.zeros_like(truths[2])
    found = cross_fit(maps, truths, [2, 0, 2, 0], 1.0)
    assert [score.truth for score in found.scores] == [4, 4, 0, 4]


@pytest.mark.parametrize("folds", [[0, 0], [0]])
def test_cross_fit_needs_folds(folds: list[int]) -> None:
    maps, truths = data([0.43, 0.43])
    with pytest.raises(QsaError, match="folds"):
        cross_fit(maps, truths, folds, 1.0)


def test_choice_needs_images() -> None:
    with pytest.raises(QsaError, match="at least one"):
        choose_instance_options([], [], 1.0)
