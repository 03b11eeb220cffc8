"""The report of a study: one Markdown page with charts, from its JSON results alone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.evaluation.layout import markdown_table
from napari_qsa.formats.atomic import replacing
from napari_qsa.simulation.arms import FULL
from napari_qsa.simulation.curves import LOWER_IS_BETTER, SCORES, Curves, read_curves
from napari_qsa.simulation.plots import Line, draw_curves
from napari_qsa.simulation.statistics import Mean, area, labels_needed, mean_of, paired
from napari_qsa.simulation.study import SCHEMA, Study, write_json
from napari_qsa.wording import counted

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
    finished = [each for each in curves if each.seeds]
    for key, title in SCORES.items():
        lines = [
            Line(each.name, each.sizes, _by_round(list(each.scores(key).values())))
            for each in finished
        ]
        mean = mean_of([row[0] for row in full.scores(key).values()]) if full.seeds else None
        level = (mean.value, f"full supervision ({mean.n})") if mean else None
        draw_curves(place / f"{key}.png", lines, "annotated images", title, level)
    page = place / "report.md"
    with replacing(page) as file:
        file.write(_page(study, facts).encode())
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
    for key in SCORES:
        reference = [row[0] for row in full.scores(key).values()]
        whole = mean_of(reference) if reference else None
        arms = {}
        for each in curves:
            if each.seeds:
                arms[each.name] = _arm(each, baseline, key, whole)
        scores[key] = {"full": None if whole is None else asdict(whole), "arms": arms}
    seeds = {
        each.name: {
            "finished": sorted(each.seeds),
            "unfinished": {str(seed): done for seed, done in each.unfinished.items()},
        }
        for each in [*curves, full]
    }
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).date().isoformat(),
        "data": f"{study.data.name}, part {study.part}, fold {study.plan.fold} scored",
        "arms": {arm.name: arm.to_json() for arm in study.arms()},
        "baseline": BASELINE if baseline is None else baseline.name,
        "sizes": list(study.plan.sizes),
        "rounds": study.plan.rounds,
        "seeds": seeds,
        "scores": scores,
    }


def _baseline(study: Study, curves: list[Curves]) -> Curves | None:
    """Find the arm that goes by the baseline's strategy, whatever it is called; float first."""
    strategies = {arm.name: (arm.strategy, arm.weights) for arm in study.arms()}
    found = [each for each in curves if each.seeds and strategies[each.name][0] == BASELINE]
    return min(found, key=lambda each: strategies[each.name][1] != "float", default=None)


def _arm(each: Curves, baseline: Curves | None, key: str, whole: Mean | None) -> dict[str, Any]:
    rows = each.scores(key)
    facts: dict[str, Any] = {
        "rounds": [asdict(mean) for mean in _by_round(list(rows.values()))],
        "area": asdict(mean_of([area(each.sizes, row) for row in rows.values()])),
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
        facts["labels_needed"] = {
            f"{share:.2f}": labels_needed(each.sizes, each.mean(key), share * whole.value)
            for share in SHARES
        }
    return facts


def _by_round(rows: list[tuple[float, ...]]) -> list[Mean]:
    return [mean_of(column) for column in zip(*rows, strict=True)]


def _page(study: Study, facts: dict[str, Any]) -> str:
    plan = study.plan
    sections = [
        "# Simulated annotation",
        f"Data: {study.data.name}, part {study.part}; {len(study.pool)} images in the pool, "
        f"{_scored(study)} are scored (fold {plan.fold} of "
        f"{plan.folds}). {plan.rounds} rounds: {', '.join(map(str, plan.sizes))} annotated images. "
        "The first images and all training seeds are the same in all arms of a seed, so "
        "differences are paired by seed.",
        _trainings(study),
        "Scores are pooled over the scored images. Means are over the seeds that finished all "
        "rounds, ± half of the 95 % t interval over them; without ± there is one seed. The images "
        "for a share of full supervision are those at which the mean curve first reaches that "
        "share of its mean, read off the lines between the rounds.",
        "## Seeds",
        markdown_table(_seed_rows(study, facts)),
    ]
    for key, title in SCORES.items():
        part = facts["scores"][key]
        if not part["arms"]:
            continue
        sections += [f"## {title}", f"![{title}]({key}.png)"]
        if part["full"] is not None:
            sections.append(
                f"Full supervision ({len(study.pool)} images): {_said(part['full'])}, "
                f"{counted(part['full']['n'], 'seed')}."
            )
        sections.append(markdown_table(_score_rows(plan.sizes, part["arms"])))
        if any("difference" in arm for arm in part["arms"].values()):
            lower = "; below 0 is better" if key in LOWER_IS_BETTER else ""
            sections += [
                f"Difference to `{facts['baseline']}`, paired by seed{lower}:",
                markdown_table(_difference_rows(plan.sizes, part["arms"])),
            ]
    return "\n\n".join(sections) + "\n"


def _scored(study: Study) -> str:
    patients = {patient for _, _, patient in study.evaluation}
    if None in patients:
        return f"{len(study.evaluation)} others"
    return f"{len(study.evaluation)} images of {counted(len(patients), 'other patient')}"


def _trainings(study: Study) -> str:
    said = []
    for title, options in (
        ("Suggestive", study.plan.suggestive),
        ("Segmentation", study.plan.segmentation),
    ):
        weights = "" if title == "Suggestive" else f"weights {options.weights}, "
        named = ", ".join(f"{k}={v}" for k, v in options.network_options.items())
        said.append(
            f"{title} FCNs: {options.members} x {options.network} ({named}), {weights}"
            f"{options.iterations} iterations of {options.batch} crops of {options.crop} pixels "
            f"at {options.pixel_size:g} µm."
        )
    return " ".join(said)


def _seed_rows(study: Study, facts: dict[str, Any]) -> list[dict[str, Any]]:
    arms = {arm.name: (arm.strategy, arm.weights) for arm in study.arms()}
    rows = []
    for name, seeds in facts["seeds"].items():
        strategy, weights = arms.get(name, ("all images", ""))
        rounds = study.rounds_of(name)
        rest = [f"seed {seed}: {done} of {rounds}" for seed, done in seeds["unfinished"].items()]
        rows.append(
            {
                "arm": name,
                "strategy": strategy,
                "suggestive weights": weights,
                "finished seeds": len(seeds["finished"]),
                "rounds of others": "; ".join(rest),
            }
        )
    return rows


def _score_rows(sizes: tuple[int, ...], arms: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, arm in arms.items():
        row = {"arm": name, "seeds": arm["area"]["n"]}
        row |= {str(size): _said(mean) for size, mean in zip(sizes, arm["rounds"], strict=True)}
        row["area under the curve"] = _said(arm["area"])
        for share, needed in arm.get("labels_needed", {}).items():
            title = f"images for {float(share):.0%} of full"
            row[title] = _needed(needed, sizes[0])
        rows.append(row)
    return rows


def _needed(images: float | None, first: int) -> str:
    if images is None:
        return "not reached"
    return f"at most {first}" if images <= first else f"{images:.1f}"


def _difference_rows(sizes: tuple[int, ...], arms: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, arm in arms.items():
        if "difference" in arm:
            found = arm["difference"]
            pairs = 0 if found["area"] is None else found["area"]["n"]
            row = {"arm": name, "pairs": pairs}
            row |= {
                str(size): _said(mean, signed=True)
                for size, mean in zip(sizes, found["rounds"], strict=True)
            }
            row["area under the curve"] = _said(found["area"], signed=True)
            rows.append(row)
    return rows


def _said(mean: dict[str, Any] | None, signed: bool = False) -> str:
    if mean is None:
        return "-"
    digits = 3 if abs(mean["value"]) < 10 else 1
    value = f"{mean['value']:{'+' if signed else ''}.{digits}f}"
    return value if mean["half"] is None else f"{value} ± {mean['half']:.{digits}f}"
