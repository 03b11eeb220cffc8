"""What a report says of how a study was made: data, trainings, schedule, limits, its command."""

from __future__ import annotations

import shlex
from typing import Any

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.quantization import weight_scheme
from napari_qsa.simulation.statistics import reach
from napari_qsa.simulation.study import Study
from napari_qsa.wording import counted

WIDTH = 92


def scored_images(study: Study) -> str:
    """Say how many images are scored, and of how many patients."""
    patients = {patient for _, _, patient in study.evaluation}
    if None in patients:
        return f"{len(study.evaluation)} others"
    return f"{len(study.evaluation)} images of {counted(len(patients), 'other patient')}"


def trainings(study: Study) -> str:
    """Say what is trained, for how long, and with what rates."""
    said = []
    for title, options in (
        ("Suggestive", study.plan.suggestive),
        ("Segmentation", study.plan.segmentation),
    ):
        weights = "" if title == "Suggestive" else f"weights {options.weights}, "
        named = ", ".join(f"{k}={v}" for k, v in options.network_options.items())
        said.append(
            f"{title} FCNs: {options.members} x {options.network} ({named}), {weights}"
            f"activations {options.activations}, {options.iterations} iterations of "
            f"{options.batch} crops of {options.crop} pixels at {options.pixel_size:g} µm, "
            f"learning rate {options.learning_rate:g}."
        )
    return " ".join(said)


def schedule(study: Study) -> str:
    """Say in which phases staged weights are trained; empty where no scheme has stages."""
    plan = study.plan
    staged = {
        arm.weights: plan.training("suggestive", 0, 1, arm.weights)
        for arm in study.arms()
        if arm.needs_networks and weight_scheme(arm.weights).portions
    }
    sentences = _timetables("Suggestive", staged)
    if weight_scheme(plan.segmentation.weights).portions:
        own = {plan.segmentation.weights: plan.segmentation}
        sentences += _timetables("Segmentation", own)
    others = {
        name: weight_scheme(name).portions
        for name, options in staged.items()
        if options.portions is not None and weight_scheme(name).portions != options.portions
    }
    if others:
        named = "; ".join(f"`{name}` {_listed(own)}" for name, own in others.items())
        sentences.append(
            "The portions are the same for all staged schemes of a study, so that these have the "
            f"same restarts; in other trainings the portions are: {named}."
        )
    return " ".join(sentences)


def _timetables(title: str, staged: dict[str, TrainingOptions]) -> list[str]:
    tables: dict[Any, list[str]] = {}
    for name, options in staged.items():
        tables.setdefault(phases(options), []).append(name)
    sentences = []
    for plan, names in tables.items():
        options = staged[names[0]]
        last = plan[-1].stop
        longer = ""
        if last != options.iterations:
            longer = (
                f" ({options.iterations} were asked for, the shortest such schedule has {last})"
            )
        stages = [phase.portion for phase in plan if phase.portion is not None]
        sentences.append(
            f"{title} FCNs of {_code(names)}: {plan[0].stop} iterations in float, activations up "
            f"to {plan[1].stop}, then stages of portions {_listed(stages)} up to {last}{longer}, "
            f"each with its restart of the learning rate, at {options.stage_rate:g}."
        )
    return sentences


def query(study: Study) -> str:
    """Say what is asked in a round, and how coverage counts."""
    plan = study.plan
    counts = (
        "Coverage counts what is annotated already (`--count-annotated`), as `suggest` does."
        if plan.count_annotated
        else "Coverage does not count what is annotated already, as in the paper (`--paper`); "
        "`suggest` counts it unless told otherwise."
    )
    return (
        f"Each round adds {counted(plan.add, 'image')}; `suggestive` picks them among the "
        f"{plan.candidates} most uncertain. {counts}"
    )


def limits(study: Study, seeds: int) -> list[str]:
    """List what the page does not say.

    Parameters
    ----------
    study
        For its plan and arms.
    seeds
        That the means are over.
    """
    weights = {arm.weights for arm in study.arms() if arm.needs_networks}
    wide = "one seed has no interval"
    if seeds > 1:
        wide = f"with {seeds} it reaches {reach(seeds):.1f} standard errors to each side"
        wide += "" if seeds > 2 else ", so that hardly any difference can be told from none"
    found = [
        f"Seeds: {seeds}. An interval is a 95 % t interval over them; {wide}.",
        "The intervals are over seeds: other first images and other draws in training. The "
        f"patients are the same in all of them ({scored_images(study)} are scored), so nothing is "
        "said of other patients.",
        "Many differences are shown, and no interval is corrected for that: of 20 intervals "
        "without any difference behind them about one does not hold 0.",
        "Short trainings of narrow networks. Meant are differences between arms; the figures "
        "are not to be compared with those of papers or of the shipped ensembles.",
        "The images for a share of full supervision come from two means, and hold the interval of "
        "neither.",
    ]
    if "float" in weights and any(not name.startswith("float") for name in weights):
        control = "`float-restarts`, which has the restarts and quantizes nothing"
        own = "is the control" if "float-restarts" in weights else "was not run as a control"
        found.append(
            "`float` has as many iterations and no restarts: a gain of a quantized arm over it may "
            f"come from the restarts. For that {control}, {own}."
        )
    return found


def command(study: Study, seeds: int) -> str:
    """Write the command that makes the same study, from its plan."""
    plan, one, other = study.plan, study.plan.suggestive, study.plan.segmentation
    options: list[tuple[str, Any]] = [
        *(("arm", f"{arm.name}={arm.strategy}:{arm.weights}") for arm in study.arms()),
        ("seeds", seeds),
        *((name, getattr(plan, name)) for name in ("rounds", "start", "add", "candidates")),
        ("count-annotated" if plan.count_annotated else "paper", None),
        *(("folds", plan.folds), ("fold", plan.fold), ("part", study.part)),
        *(("iterations", one.iterations), ("segmentation-iterations", other.iterations)),
        *(("members", one.members), ("segmentation-members", other.members)),
        *(("segmentation-weights", other.weights), ("activations", one.activations)),
        ("network", one.network),
        *(("network-option", _option(*pair)) for pair in one.network_options.items()),
        *(("grid", one.pixel_size), ("crop", one.crop), ("batch", one.batch)),
        *(("learning-rate", one.learning_rate), ("stain", one.stain)),
    ]
    if one.source_pixel_size is not None:
        options.append(("pixel-size", one.source_pixel_size))
    lines = ["napari-qsa simulate DATA --study STUDY"]
    for name, value in options:
        part = f"--{name}" if value is None else f"--{name} {shlex.quote(_plain(value))}"
        if len(lines[-1]) + len(part) > WIDTH:
            lines.append(" ")
        lines[-1] += f" {part}"
    return " \\\n".join(lines)


def _option(name: str, value: Any) -> str:
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _listed(portions: Any) -> str:
    return ", ".join(f"{portion:g}" for portion in portions)
