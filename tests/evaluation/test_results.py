"""Sums and means of known scores, by part and grade."""

import math

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.evaluation import layout, results, tables
from napari_qsa.evaluation.results import ImageResult, PixelCounts, score_image, summaries, worst
from napari_qsa.evaluation.uncertainty import ErrorRanking
from napari_qsa.images import Item
from napari_qsa.metrics import auroc, reliability


def labels(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((20, 20), np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, start=1):
        image[top:bottom, left:right] = number
    return image


TWO = labels((0, 4, 0, 4), (10, 20, 10, 20))


def result(
    predicted: np.ndarray, truth: np.ndarray = TWO, part: str = "all", grade: str | None = None
) -> ImageResult:
    return score_image(Item("x", None, None, part, grade=grade), predicted, truth)  # type: ignore[arg-type]


def test_pooled_and_mean_are_the_two_different_figures() -> None:
    small = labels((0, 4, 0, 4))
    found = results.summarise("all", [result(TWO), result(small, truth=small + TWO * 0)])
    assert (found.pooled.f1, found.image_mean.f1) == (1, 1)
    missed = results.summarise("all", [result(TWO), result(small * 0, truth=small)])
    # Three glands, two found: 2 * 2 / (2 + 3); the images alone have 1 and 0.
    assert missed.pooled.f1 == pytest.approx(0.8)
    assert missed.image_mean.f1 == pytest.approx(0.5)
    assert missed.pooled.pixel_dice == pytest.approx(2 * 116 / (116 + 132))
    assert missed.image_mean.pixel_dice == pytest.approx(0.5)


def test_merged_and_split_glands_are_counted() -> None:
    touching = labels((0, 10, 0, 10), (0, 10, 10, 20))
    one = labels((0, 10, 0, 20))
    found = results.summarise("all", [result(one, touching), result(touching, one)])
    assert (found.objects.merged, found.objects.split) == (1, 1)


def test_groups_are_all_parts_and_grades() -> None:
    found = summaries(
        [
            result(TWO, part="testA", grade="benign"),
            result(TWO, part="testA", grade="malignant"),
            result(TWO, part="testB", grade="benign"),
        ]
    )
    assert [(s.group, s.images) for s in found] == [
        ("all", 3),
        ("testA", 2),
        ("testA benign", 1),
        ("testA malignant", 1),
        ("testB", 1),
        ("testB benign", 1),
    ]


def test_one_part_is_not_repeated() -> None:
    found = summaries([result(TWO, grade="benign"), result(TWO, grade="malignant")])
    assert [s.group for s in found] == ["all", "benign", "malignant"]


def test_no_results_no_summaries() -> None:
    assert summaries([]) == ()


def test_pixel_counts_of_empty_sides() -> None:
    nothing = np.zeros((3, 3))
    assert PixelCounts.of(nothing, nothing).dice == 1
    assert PixelCounts.of(nothing, nothing + 1).dice == 0
    with pytest.raises(QsaError, match="shape"):
        PixelCounts.of(nothing, np.zeros((4, 4)))


def test_worst_come_first() -> None:
    good, bad = result(TWO), result(TWO * 0)
    assert worst([good, bad, good], 2) == [bad, good]


def test_error_ranking_is_the_auroc_of_all_pixels_together() -> None:
    random = np.random.default_rng(0)
    rankings, scores, wrongs = [], [], []
    for _ in range(3):
        probability = random.random((40, 50)).astype(np.float32)
        truth = random.random((40, 50)) < probability
        uncertainty = (np.round(random.random((40, 50)) * 5000) / 10000).astype(np.float32)
        wrong = (probability >= 0.5) != truth
        uncertainty = np.where(wrong, np.minimum(uncertainty + 0.1, 0.5), uncertainty)
        uncertainty = (np.round(uncertainty * 10000) / 10000).astype(np.float32)
        rankings.append(ErrorRanking.of(uncertainty, probability, truth))
        scores.append(uncertainty)
        wrongs.append(wrong)
    total = rankings[0] + rankings[1] + rankings[2]
    expected = auroc(np.stack(scores), np.stack(wrongs))
    assert total.auroc == pytest.approx(expected, abs=2e-4)
    assert 0.6 < total.auroc < 0.9


def test_error_ranking_of_constant_uncertainty_is_a_half() -> None:
    probability = np.array([[0.9, 0.9], [0.1, 0.1]])
    truth = np.array([[1, 0], [0, 1]])
    ranking = ErrorRanking.of(np.full((2, 2), 0.25), probability, truth)
    assert ranking.auroc == 0.5
    assert math.isnan(ErrorRanking.of(np.zeros((2, 2)), probability, probability > 0.5).auroc)


@pytest.mark.parametrize("value", [-0.1, 0.6, float("nan")])
def test_error_ranking_refuses_what_is_no_deviation(value: float) -> None:
    with pytest.raises(QsaError, match="between 0 and"):
        ErrorRanking.of(np.full((1, 1), value), np.ones((1, 1)), np.ones((1, 1)))


def test_a_sum_needs_every_image() -> None:
    with_map = score_image(
        Item("x", None, None),  # type: ignore[arg-type]
        TWO,
        TWO,
        reliability=reliability(np.full(TWO.shape, 0.75), TWO),
    )
    assert results.summarise("all", [with_map]).calibration_error == pytest.approx(0.75 - 116 / 400)
    assert results.summarise("all", [with_map, result(TWO)]).calibration_error is None


def test_rows_name_both_figures() -> None:
    rows = tables.summary_rows(summaries([result(TWO)]))
    assert [row["scores"] for row in rows] == ["pooled", "image mean"]
    text = layout.text_table(rows)
    assert "object Hausdorff (px)" in text.splitlines()[0]
    assert len({line.index("1.000") for line in text.splitlines()[2:]}) == 1
    markdown = layout.markdown_table(rows)
    assert markdown.splitlines()[1].startswith("| --- | --- | ---: |")
    values = tables.summary_json(summaries([result(TWO)])[0])
    assert values["pooled"]["object_dice"] == values["image_mean"]["object_dice"] == 1


def test_table_cells() -> None:
    rows = [{"a": None, "b": float("nan"), "c": "x|y"}, {"a": 12.345, "b": 0.98765, "c": True}]
    assert layout.markdown_table(rows).splitlines()[2:] == [
        "|  | n/a | x\\|y |",
        "| 12.3 | 0.988 | yes |",
    ]
    assert layout.text_table([], ["a"]).splitlines() == ["a", "-"]
