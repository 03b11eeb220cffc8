"""The page of a report, from its figures."""

from __future__ import annotations

from typing import Any

from napari_qsa.evaluation.layout import markdown_table
from napari_qsa.simulation.curves import LOWER_IS_BETTER, SCORES
from napari_qsa.simulation.report_plan import (
    command,
    limits,
    query,
    schedule,
    scored_images,
    trainings,
)
from napari_qsa.simulation.study import Study
from napari_qsa.wording import counted, form

HEIGHT = "mean height"
"""What an area is called that was divided by its width."""


def page(study: Study, facts: dict[str, Any]) -> str:
    """Write the page of a report.

    Parameters
    ----------
    study
        For its plan.
    facts
        See `report.figures`.
    """
    plan = study.plan
    over = facts["common_seeds"]
    sections = [
        "# Simulated annotation",
        f"Data: {study.data.name}, part {study.part}; {len(study.pool)} images in the pool, "
        f"{scored_images(study)} are scored (fold {plan.fold} of "
        f"{plan.folds}). {plan.rounds} rounds: {', '.join(map(str, plan.sizes))} annotated images. "
        "The first images and the seeds of all trainings are the same in all arms of a seed.",
        trainings(study),
        schedule(study),
        query(study),
        _origin(facts),
        "## Seeds",
        _seeds_of_means(facts),
        markdown_table(_seed_rows(study, facts)),
        "## How to read it",
        _reading(facts),
        _nothing_found(study, facts),
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
    seeds = len(over) or max((len(each["finished"]) for each in facts["seeds"].values()), default=0)
    listed = "\n".join(f"- {sentence}" for sentence in limits(study, seeds))
    sections += [f"## What this does not say\n\n{listed}", "## The command"]
    wanted = facts["seeds_wanted"] or seeds
    sections.append(f"The same study: `DATA` are the images.\n\n```\n{command(study, wanted)}\n```")
    return "\n\n".join(text for text in sections if text) + "\n"


def _origin(facts: dict[str, Any]) -> str:
    day = "" if facts["begun"] is None else f" on {facts['begun']}"
    version = facts["version"] or "of a version that it does not say"
    number = f"version {version}" if facts["version"] else version
    return f"Begun{day} with napari-qsa, {number}; this page is of {facts['date']}."


def _seeds_of_means(facts: dict[str, Any]) -> str:
    wanted = facts["seeds_wanted"]
    asked = (
        "How many seeds were asked for was not noted."
        if wanted is None
        else f"{wanted} were asked for."
    )
    over = facts["common_seeds"]
    finished = {seed for each in facts["seeds"].values() for seed in each["finished"]}
    if not finished:
        return f"{asked} None is finished in any arm."
    if not over:
        return (
            f"{asked} **No seed is finished in all arms:** each mean is over other seeds, and the "
            "arms are not to be compared by them. Differences are over the seeds of both arms."
        )
    text = (
        f"{asked} All means are over the {counted(len(over), 'seed')} that every arm has finished: "
        f"{_numbers(over)}."
    )
    if facts["seeds"]["full"]["finished"] and facts["full_seeds"] != over:
        shared = facts["full_seeds"]
        text += (
            f" Full supervision has finished {form(len(shared), 'seed')} {_numbers(shared)} of "
            "them, and the images for a share of it are of the mean curves over the same."
            if shared
            else " Full supervision has finished other seeds only, so the images for a share of it "
            "say little."
        )
    late = [name for name, each in facts["seeds"].items() if not each["finished"]]
    if late:
        text += f" Without a finished seed, and in no mean: {', '.join(late)}."
    rest = sorted(finished - set(over))
    if rest:
        text += (
            f" {form(len(rest), 'Seed', 'Seeds')} {_numbers(rest)}, which some have finished and "
            "others have not, "
            f"{form(len(rest), 'is', 'are')} in differences of two arms that have it, and in no "
            "mean."
        )
    return text


def _reading(facts: dict[str, Any]) -> str:
    text = (
        "Scores are pooled over the scored images. ± is half of the 95 % t interval over seeds; "
        "without ± there is one seed. In the pictures the seeds set the axis, and bars that are "
        "longer are cut at its ends; the dashed line is full supervision, the band its interval. "
        f"*{HEIGHT.capitalize()}* is the area under the curve by the trapezoidal rule, over the "
        "annotated images, divided by their span from the first round to the last. The images for "
        "a share of full supervision are those at which the mean curve first reaches that share "
        "of its mean, read off the lines between the rounds; *for good* is from where on it stays "
        "there, *not kept* where it is below at the end."
    )
    if facts["baseline_arm"] is None:
        text += (
            f" No arm goes by the strategy `{facts['baseline']}` and has a finished seed, so there "
            "are no paired differences to it."
        )
    return text


def _nothing_found(study: Study, facts: dict[str, Any]) -> str:
    """Name the rounds in which not one gland was found."""
    where, rounds = [], 0
    for name, arm in facts["scores"]["f1"]["arms"].items():
        for seed, row in arm["by_seed"].items():
            rounds += len(row)
            numbers = [n for n, score in enumerate(row, start=1) if score == 0]
            if numbers:
                where.append((len(numbers), f"{name}, seed {seed}: round {_numbers(numbers)}"))
    if not where:
        return ""
    count = sum(number for number, _ in where)
    text = f"**Not one gland was found in {count} of {rounds} rounds of the arms** (F1 is 0): "
    text += "; ".join(said for _, said in where) + "."
    if count == rounds:
        text += " So these trainings were too short to say anything of the arms."
    return text


def _seed_rows(study: Study, facts: dict[str, Any]) -> list[dict[str, Any]]:
    arms = {arm.name: arm for arm in study.arms()}
    rows = []
    for name, seeds in facts["seeds"].items():
        arm = arms.get(name)
        rounds = study.rounds_of(name)
        rest = [f"seed {seed}: {done} of {rounds}" for seed, done in seeds["unfinished"].items()]
        rows.append(
            {
                "arm": name,
                "strategy": "all images" if arm is None else arm.strategy,
                "suggestive weights": "" if arm is None or not arm.needs_networks else arm.weights,
                "finished seeds": _numbers(seeds["finished"]) or "none",
                "rounds of others": "; ".join(rest),
            }
        )
    return rows


def _score_rows(sizes: tuple[int, ...], arms: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, arm in arms.items():
        row = {"arm": name, "seeds": arm["area"]["n"]}
        row |= {str(size): _said(mean) for size, mean in zip(sizes, arm["rounds"], strict=True)}
        row[HEIGHT] = _said(arm["area"])
        for share, needed in arm.get("labels_needed", {}).items():
            title = f"images for {float(share):.0%} of full"
            row[title] = _needed(needed, arm["labels_kept"][share], sizes[0])
        rows.append(row)
    return rows


def _needed(images: float | None, kept: float | None, first: int) -> str:
    if images is None:
        return "not reached"
    reached = f"at most {first}" if images <= first else f"{images:.1f}"
    if kept is None:
        return f"{reached}, not kept"
    return reached if kept == images else f"{reached}, for good {kept:.1f}"


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
            row[HEIGHT] = _said(found["area"], signed=True)
            rows.append(row)
    return rows


def _numbers(values: Any) -> str:
    return ", ".join(map(str, values))


def _said(mean: dict[str, Any] | None, signed: bool = False) -> str:
    if mean is None:
        return "-"
    digits = 3 if abs(mean["value"]) < 10 else 1
    value = f"{mean['value']:{'+' if signed else ''}.{digits}f}"
    return value if mean["half"] is None else f"{value} ± {mean['half']:.{digits}f}"
