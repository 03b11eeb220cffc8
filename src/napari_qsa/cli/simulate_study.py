"""The study that ``napari-qsa simulate`` is about: begun, or there already with its own plan."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_qsa.cli.console import note
from napari_qsa.cli.options import is_given
from napari_qsa.cli.train_options import began_otherwise

if TYPE_CHECKING:
    from napari_qsa.simulation.plan import Plan
    from napari_qsa.simulation.study import Study

OF_PLAN = (
    *("rounds", "start", "add", "candidates", "count_annotated", "folds", "fold", "part"),
    *("members", "segmentation_members", "segmentation_weights", "segmentation_iterations"),
    *("iterations", "budget_minutes", "network", "network_option", "grid", "crop", "batch"),
    *("activations", "pixel_size", "learning_rate", "stain"),
)
"""Options that a study fixes when it begins."""


def plan_of(
    wanted: dict[str, Any],
    common: dict[str, Any],
    members: int,
    segmentation_members: int,
    segmentation_weights: str,
) -> "Plan":
    """Make a plan of what the command line says, all but the iterations."""
    from napari_qsa.simulation.plan import Plan

    default = Plan()
    return replace(
        default,
        **wanted,
        suggestive=replace(default.suggestive, **common, members=members),
        segmentation=replace(
            default.segmentation,
            **common,
            members=segmentation_members,
            weights=segmentation_weights,
        ),
    )


def open_study(
    context: typer.Context,
    data: Path | None,
    folder: Path,
    part: str,
    plan: "Plan",
    iterations: int | None,
    segmentation_iterations: int | None,
    minutes: float | None,
) -> "Study":
    """Open the study, whose plan holds, or begin it."""
    from napari_qsa.simulation.budget import planned, with_iterations
    from napari_qsa.simulation.study import Study

    if (folder / "study.json").exists():
        there = Study.open(folder)
        old = there.plan
        given = [name for name in OF_PLAN if is_given(context, name)]
        if iterations or segmentation_iterations:
            plan = with_iterations(
                plan,
                iterations or old.suggestive.iterations,
                segmentation_iterations or 3 * (iterations or 0) or old.segmentation.iterations,
            )
        _require_same(there, data, part, plan, minutes, given)
        return there
    if data is None:
        raise typer.BadParameter("a new study needs it.", param_hint="'DATA'")
    facts: dict[str, Any] = {}
    if minutes is not None:
        note("Timing some iterations; all arms and seeds of the study will have the same number.")
        plan, facts = planned(data, part, plan, minutes)
    elif iterations or segmentation_iterations:
        plan = with_iterations(
            plan,
            iterations or plan.suggestive.iterations,
            segmentation_iterations or 3 * (iterations or 0) or plan.segmentation.iterations,
        )
    return Study.create(folder, data, part, plan, facts)


def _require_same(
    there: "Study",
    data: Path | None,
    part: str,
    plan: "Plan",
    minutes: float | None,
    given: list[str],
) -> None:
    """End with a usage error where the command line contradicts the study."""
    old, new = there.plan, plan
    pairs: dict[str, tuple[Any, Any]] = {
        "part": (there.part, part),
        "budget_minutes": (there.budget.get("minutes"), minutes),
        "iterations": (old.suggestive.iterations, new.suggestive.iterations),
        "segmentation_iterations": (old.segmentation.iterations, new.segmentation.iterations),
        "members": (old.suggestive.members, new.suggestive.members),
        "segmentation_members": (old.segmentation.members, new.segmentation.members),
        "segmentation_weights": (old.segmentation.weights, new.segmentation.weights),
        "network_option": (old.suggestive.network_options, new.suggestive.network_options),
        "grid": (old.suggestive.pixel_size, new.suggestive.pixel_size),
        "pixel_size": (old.suggestive.source_pixel_size, new.suggestive.source_pixel_size),
    }
    wrong: dict[str, Any] = {}
    for name in given:
        if name in pairs:
            before, now = pairs[name]
        elif hasattr(old, name):
            before, now = getattr(old, name), getattr(new, name)
        else:
            before, now = getattr(old.suggestive, name), getattr(new.suggestive, name)
        if before != now:
            wrong[f"--{name.replace('_', '-')}"] = before
    if data is not None and data.resolve() != there.data:
        wrong["DATA"] = there.data
    if wrong:
        raise began_otherwise(f"the study in {there.folder}", wrong, "study")
