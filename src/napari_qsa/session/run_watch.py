"""What the files of training runs tell: their state, their curves, their comparison."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_qsa.ensemble.training.events import read_events
from napari_qsa.evaluation.model_comparison import ModelComparison
from napari_qsa.jobs import project_training
from napari_qsa.project import Project, Run
from napari_qsa.project.facts import SLOTS, Slot

RunStatus = Literal["running", "interrupted", "failed", "finished", "adopted", "discarded"]
RESUMABLE: tuple[RunStatus, ...] = ("interrupted", "failed")
CurveKey = tuple[Slot, int]


@dataclass(frozen=True)
class Curve:
    """How one network learns.

    Attributes
    ----------
    iterations : tuple of int
        Rising.
    loss : tuple of float
        Mean since the iteration before.
    dice_iterations : tuple of int
        Some of them.
    dice : tuple of float
        Of gland pixels at these, 0 to 1: on the validation images, or where there are none on
        those that this network is not trained on.
    total : int
        Iterations in all.
    phase : str
        Of its schedule, such as ``stage 2``.
    """

    iterations: tuple[int, ...] = ()
    loss: tuple[float, ...] = ()
    dice_iterations: tuple[int, ...] = ()
    dice: tuple[float, ...] = ()
    total: int = 0
    phase: str = ""


@dataclass(frozen=True)
class RunInfo:
    """One training run, as a list shows it.

    Attributes
    ----------
    id : str
    created : str
        ISO 8601, UTC.
    status : {"running", "interrupted", "failed", "finished", "adopted", "discarded"}
        ``interrupted`` and ``failed`` runs can be resumed; ``finished`` ones wait for a choice.
    message : str
        What is being done; of a failure, what was wrong and what to do.
    fraction : float
        Of it that is done, 0 to 1.
    seconds_left : float or None
    images, validation : int
        How many it trains and validates on.
    options : mapping
        As they were given.
    """

    id: str
    created: str
    status: RunStatus
    message: str
    fraction: float
    seconds_left: float | None
    images: int
    validation: int
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """All runs of a project at one moment.

    Attributes
    ----------
    runs : tuple of RunInfo
        Oldest first.
    comparisons : mapping
        Of the runs that have one, by id.
    shown : str or None
        The run whose curves these are: the one that is being trained, else the last.
    curves : mapping
        By slot and number of the network.
    """

    runs: tuple[RunInfo, ...] = ()
    comparisons: Mapping[str, ModelComparison] | None = None
    shown: str | None = None
    curves: Mapping[CurveKey, Curve] | None = None


def run_infos(project: Project) -> tuple[RunInfo, ...]:
    """Read how a project's runs are, oldest first."""
    return tuple(_info(project, run) for run in project.runs())


def look(project: Project) -> Seen:
    """Read all there is to tell about a project's runs."""
    runs = project.runs()
    infos = tuple(_info(project, run) for run in runs)
    comparisons = {
        run.id: found for run in runs if (found := read_comparison(run.folder)) is not None
    }
    running = [info.id for info in infos if info.status == "running"]
    shown = running[-1] if running else (infos[-1].id if infos else None)
    folder = next((run.folder for run in runs if run.id == shown), None)
    return Seen(infos, comparisons, shown, {} if folder is None else read_curves(folder))


def read_comparison(folder: Path) -> ModelComparison | None:
    """Read a run's comparison; None if there is none that can be read."""
    try:
        text = (folder / project_training.COMPARISON).read_text(encoding="utf-8")
        return ModelComparison.from_json(json.loads(text))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_curves(folder: Path) -> dict[CurveKey, Curve]:
    """Read the curves of all networks of a run that have begun."""
    curves: dict[CurveKey, Curve] = {}
    for slot in SLOTS:
        events: dict[int, list[dict[str, Any]]] = {}
        for event in read_events(folder / slot):
            if type(event.get("member")) is int:
                events.setdefault(event["member"], []).append(event)
        for member in sorted(events):
            curves[slot, member] = _curve(events[member])
    return curves


def _curve(events: list[dict[str, Any]]) -> Curve:
    losses: dict[int, float] = {}
    dices: dict[int, float] = {}
    total, phase = 0, ""
    for event in events:
        iteration = int(event.get("iteration", 0))
        total = int(event.get("iterations", total))
        phase = str(event.get("phase", phase))
        if event.get("event") == "resumed":  # what came after its checkpoint is done again
            losses = {place: value for place, value in losses.items() if place <= iteration}
            dices = {place: value for place, value in dices.items() if place <= iteration}
        elif event.get("event") == "progress":
            losses[iteration] = float(event["loss"])
        elif event.get("event") == "validation":
            dices[iteration] = float(event["dice"])
    places, dice_places = sorted(losses), sorted(dices)
    return Curve(
        tuple(places),
        tuple(losses[place] for place in places),
        tuple(dice_places),
        tuple(dices[place] for place in dice_places),
        total,
        phase,
    )


def _info(project: Project, run: Run) -> RunInfo:
    running = run.state == "new" and project_training.is_running(run.folder)
    if run.state == "new" and not running:
        run = project.run(run.id)  # it may have ended well since it was read
    state = project_training.read_state(run.folder)
    status: RunStatus
    message = state.message
    if run.state == "new":
        if running:
            status = "running"
        elif state.progress == "failed":
            status = "failed"
        else:
            status, message = "interrupted", "It was stopped: resume it, or discard it."
    else:
        status, message = run.state, ""
    train = sum(found.role == "train" for found in run.inputs)
    return RunInfo(
        run.id,
        run.created,
        status,
        message,
        1.0 if run.state in ("finished", "adopted") else state.fraction,
        state.seconds_left if status == "running" else None,
        train,
        len(run.inputs) - train,
        run.options,
    )
