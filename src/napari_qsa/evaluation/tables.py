"""Results as rows, and rows as text, Markdown or plain JSON values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from napari_qsa.evaluation.results import ImageResult, Scores, Summary

Row = Mapping[str, Any]

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


def text_table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Lay rows out in aligned columns, numbers to the right; None is a blank."""
    header, cells, right = _cells(rows, columns)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = []
    for line in [header, ["-" * width for width in widths], *cells]:
        aligned = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        )
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def markdown_table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Write rows as a Markdown table, numbers to the right; None is a blank."""
    header, cells, right = _cells(rows, columns)
    rule = ["---:" if to_right else "---" for to_right in right]
    lines = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in line]
        for line in [header, rule, *cells]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scores(scores: Scores) -> dict[str, float]:
    return asdict(scores)


def _cells(
    rows: Sequence[Row], columns: Sequence[str] | None
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Header, cells as text, and whether a column is of numbers."""
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    values = [[row.get(column) for column in columns] for row in rows]
    right = [
        all(_is_number(line[i]) or line[i] is None for line in values) and bool(values)
        for i in range(len(columns))
    ]
    return list(columns), [[_cell(value) for value in line] for line in values], right


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """Three decimals up to 10, one above: what the figures of this field are good for."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        if math.isnan(value):
            return "n/a"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
