"""What a training on a project will do: its options, what it trains on, and the job it makes."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import TrainingError
from napari_qsa.jobs.project_training import ProjectJob, Stage
from napari_qsa.project import Project
from napari_qsa.project.facts import SLOTS, Slot

SHIPPED: Mapping[Slot, str] = {
    "suggestive": "glas-suggestive",
    "segmentation": "glas-segmentation",
}
"""What is in use where the user has chosen nothing."""

SHARES: Mapping[Slot, float] = {"suggestive": 0.25, "segmentation": 0.75}
"""Of the minutes."""

FLOAT_SHARE = 0.55
"""Of the iterations; a twentieth goes to the activations, and the last 40 % to INQ."""

BATCH = 4
"""Crops in an iteration: half of what a long training takes, so that ten minutes hold enough."""

SCRATCH: Mapping[Slot, Mapping[str, Any]] = {
    "suggestive": {"network_options": {"pretrained": True, "width": 16}},
    "segmentation": {"network_options": {"pretrained": True}},
}
"""The networks where none is started from; the suggestive ones are narrow."""

_SCHEME = re.compile(r"(?:inq|dorefa)([1-8])|(twn)|q(?:paper)?([0-9]+)\.([0-9]+)")


@dataclass(frozen=True)
class ProjectTrainingOptions:
    """How a project's models are trained; ``label`` and ``help`` are what a form shows."""

    minutes: float = field(
        default=10.0,
        metadata={"label": "Minutes", "help": "Time of the whole training."},
    )
    iterations: int | None = field(
        default=None,
        metadata={
            "label": "Iterations",
            "help": "Steps of each network, instead of the minutes: the same result on any "
            "machine, whatever its speed.",
        },
    )
    members: int = field(
        default=5,
        metadata={"label": "Networks", "help": "Of each of the two models."},
    )
    weights: str = field(
        default="inq4", metadata={"label": "Weights", "help": "How weights are stored."}
    )
    activations: str = field(
        default="u8", metadata={"label": "Activations", "help": "How activations are computed."}
    )
    from_scratch: bool = field(
        default=False,
        metadata={
            "label": "Start anew",
            "help": "Do not start from the models in use.",
        },
    )
    keep_running: bool = field(
        default=True,
        metadata={
            "label": "Go on when the window is closed",
            "help": "The result is found when the project is opened again.",
        },
    )
    seed: int | None = field(
        default=None,
        metadata={"label": "Seed", "help": "Of every random draw; by default the project's."},
    )
    workers: int | None = field(
        default=None,
        metadata={"label": "Processes", "help": "By default one less than there are cores."},
    )
    suggestive: Mapping[str, Any] = field(default_factory=dict)
    segmentation: Mapping[str, Any] = field(default_factory=dict)
    """Changes of `TrainingOptions` for one of the models, by name."""


@dataclass(frozen=True)
class Plan:
    """What will be trained on.

    Attributes
    ----------
    images, validation : int
        Accepted images that are trained and validated on.
    glands : int
        Annotated in the images that are trained on.
    left_out : tuple of str
        A sentence for each accepted image that cannot be used.
    minutes : float
    iterations : int or None
        Instead of the minutes.
    file_bytes : int
        About what the two files will take.
    start : str or None
        The segmentation model that is started from; None from none.
    """

    images: int
    validation: int
    glands: int
    left_out: tuple[str, ...]
    minutes: float
    iterations: int | None
    file_bytes: int
    start: str | None


def make_plan(project: Project, options: ProjectTrainingOptions) -> Plan:
    """Look what would be trained on; reads files."""
    inputs, left_out = project.trainable()
    train = [found for found in inputs if found.role == "train"]
    return Plan(
        images=len(train),
        validation=len(inputs) - len(train),
        glands=sum(found.glands for found in train),
        left_out=tuple(left_out),
        minutes=options.minutes,
        iterations=options.iterations,
        file_bytes=sum(_file_bytes(project, options, slot) for slot in SLOTS),
        start=None if options.from_scratch else in_use(project, "segmentation"),
    )


def make_job(project: Project, options: ProjectTrainingOptions) -> ProjectJob:
    """Say what the training process is to do; reads the cards of the models in use.

    Raises
    ------
    TrainingError
        If an option is out of range or unknown.
    EnsembleFileError, ProjectError
        If a model in use is missing or damaged.
    """
    if not 0 < options.minutes < 60 * 24 * 365:
        raise TrainingError(f"The training cannot take {options.minutes} minutes: give more.")
    stages = tuple(
        Stage(slot, _stage_options(project, options, slot), SHARES[slot]) for slot in SLOTS
    )
    minutes = options.minutes if options.iterations is None else None
    current = in_use(project, "segmentation")
    return ProjectJob(stages, minutes, options.workers, str(_start_of(project, current)))


def in_use(project: Project, slot: Slot) -> str:
    """Name the model in use: a key, or a shipped ensemble."""
    return project.model_in(slot) or SHIPPED[slot]


def to_json(options: ProjectTrainingOptions) -> dict[str, Any]:
    """Give plain values, as they are kept with a run."""
    return asdict(options)


def _stage_options(
    project: Project, options: ProjectTrainingOptions, slot: Slot
) -> TrainingOptions:
    key = in_use(project, slot)
    base = TrainingOptions(
        role=slot,
        weights=options.weights,
        activations=options.activations,
        members=options.members,
        seed=project.facts.seed if options.seed is None else options.seed,
        batch=BATCH,
        float_share=FLOAT_SHARE,
    )
    if options.iterations is not None:
        base = replace(base, iterations=options.iterations)
    if options.from_scratch:
        base = replace(base, **SCRATCH[slot])
    else:
        card = read_card(project.model_path(key))
        base = replace(
            base,
            network=card.network,
            network_options=dict(card.network_options),
            pixel_size=card.pixel_size,
            start=_start_of(project, key),
        )
    changes = options.suggestive if slot == "suggestive" else options.segmentation
    try:
        return replace(base, **changes)
    except TypeError as error:
        raise TrainingError(f"An option of the training is unknown ({error}).") from error


def _start_of(project: Project, key: str) -> str:
    """Name a model as `TrainingOptions.start` does."""
    path = project.model_path(key)
    is_shipped = key in shipped.names() and path == shipped.path(key)
    return key if is_shipped else str(Path(path).resolve())


def _file_bytes(project: Project, options: ProjectTrainingOptions, slot: Slot) -> int:
    """Estimate from the file of the model that is started from, or of the shipped one."""
    key = SHIPPED[slot] if options.from_scratch else in_use(project, slot)
    path = project.model_path(key)
    card: EnsembleCard = read_card(path)
    each = path.stat().st_size / card.members
    return round(each * _bits(options.weights) / _bits(card.weights) * options.members)


def _bits(weights: str) -> float:
    """Give the bits of a weight scheme, by its name alone: the schemes themselves need torch."""
    if (match := _SCHEME.fullmatch(weights)) is None:
        return 32.0
    named, ternary, integer, fraction = match.groups()
    return 2.0 if ternary else float(named or 1 + int(integer) + int(fraction))
