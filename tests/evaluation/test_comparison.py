"""Paired bootstrap: known differences, and that pairing pays."""

from dataclasses import replace

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.evaluation.comparison import Metric, paired_difference
from napari_qsa.metrics import ObjectScore, image_mean, pool

METRICS: list[Metric] = ["f1", "object_dice", "object_hausdorff"]


def scores(n: int = 40, seed: int = 0) -> list[ObjectScore]:
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        truth = int(random.integers(5, 20))
        hits = int(random.integers(0, truth + 1))
        area = int(random.integers(1000, 9000))
        dice, far = random.uniform(0.2, 0.9), random.uniform(10, 90)
        made.append(
            ObjectScore(1, truth, truth, hits, area, area, dice * area, dice * area, far * area,
                        far * area)
        )  # fmt: skip
    return made


def better(score: ObjectScore, by: float = 0.05) -> ObjectScore:
    return replace(
        score,
        predicted_dice=score.predicted_dice + by * score.predicted_area,
        truth_dice=score.truth_dice + by * score.truth_area,
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("pooled", [True, False])
def test_value_is_the_difference_of_the_scores(metric: Metric, pooled: bool) -> None:
    a, b = scores(seed=0), scores(seed=1)
    found = paired_difference(a, b, metric, pooled, resamples=500)
    combine = pool if pooled else image_mean
    expected = getattr(combine(b), metric) - getattr(combine(a), metric)
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_a_constant_gain_is_sure_though_images_differ_widely() -> None:
    a = scores()
    found = paired_difference(a, [better(score) for score in a])
    assert (found.low, found.high) == (pytest.approx(0.05), pytest.approx(0.05))


def test_no_difference_includes_zero() -> None:
    a = scores()
    assert paired_difference(a, a, "f1").low == paired_difference(a, a, "f1").high == 0


def test_interval_covers_as_it_says() -> None:
    """The true mean difference is 0: about 95 in 100 intervals must hold it."""
    random = np.random.default_rng(3)
    held = 0
    for trial in range(100):
        a = scores(seed=100 + trial)
        b = [better(score, random.normal(0, 0.05)) for score in a]
        found = paired_difference(a, b, pooled=False, resamples=400, seed=trial)
        held += found.low <= 0 <= found.high
    assert 86 <= held <= 100


def test_one_empty_side_counts_as_in_the_metrics() -> None:
    a = [ObjectScore(images=1, truth=1, truth_area=10, truth_hausdorff=500)]
    b = [ObjectScore(images=1)]
    assert paired_difference(a, b, "object_dice", resamples=10).value == 1
    assert paired_difference(a, b, "f1", resamples=10).value == 1
    assert paired_difference(a, b, "object_hausdorff", resamples=10).value == -50


def test_unequal_sets_cannot_be_paired() -> None:
    with pytest.raises(QsaError, match="paired"):
        paired_difference(scores(3), scores(4))
