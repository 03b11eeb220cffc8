"""Object scores against hand-computed cases and against the rules written out plainly."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import directed_hausdorff

from napari_qsa.errors import QsaError
from napari_qsa.metrics import ObjectScore, image_mean, pool, score_objects


def image(
    *objects: tuple[int, int, int, int, int], shape: tuple[int, int] = (20, 30)
) -> np.ndarray:
    """Draw rectangles (label, first row, end row, first column, end column)."""
    labels = np.zeros(shape, np.int32)
    for label, top, bottom, left, right in objects:
        labels[top:bottom, left:right] = label
    return labels


def plain(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The challenge's rules, pixel by pixel and object by object."""
    s_labels = [int(v) for v in np.unique(predicted) if v]
    g_labels = [int(v) for v in np.unique(truth) if v]
    ss = {v: predicted == v for v in s_labels}
    gs = {v: truth == v for v in g_labels}

    def partner(mask: np.ndarray, others: dict[int, np.ndarray]) -> int | None:
        best, most = None, 0
        for label, other in others.items():  # ascending: the lowest label wins a tie
            if (shared := int((mask & other).sum())) > most:
                best, most = label, shared
        return best

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        p, q = np.argwhere(a), np.argwhere(b)
        return max(directed_hausdorff(p, q)[0], directed_hausdorff(q, p)[0])

    tp = 0
    for mask in ss.values():
        label = partner(mask, gs)
        if label is not None and (mask & gs[label]).sum() / gs[label].sum() > 0.5:
            tp += 1
    dice, distance = [], []
    for own, others in ((ss, gs), (gs, ss)):
        area = sum(mask.sum() for mask in own.values())
        d = h = 0.0
        for mask in own.values():
            label = partner(mask, others)
            if label is not None:
                other = others[label]
                d += mask.sum() / area * 2 * (mask & other).sum() / (mask.sum() + other.sum())
                h += mask.sum() / area * apart(mask, other)
            elif others:
                h += mask.sum() / area * min(apart(mask, other) for other in others.values())
            else:
                h += mask.sum() / area * np.hypot(*truth.shape)
        dice.append(d)
        distance.append(h)
    if not ss and not gs:
        return {"f1": 1.0, "object_dice": 1.0, "object_hausdorff": 0.0}
    fp, fn = len(ss) - tp, len(gs) - tp
    halves = 2 if ss and gs else 1
    return {
        "f1": 2 * tp / (2 * tp + fp + fn),
        "object_dice": sum(dice) / 2,
        "object_hausdorff": sum(distance) / halves,
    }


label_values = st.sampled_from([0, 0, 0, 1, 2, 7, 255, 256, 70_000, 2_000_000])
label_pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.int32, shape, elements=label_values),
        hnp.arrays(np.int32, shape, elements=label_values),
    )
)


@given(label_pairs)
def test_agrees_with_the_plain_rules(pair: tuple[np.ndarray, np.ndarray]) -> None:
    score = score_objects(*pair)
    for name, expected in plain(*pair).items():
        assert getattr(score, name) == pytest.approx(expected, abs=1e-9), name


@given(label_pairs, st.permutations([1, 2, 7, 255, 256, 70_000, 2_000_000]))
def test_renaming_the_prediction_changes_no_score_without_ties(
    pair: tuple[np.ndarray, np.ndarray], names: list[int]
) -> None:
    predicted, truth = pair
    renamed = predicted.copy()
    for old, new in zip([1, 2, 7, 255, 256, 70_000, 2_000_000], names, strict=True):
        renamed[predicted == old] = new
    before, after = score_objects(predicted, truth), score_objects(renamed, truth)
    assert (before.f1, before.merged, before.split) == (after.f1, after.merged, after.split)
    assert before.predicted_dice == pytest.approx(after.predicted_dice)


@given(label_pairs)
def test_swapping_the_sides_swaps_the_sums(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = score_objects(*pair), score_objects(*pair[::-1])
    assert one.object_dice == pytest.approx(other.object_dice)
    assert one.object_hausdorff == pytest.approx(other.object_hausdorff)
    assert one.predicted_area == other.truth_area


def test_identical() -> None:
    labels = image((3, 1, 5, 1, 9), (4, 5, 9, 1, 9), (900, 12, 18, 20, 28))
    score = score_objects(labels, labels)
    assert (score.f1, score.object_dice, score.object_hausdorff) == (1, 1, 0)
    assert (score.predicted, score.truth, score.true_positives) == (3, 3, 3)
    assert (score.merged, score.split) == (0, 0)


def test_no_overlap() -> None:
    # Two squares of 2 x 2, 10 columns apart: Hausdorff 10. A third prediction, far away, has the
    # same lone truth to measure against: rows 16 and columns 20 apart.
    truth = image((1, 0, 2, 0, 2))
    score = score_objects(image((1, 0, 2, 10, 12)), truth)
    assert (score.f1, score.object_dice, score.object_hausdorff) == (0, 0, 10)
    score = score_objects(image((1, 0, 2, 10, 12), (2, 16, 18, 20, 22)), truth)
    assert score.object_hausdorff == pytest.approx(((10 + np.hypot(16, 20)) / 2 + 10) / 2)
    assert (score.false_positives, score.false_negatives) == (2, 1)


def test_an_object_without_partner_uses_the_smallest_hausdorff_not_the_nearest_pixel() -> None:
    # The long bar is nearer to the lone square (2 columns), the small one is at the smaller
    # Hausdorff distance (6): the bar's far end is 24 away.
    predicted = image((1, 10, 11, 4, 5))
    truth = image((1, 10, 11, 6, 29), (2, 4, 5, 4, 5))
    assert score_objects(predicted, truth).predicted_hausdorff == 6


@pytest.mark.parametrize("flip", [False, True])
def test_one_empty_side(flip: bool) -> None:
    pair = (image((1, 0, 4, 0, 4), shape=(30, 40)), image(shape=(30, 40)))
    score = score_objects(*pair[::-1] if flip else pair)
    assert (score.f1, score.object_dice) == (0, 0)
    assert score.object_hausdorff == 50  # the diagonal
    assert (score.precision, score.recall) == (0, 0)


def test_both_sides_empty() -> None:
    score = score_objects(image(), image())
    assert (score.f1, score.object_dice, score.object_hausdorff) == (1, 1, 0)
    assert (score.precision, score.recall) == (1, 1)


def test_touching_objects_are_two() -> None:
    truth = image((1, 0, 10, 0, 10), (2, 0, 10, 10, 20))
    score = score_objects(truth, truth)
    assert (score.truth, score.true_positives, score.object_dice) == (2, 2, 1)


def test_one_prediction_over_two_touching_glands() -> None:
    # S is 10 x 20 = 200, G1 and G2 are 10 x 10. S and G1 tie with S and G2: G1, the lower label.
    # Dice(S, G1) = 200 / 300; both G have S as partner. Hausdorff: 10 columns each way.
    truth = image((1, 0, 10, 0, 10), (2, 0, 10, 10, 20))
    score = score_objects(image((8, 0, 10, 0, 20)), truth)
    assert (score.true_positives, score.false_positives, score.false_negatives) == (1, 0, 1)
    assert score.f1 == pytest.approx(2 / 3)
    assert score.object_dice == pytest.approx(2 / 3)
    assert score.object_hausdorff == 10
    assert (score.merged, score.split) == (1, 0)


def test_a_tie_goes_to_the_lower_label_wherever_it_lies() -> None:
    # 5 pixels of each; of the larger gland that is 5 / 30, of the smaller 5 / 5.
    predicted = image((1, 0, 1, 5, 15))
    low_is_small = image((1, 0, 1, 10, 15), (2, 0, 3, 0, 10))
    low_is_large = image((2, 0, 1, 10, 15), (1, 0, 3, 0, 10))
    assert score_objects(predicted, low_is_small).true_positives == 1
    assert score_objects(predicted, low_is_large).true_positives == 0


def test_two_predictions_over_one_gland() -> None:
    # G is 10 x 20; S1 covers 12 columns (60 %), S2 the other 8. Both have G as partner, G has S1.
    truth = image((5, 0, 10, 0, 20))
    score = score_objects(image((1, 0, 10, 0, 12), (2, 0, 10, 12, 20)), truth)
    assert (score.true_positives, score.false_positives, score.false_negatives) == (1, 1, 0)
    d1, d2 = 240 / 320, 160 / 280
    assert score.object_dice == pytest.approx((0.6 * d1 + 0.4 * d2 + d1) / 2)
    assert score.object_hausdorff == pytest.approx((0.6 * 8 + 0.4 * 12 + 8) / 2)
    assert (score.merged, score.split) == (0, 1)


def test_half_of_the_gland_is_not_more_than_half() -> None:
    truth = image((1, 0, 10, 0, 10))
    assert score_objects(image((1, 0, 5, 0, 10)), truth).true_positives == 0
    assert score_objects(image((1, 0, 5, 0, 10), (1, 5, 6, 0, 1)), truth).true_positives == 1


def test_background_is_never_a_partner() -> None:
    # 1 pixel of the gland and 399 of the background: the gland is the partner.
    truth = image((1, 0, 1, 0, 1))
    score = score_objects(image((1, 0, 20, 0, 20)), truth)
    assert score.true_positives == 1
    assert score.object_dice == pytest.approx(2 / 401)


def test_merged_needs_more_than_half_of_two_glands() -> None:
    truth = image((1, 0, 10, 0, 10), (2, 0, 10, 10, 20))
    assert score_objects(image((1, 0, 10, 0, 15)), truth).merged == 0  # half of the second
    assert score_objects(image((1, 0, 10, 0, 16)), truth).merged == 1


@pytest.mark.parametrize(
    ("second", "split"),
    [
        ((2, 0, 10, 15, 20), 1),
        ((2, 0, 2, 19, 20), 0),  # a speck in the gland: 1 % of it
        ((2, 0, 10, 17, 28), 0),  # a neighbour that reaches 3 columns into it
    ],
)
def test_split_needs_two_pieces_that_lie_in_the_gland(second: tuple, split: int) -> None:
    truth = image((1, 0, 10, 0, 20))
    assert score_objects(image((1, 0, 10, 0, 15), second), truth).split == split


def test_parts_with_one_label_are_one_object() -> None:
    truth = image((1, 0, 4, 0, 4), (1, 10, 14, 0, 4))
    score = score_objects(image((1, 0, 4, 0, 4)), truth)
    assert (score.truth, score.true_positives) == (1, 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("first", [1, 250, 60_000])
def test_more_than_255_objects(dtype: type, first: int) -> None:
    rows, columns = np.mgrid[:60, :75]
    numbers = rows // 3 * 25 + columns // 3
    inner = (rows % 3 < 2) & (columns % 3 < 2)
    truth = np.where(inner, numbers + first, 0).astype(dtype)
    score = score_objects(truth, truth)
    assert (score.truth, score.true_positives, score.object_dice) == (500, 500, 1)
    shifted = score_objects(np.roll(truth, 1, axis=1), truth)  # 2 of 4 pixels: not more than half
    assert (shifted.true_positives, shifted.object_hausdorff) == (0, 1)
    assert shifted.object_dice == pytest.approx(0.5)


def test_pooled_is_not_the_mean_of_images() -> None:
    # A large gland found, a small one in another image missed.
    found = score_objects(image((1, 0, 10, 0, 19)), image((1, 0, 10, 0, 19)))
    missed = score_objects(image(), image((1, 0, 2, 0, 5)))
    pooled, mean = pool([found, missed]), image_mean([found, missed])
    assert (pooled.images, mean.images) == (2, 2)
    assert pooled.f1 == pytest.approx(2 / 3)
    assert mean.f1 == pytest.approx(1 / 2)
    assert pooled.object_dice == pytest.approx((1 + 190 / 200) / 2)
    assert mean.object_dice == pytest.approx(1 / 2)
    diagonal = np.hypot(20, 30)
    assert pooled.object_hausdorff == pytest.approx((0 + 10 / 200 * diagonal) / 2)
    assert mean.object_hausdorff == pytest.approx(diagonal / 2)


@given(st.lists(label_pairs, min_size=1, max_size=4))
def test_pooling_is_scoring_the_images_as_one_part(
    pairs: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Counts and Dice of a part are those of its images side by side, far labels apart."""
    scores = [score_objects(*pair) for pair in pairs]
    height = max(pair[0].shape[0] for pair in pairs)

    def side(k: int) -> np.ndarray:
        parts = []
        for n, pair in enumerate(pairs):
            labels = pair[k].astype(np.int64)
            labels[labels > 0] += n * 10_000_000
            parts.append(np.pad(labels, ((0, height - labels.shape[0]), (0, 0))))
        return np.concatenate(parts, axis=1)

    together, pooled = score_objects(side(0), side(1)), pool(scores)
    assert pooled.f1 == together.f1
    assert pooled.object_dice == pytest.approx(together.object_dice)
    assert (pooled.merged, pooled.split) == (together.merged, together.split)
    assert pooled.images == len(scores)
    for field in fields(ObjectScore):  # each statistic is a sum
        total = sum(getattr(score, field.name) for score in scores)
        assert getattr(pooled, field.name) == pytest.approx(total)


def test_nothing_pooled() -> None:
    assert pool([]) == ObjectScore()
    assert pool([]).f1 == 1
    assert np.isnan(image_mean([]).f1)


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (np.zeros((3, 4), int), np.zeros((4, 3), int), "grid of the truth"),
        (np.zeros((3, 4)), np.zeros((3, 4), int), "predicted labels are float64"),
        (np.zeros((3, 4), int), np.full((3, 4), -1), "true labels contain negative"),
        (np.zeros((3, 4, 1), int), np.zeros((3, 4, 1), int), "2-D"),
    ],
)
def test_what_is_no_label_image_is_refused(
    predicted: np.ndarray, truth: np.ndarray, message: str
) -> None:
    with pytest.raises(QsaError, match=message):
        score_objects(predicted, truth)


def test_masks_are_one_object_each() -> None:
    mask = image((1, 2, 5, 2, 5)).astype(bool)
    assert score_objects(mask, mask) == score_objects(mask.astype(int), mask.astype(int))


def test_an_image_of_no_pixels_scores_as_empty() -> None:
    assert score_objects(np.zeros((0, 4), int), np.zeros((0, 4), int)).f1 == 1
