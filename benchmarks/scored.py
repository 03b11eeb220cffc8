"""Score networks on labelled images: what several of the scripts report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.images import Item, open_dataset
from napari_qsa.metrics import pixel_dice, pool, score_objects


def held_out(run: TrainingRun, data: Path, fold: int) -> tuple[list[Item], float | None]:
    """Find the labelled images of a run's fold, and their pixel size in µm."""
    dataset = open_dataset(data).part("train").labelled()
    names = {name for name, _, image_fold in run.records if image_fold == fold}
    return [item for item in dataset.items if item.name in names], dataset.pixel_size


def score_images(
    ensemble: Ensemble,
    items: Sequence[Item],
    pixel_size: float | None,
    members: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Predict labelled images and score them: objects by the ensemble's rules, pixels above .5.

    Returns
    -------
    dict
        ``images``; ``object_dice``, ``f1``, ``object_hausdorff`` (pixels), ``merged`` and
        ``split``, pooled; ``pixel_dice``, the mean of the images.
    """
    scores, pixels = [], []
    for item in items:
        found = ensemble.predict(item.read(), pixel_size=pixel_size, members=members)
        truth = item.read_labels()
        scores.append(score_objects(found.labels, truth))
        pixels.append(pixel_dice(found.probability >= 0.5, truth > 0))
    pooled = pool(scores)
    return {
        "images": len(scores),
        "object_dice": round(pooled.object_dice, 4),
        "f1": round(pooled.f1, 4),
        "object_hausdorff": round(pooled.object_hausdorff, 1),
        "merged": pooled.merged,
        "split": pooled.split,
        "pixel_dice": round(float(np.mean(pixels)), 4),
    }
