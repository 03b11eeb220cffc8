"""The learning curves of a study, read from its results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_qsa.errors import QsaError
from napari_qsa.simulation.arms import FULL
from napari_qsa.simulation.study import Study, read_json

SCORES = {
    "object_dice": "object Dice",
    "f1": "F1",
    "object_hausdorff": "object Hausdorff (px)",
    "pixel_dice": "pixel Dice",
}
"""Keys of the results, and what they are called; all pooled over the scored images."""

LOWER_IS_BETTER = ("object_hausdorff",)


@dataclass(frozen=True)
class Curves:
    """What there is of an arm.

    Attributes
    ----------
    name : str
        Of the arm.
    sizes : tuple of int
        Annotated images by round.
    seeds : dict
        The scores of each round by key, of each seed that has finished all rounds.
    unfinished : dict
        Finished rounds of the other seeds that have begun.
    """

    name: str
    sizes: tuple[int, ...]
    seeds: dict[int, dict[str, tuple[float, ...]]]
    unfinished: dict[int, int]

    def scores(self, key: str) -> dict[int, tuple[float, ...]]:
        """Give one score of each seed, by round."""
        return {seed: of[key] for seed, of in self.seeds.items()}

    def mean(self, key: str) -> tuple[float, ...]:
        """Give the mean curve over the finished seeds; at least one."""
        columns = zip(*self.scores(key).values(), strict=True)
        return tuple(sum(column) / len(column) for column in columns)

    def only(self, seeds: Collection[int]) -> Curves:
        """Leave out all finished seeds but some."""
        return replace(self, seeds={seed: self.seeds[seed] for seed in self.seeds if seed in seeds})


def common_seeds(curves: Sequence[Curves]) -> tuple[int, ...]:
    """Give the seeds that all arms have finished; an arm without any does not count."""
    begun = [set(each.seeds) for each in curves if each.seeds]
    return tuple(sorted(set.intersection(*begun))) if begun else ()


def read_curves(study: Study, name: str) -> Curves:
    """Read the curves of an arm, or of full supervision.

    Raises
    ------
    QsaError
        If a result is damaged.
    """
    rounds = study.rounds_of(name)
    sizes = study.plan.sizes if name != FULL else (len(study.pool),)
    seeds: dict[int, dict[str, tuple[float, ...]]] = {}
    unfinished: dict[int, int] = {}
    folder = study.run_folder(name, 0).parent
    found = (path.name.removeprefix("seed-") for path in folder.glob("seed-*"))
    for seed in sorted(int(number) for number in found if number.isdecimal()):
        rows = [
            _scores(study.run_folder(name, seed) / f"round-{n + 1}.json") for n in range(rounds)
        ]
        whole = [row for row in rows if row is not None]
        if len(whole) == rounds:
            seeds[seed] = {key: tuple(row[key] for row in whole) for key in SCORES}
        else:
            unfinished[seed] = len(whole)
    return Curves(name, sizes, seeds, unfinished)


def _scores(path: Path) -> dict[str, float] | None:
    values = read_json(path)
    if values is None:
        return None
    try:
        return {key: float(values["scores"]["pooled"][key]) for key in SCORES}
    except (KeyError, TypeError, ValueError) as error:
        raise QsaError(f"{path} is damaged ({error!r}); delete it, and run again.") from error
