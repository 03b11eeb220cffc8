"""What all arms and seeds of a study have in common; with the images, it determines every figure.

The loop is that of suggestive annotation (Yang et al., MICCAI 2017): begin with a few images drawn
at random, train, let the strategy choose some more, and again. The labels of a data set stand for
the annotator. The suggestive FCNs rank the pool and the segmentation FCNs are scored, as Xu et al.
(CVPR 2018) separate them; the segmentation FCNs are the same in all arms.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from napari_qsa.ensemble.training.options import Role, TrainingOptions
from napari_qsa.errors import QsaError
from napari_qsa.quantization.inq import inq_portions

MOST_ROUNDS = 49
"""So that the seeds of all trainings of a study are different."""

NETWORK = "efficient_fcn"
NETWORK_OPTIONS = {"pretrained": True, "width": 16}
GRID = 2.48
"""µm: a quarter of the resolution of GlaS, where glands are still whole and trainings short."""
PORTIONS = inq_portions(5)
"""Of all staged schemes of an arm alike, so that `float-restarts` is the control of each."""


def _suggestive() -> TrainingOptions:
    return TrainingOptions(
        role="suggestive",
        network=NETWORK,
        network_options=dict(NETWORK_OPTIONS),
        weights="float",
        activations="float",
        members=3,
        iterations=90,
        batch=4,
        crop=96,
        learning_rate=2e-3,
        stage_rate=6e-4,
        stain=0.3,
        pixel_size=GRID,
        portions=PORTIONS,
    )


def _segmentation() -> TrainingOptions:
    return dataclasses.replace(
        _suggestive(), role="segmentation", members=1, iterations=400, bootstrap=False
    )


@dataclass(frozen=True)
class Plan:
    """The options of a study.

    Attributes
    ----------
    rounds : int
        How often segmentation FCNs are trained and scored; between two rounds the pool is ranked.
    start, add : int
        Images annotated in the first round, and how many more in each later one.
    candidates : int
        K, the most uncertain images among which `suggestive` chooses.
    count_annotated : bool
        Whether coverage counts what is annotated already; the paper's does not.
    folds, fold : int
        The fold of patients that is scored and never in the pool, of so many.
    suggestive, segmentation : TrainingOptions
        Of the trainings; an arm sets the weight scheme of the first, a round the seeds of both.
    """

    rounds: int = 5
    start: int = 8
    add: int = 8
    candidates: int = 16
    count_annotated: bool = False
    folds: int = 5
    fold: int = 0
    suggestive: TrainingOptions = field(default_factory=_suggestive)
    segmentation: TrainingOptions = field(default_factory=_segmentation)

    def __post_init__(self) -> None:
        for name in ("rounds", "start", "add", "candidates"):
            if getattr(self, name) < 1:
                raise QsaError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.rounds > MOST_ROUNDS:
            raise QsaError(f"rounds must be at most {MOST_ROUNDS}, not {self.rounds}.")
        if not 0 <= self.fold < self.folds:
            raise QsaError(f"Fold {self.fold} is none of {self.folds}: give 0 to {self.folds - 1}.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many images are annotated in each round."""
        return tuple(self.start + self.add * number for number in range(self.rounds))

    def training(self, role: Role, seed: int, number: int, weights: str = "") -> TrainingOptions:
        """Give the options of one training.

        Parameters
        ----------
        role : {"suggestive", "segmentation"}
            Which FCNs.
        seed : int
            Of the run.
        number : int
            Of the round, from 1; 0 for full supervision.
        weights : str
            Scheme of the arm; the plan's if empty.

        Returns
        -------
        TrainingOptions
            Their seed depends on role, seed and round alone, so that arms are paired.
        """
        options = self.suggestive if role == "suggestive" else self.segmentation
        offset = number + (MOST_ROUNDS + 1 if role == "suggestive" else 0)
        return dataclasses.replace(
            options,
            seed=seed * 2 * (MOST_ROUNDS + 1) + offset,
            weights=weights or options.weights,
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        own = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        roles = {role: own[role].to_json() for role in ("suggestive", "segmentation")}
        return own | roles

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Plan:
        """Read back what :meth:`to_json` gave."""
        roles = {
            role: TrainingOptions.from_json(values[role]) for role in ("suggestive", "segmentation")
        }
        return cls(**{**values, **roles})
