"""The report of a study: one Markdown page with charts, from its JSON results alone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.formats.atomic import replacing
from napari_qsa.simulation.arms import FULL
from napari_qsa.simulation.curves import (
    LOWER_IS_BETTER,
    SCORES,
    Curves,
    common_seeds,
    read_curves,
)
from napari_qsa.simulation.plots import Line, draw_curves
from napari_qsa.simulation.report_page import page as written
from napari_qsa.simulation.report_plan import command
from napari_qsa.simulation.statistics import (
    Mean,
    area,
    kept_from,
    labels_needed,
    mean_of,
    paired,
)
from napari_qsa.simulation.study import SCHEMA, Study, write_json

BASELINE = "foreground_random"
"""Strategy that the others are compared with."""

SHARES = (0.95, 0.98)
"""Of full supervision."""


def write_report(folder: Path, place: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Write ``report.md``, its charts and ``report.json``.

    Parameters
    ----------
    folder
        Of the study.
    place
        Folder of the report; ``report`` in the study's if None.

    Returns
    -------
    page : Path
        The Markdown page.
    facts : dict
        Its figures as plain values, as in ``report.json``.

    Raises
    ------
    QsaError
        If there is no study, or a result is damaged.
    """
    study = Study.open(folder)
    place = place or folder / "report"
    make_folder(place)
    curves = [read_curves(study, arm.name) for arm in study.arms()]
    full = read_curves(study, FULL)
    facts = figures(study, curves, full)
    for key, title in SCORES.items():
        found = facts["scores"][key]
        lines = [
            Line(
                name,
                study.plan.sizes,
                [Mean(**mean) for mean in arm["rounds"]],
                list(zip(*_dots(arm["by_seed"], facts["common_seeds"]), strict=True)),
            )
            for name, arm in found["arms"].items()
        ]
        mean = None if found["full"] is None else Mean(**found["full"])
        level = (mean, f"full supervision ({mean.n})") if mean else None
        draw_curves(place / f"{key}.png", lines, "annotated images", title, level)
    page = place / "report.md"
    with replacing(page) as file:
        file.write(written(study, facts).encode())
    write_json(place / "report.json", facts)
    return page, facts


def figures(study: Study, curves: list[Curves], full: Curves) -> dict[str, Any]:
    """Work out all figures of a report as plain values.

    Parameters
    ----------
    study
        For its plan.
    curves
        Of the arms.
    full
        Of full supervision; it may have no seeds.
    """
    scores: dict[str, Any] = {}
    baseline = _baseline(study, curves)
    common = common_seeds(curves)
    reached = tuple(seed for seed in common if seed in full.seeds)
    for key in SCORES:
        reference = [row[0] for row in _compared(full, reached).scores(key).values()]
        whole = mean_of(reference) if reference else None
        arms = {}
        for each in curves:
            if each.seeds:
                arms[each.name] = _arm(each, common, reached, baseline, key, whole)
        scores[key] = {"full": None if whole is None else asdict(whole), "arms": arms}
    seeds = {
        each.name: {
            "finished": sorted(each.seeds),
            "unfinished": {str(seed): done for seed, done in each.unfinished.items()},
        }
        for each in [*curves, full]
    }
    version, begun = study.begun()
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "version": version,
        "begun": begun,
        "data": f"{study.data.name}, part {study.part}, fold {study.plan.fold} scored",
        "arms": {arm.name: arm.to_json() for arm in study.arms()},
        "baseline": BASELINE if baseline is None else baseline.name,
        "baseline_arm": None if baseline is None else baseline.name,
        "sizes": list(study.plan.sizes),
        "rounds": study.plan.rounds,
        "count_annotated": study.plan.count_annotated,
        "portions": study.plan.suggestive.portions and list(study.plan.suggestive.portions),
        "seeds_wanted": study.seeds_wanted(),
        "command": command(study, study.seeds_wanted() or len(common)).replace(" \\\n ", ""),
        "common_seeds": list(common),
        "full_seeds": list(reached),
        "seeds": seeds,
        "scores": scores,
    }


def _baseline(study: Study, curves: list[Curves]) -> Curves | None:
    """Find the arm that goes by the baseline's strategy, whatever it is called; float first."""
    strategies = {arm.name: (arm.strategy, arm.weights) for arm in study.arms()}
    found = [each for each in curves if each.seeds and strategies[each.name][0] == BASELINE]
    return min(found, key=lambda each: strategies[each.name][1] != "float", default=None)


def _compared(each: Curves, common: tuple[int, ...]) -> Curves:
    """Keep the seeds that all have finished, so that means are over the same; all if none is."""
    return each.only(common) if common else each


def _arm(
    each: Curves,
    common: tuple[int, ...],
    reached: tuple[int, ...],
    baseline: Curves | None,
    key: str,
    whole: Mean | None,
) -> dict[str, Any]:
    rows = each.scores(key)
    own = list(_compared(each, common).scores(key).values())
    facts: dict[str, Any] = {
        "rounds": [asdict(mean) for mean in _by_round(own)],
        "area": asdict(mean_of([area(each.sizes, row) for row in own])),
        "by_seed": {str(seed): list(row) for seed, row in rows.items()},
    }
    if baseline is not None and baseline.name != each.name:
        others = baseline.scores(key)
        by_round = [
            paired(
                {seed: row[place] for seed, row in rows.items()},
                {seed: row[place] for seed, row in others.items()},
            )
            for place in range(len(each.sizes))
        ]
        areas = paired(
            {seed: area(each.sizes, row) for seed, row in rows.items()},
            {seed: area(each.sizes, row) for seed, row in others.items()},
        )
        facts["difference"] = {
            "rounds": [None if mean is None else asdict(mean) for mean in by_round],
            "area": None if areas is None else asdict(areas),
        }
    if whole is not None and key not in LOWER_IS_BETTER:
        curve = _compared(each, reached or common).mean(key)  # over the seeds of full supervision
        for name, needed in (("labels_needed", labels_needed), ("labels_kept", kept_from)):
            facts[name] = {
                f"{share:.2f}": needed(each.sizes, curve, share * whole.value) for share in SHARES
            }
    return facts


def _dots(by_seed: dict[str, list[float]], common: list[int]) -> list[list[float]]:
    """Give the curves of the seeds that a mean is over."""
    return [row for seed, row in by_seed.items() if not common or int(seed) in common]


def _by_round(rows: list[tuple[float, ...]]) -> list[Mean]:
    return [mean_of(column) for column in zip(*rows, strict=True)]
