"""Results as rows of a table, and as plain values for JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from napari_qsa.evaluation.results import ImageResult, Scores, Summary

POOLED = "pooled"
IMAGE_MEAN = "image mean"
IMAGE_COLUMNS = (
    "name",
    "grade",
    "source",
    "f1",
    "object_dice",
    "object_hausdorff",
    "pixel_dice",
    "glands",
    "predicted",
    "merged",
    "split",
)
"""Of `image_row`, what fits on a screen."""


def summary_rows(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Give two rows for each group, pooled and mean over the images, with units in the names."""
    rows = []
    for summary in summaries:
        for kind, scores in ((POOLED, summary.pooled), (IMAGE_MEAN, summary.image_mean)):
            pooled = kind == POOLED
            rows.append(
                {
                    "group": summary.group,
                    "scores": kind,
                    "images": summary.images,
                    "F1": scores.f1,
                    "object Dice": scores.object_dice,
                    "object Hausdorff (px)": scores.object_hausdorff,
                    "pixel Dice": scores.pixel_dice,
                    "glands": summary.objects.truth if pooled else None,
                    "merged": summary.objects.merged if pooled else None,
                    "split": summary.objects.split if pooled else None,
                }
            )
    return rows


def image_row(result: ImageResult) -> dict[str, Any]:
    """Give the scores of one image as plain values."""
    return {
        "name": result.name,
        "part": result.part,
        "grade": result.grade,
        "source": result.source,
        "member": result.member,
        **_scores(
            Scores(
                result.objects.f1,
                result.objects.object_dice,
                result.objects.object_hausdorff,
                result.pixels.dice,
            )
        ),
        "glands": result.objects.truth,
        "predicted": result.objects.predicted,
        "merged": result.objects.merged,
        "split": result.objects.split,
        "uncertainty": result.uncertainty,
        "calibration_error": result.reliability.error if result.reliability is not None else None,
        "error_auroc": result.errors.auroc if result.errors is not None else None,
    }


def summary_json(summary: Summary) -> dict[str, Any]:
    """Give a summary as plain values, ready for JSON: pooled and image means, both named."""
    objects = summary.objects
    return {
        "group": summary.group,
        "images": summary.images,
        "pooled": _scores(summary.pooled),
        "image_mean": _scores(summary.image_mean),
        "glands": objects.truth,
        "predicted": objects.predicted,
        "true_positives": objects.true_positives,
        "precision": objects.precision,
        "recall": objects.recall,
        "merged": objects.merged,
        "split": objects.split,
        "out_of_fold": summary.out_of_fold,
        "seen_in_training": summary.seen,
        "calibration_error": summary.calibration_error,
        "error_auroc": summary.error_auroc,
    }


def uncertainty_facts(summary: Summary) -> list[tuple[str, float]]:
    """Give the figures about probability and uncertainty that there are, with their names."""
    facts = [
        ("Expected calibration error of the gland's probability", summary.calibration_error),
        ("AUROC of the uncertainty for wrong pixels", summary.error_auroc),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _scores(scores: Scores) -> dict[str, float]:
    return asdict(scores)
