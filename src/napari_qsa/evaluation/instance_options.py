"""Choose how maps become objects, on maps of images that the networks never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.instances import InstanceOptions, instances
from napari_qsa.errors import QsaError
from napari_qsa.metrics import ObjectScore, pool, score_objects

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probability and separator of one image, each (H, W) float32."""

Grid = Mapping[str, Sequence[float]]

GRID: Grid = MappingProxyType(
    {
        "threshold": (0.4, 0.45, 0.5, 0.55, 0.6),
        "separator_weight": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        "seed_threshold": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
        "bridge_um": (0.0, 4.0, 8.0, 12.0, 16.0),
        "min_seed_um2": (50.0, 100.0, 200.0, 400.0, 800.0),
        "min_area_um2": (100.0, 150.0, 300.0, 600.0, 900.0, 1200.0),
        "min_confidence": (0.0, 0.6, 0.65, 0.7, 0.75, 0.8),
        "max_hole_um2": (1000.0, 2500.0, 5000.0, 10000.0, 100000.0),
    }
)
"""Values tried for each option, in the order in which the search goes through them."""

MAX_ROUNDS = 4


@dataclass(frozen=True)
class Choice:
    """Options and how they did where they were chosen.

    Attributes
    ----------
    options : InstanceOptions
        The chosen ones.
    score : ObjectScore
        Pooled over the images they were chosen on: flattering, never to be reported as accuracy.
    """

    options: InstanceOptions
    score: ObjectScore


@dataclass(frozen=True)
class CrossFit:
    """Options chosen for each fold on the other folds, and the honest scores.

    Attributes
    ----------
    folds : dict
        Fold to the options chosen without it.
    scores : tuple of ObjectScore
        Of each image, with the options of its fold: nothing about it was chosen on it.
    """

    folds: dict[int, InstanceOptions]
    scores: tuple[ObjectScore, ...]


def objective(score: ObjectScore) -> float:
    """Return what is maximised: pooled F1 plus pooled object Dice."""
    return score.f1 + score.object_dice


def choose_instance_options(
    maps: Sequence[Maps],
    truths: Sequence[NDArray[Any]],
    pixel_size: float,
    grid: Grid = GRID,
    start: InstanceOptions | None = None,
) -> Choice:
    """Choose the options of the highest pooled F1 plus object Dice.

    One option after another takes the best of its values, the others held; rounds over all
    options repeat until one changes nothing, at most ``MAX_ROUNDS``. Ties keep the value that
    was, then the earlier one of the grid. It is a search by coordinates, not of the whole grid:
    1,215,000 settings would not be worth their time.

    Parameters
    ----------
    maps
        One pair for each image, of networks that never saw it.
    truths
        ``(H, W)`` labels on the same grids.
    pixel_size
        Of these grids, in µm.
    grid
        Values to try for each option; options that it does not name keep their start.
    start
        Where the search begins; the defaults if None.

    Raises
    ------
    QsaError
        If there are no images, or not as many maps as truths.
    """
    return _Search(maps, truths, pixel_size, grid, start).choose(range(len(maps)))


def cross_fit(
    maps: Sequence[Maps],
    truths: Sequence[NDArray[Any]],
    folds: Sequence[int],
    pixel_size: float,
    grid: Grid = GRID,
    start: InstanceOptions | None = None,
) -> CrossFit:
    """Choose options for each fold on the out-of-fold maps of the others, and score it with them.

    Parameters
    ----------
    maps, truths, pixel_size, grid, start
        As in `choose_instance_options`.
    folds
        The fold of each image.

    Raises
    ------
    QsaError
        If there are fewer than two folds, or lengths differ.
    """
    search = _Search(maps, truths, pixel_size, grid, start)
    if len(folds) != len(maps) or len(set(folds)) < 2:
        raise QsaError(
            f"Options cannot be cross-fitted on {len(maps)} images in {len(set(folds))} folds; "
            "give one fold for each image, and at least two of them."
        )
    options = {
        fold: search.choose([i for i, other in enumerate(folds) if other != fold]).options
        for fold in sorted(set(folds))
    }
    scores = tuple(search.score(options[fold], i) for i, fold in enumerate(folds))
    return CrossFit(options, scores)


class _Search:
    """Scores of settings on images, each computed once."""

    def __init__(
        self,
        maps: Sequence[Maps],
        truths: Sequence[NDArray[Any]],
        pixel_size: float,
        grid: Grid,
        start: InstanceOptions | None,
    ) -> None:
        if len(maps) != len(truths) or not maps:
            raise QsaError(
                f"Options cannot be chosen on {len(maps)} maps and {len(truths)} truths; "
                "give as many of both, at least one."
            )
        self._maps, self._truths = maps, truths
        self._pixel_size, self._grid = pixel_size, grid
        self._start = start or InstanceOptions()
        self._known: dict[tuple[InstanceOptions, int], ObjectScore] = {}

    def choose(self, images: Sequence[int]) -> Choice:
        best = self._start
        for _ in range(MAX_ROUNDS):
            before = best
            for name, values in self._grid.items():
                settings = [best, *(replace(best, **{name: value}) for value in values)]
                best = max(settings, key=partial(self._value, images))
            if best == before:
                break
        return Choice(best, self._pooled(images, best))

    def score(self, options: InstanceOptions, image: int) -> ObjectScore:
        key = (options, image)
        if key not in self._known:
            labels = instances(*self._maps[image], self._pixel_size, options)
            self._known[key] = score_objects(labels, self._truths[image])
        return self._known[key]

    def _pooled(self, images: Sequence[int], options: InstanceOptions) -> ObjectScore:
        return pool([self.score(options, image) for image in images])

    def _value(self, images: Sequence[int], options: InstanceOptions) -> float:
        return objective(self._pooled(images, options))
