"""Which images the loop may annotate and which are scored, and how a loop begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import fitted_to_volumes
from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.images import Dataset, Item, patient_folds


@dataclass(frozen=True)
class Split:
    """The labelled images of a data set, divided.

    Attributes
    ----------
    pool : tuple of Item
        Those the loop may train on.
    held_out : tuple of Item
        Those of the held-out fold; no patient of theirs is in the pool.
    """

    pool: tuple[Item, ...]
    held_out: tuple[Item, ...]


def split(dataset: Dataset, folds: int, fold: int, needed: int) -> Split:
    """Hold a fold of patients out; the folds are those of a training with seed 0.

    Raises
    ------
    QsaError
        If no image has labels, or fewer images than are needed remain.
    """
    items = dataset.labelled().items
    if not items:
        raise DatasetError(
            f"{dataset.root} holds no labelled image: put NAME_anno.bmp or NAME_labels.tif beside "
            "each image."
        )
    of = patient_folds(items, folds)
    pool = tuple(item for item in items if of[item.name] != fold)
    if len(pool) < needed:
        raise QsaError(
            f"{dataset.root} leaves {len(pool)} labelled images beside fold {fold}, and {needed} "
            "are to be annotated: give smaller numbers, or another data set."
        )
    return Split(pool, tuple(item for item in items if of[item.name] == fold))


def fitted(options: TrainingOptions, parts: Split) -> TrainingOptions:
    """Let all networks look at volumes pixel by pixel: their grid is that of the whole pool."""
    return fitted_to_volumes(Dataset(Path(), parts.pool, None), options)


def draw_start(pool: Sequence[Item], count: int, seed: int) -> list[str]:
    """Draw the names of the images that are annotated first; they depend on the seed alone."""
    order = np.random.default_rng([seed, 0]).permutation(len(pool))
    return sorted(pool[place].name for place in order[:count].tolist())


def named(pool: Sequence[Item], names: Iterable[str]) -> tuple[Item, ...]:
    """Give the items of these names in the order of the pool."""
    wanted = set(names)
    return tuple(item for item in pool if item.name in wanted)
