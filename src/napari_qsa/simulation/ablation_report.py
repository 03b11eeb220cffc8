"""The report of an ablation: one Markdown page with a chart for each of the paper's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_qsa.ensemble.training.folders import make_folder
from napari_qsa.evaluation.layout import markdown_table
from napari_qsa.formats.atomic import replacing
from napari_qsa.simulation.ablation import CONTROL, family_and_bits
from napari_qsa.simulation.ablation_plots import draw_chart
from napari_qsa.simulation.ablation_results import (
    METRICS,
    Interval,
    Line,
    Verdict,
    chart_lines,
    judge,
    overlap,
    without_glands,
)
from napari_qsa.simulation.statistics import reach
from napari_qsa.wording import counted

CLAIMED = "inq7"
"""The scheme that the paper found best on both sides."""

CAPTION = (
    "*Means with their 95 % intervals, each seed as a dot; the dots set the axis, and longer "
    "intervals are cut at its ends. Left of the bits: schemes without any, their means continued "
    "as broken lines.*"
)


def write_report(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write ``README.md`` and the charts as PNG files into a folder.

    Parameters
    ----------
    folder
        Made if it is missing.
    values
        A document, see `ablation_results.document`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    QsaError
        If a cell is missing, or the folder cannot be written.
    """
    make_folder(folder)
    lines = {metric: chart_lines(values, metric) for metric in METRICS}
    text = [
        "# Ablation over bit widths",
        _what(values),
        _schedule(values),
        _nothing_found(values),
        "## Is 7 bits best?",
        *_verdicts(values, lines),
    ]
    for number, chart in enumerate(dict.fromkeys(line.chart for line in lines["object_dice"]), 1):
        text.append(f"## Chart {number}: {_title(chart.varied, chart.members)}")
        for metric, name in METRICS.items():
            own = [line for line in lines[metric] if line.chart == chart]
            picture = f"chart-{number}-{metric.replace('_', '-')}.png"
            with replacing(folder / picture) as file:
                draw_chart(file, own, name)
            text += [f"![{name}]({picture})", CAPTION, _line_table(own, name)]
    text += [_overlap_text(values), _limits(values)]
    page = folder / "README.md"
    with replacing(page) as file:
        file.write(("\n\n".join(part for part in text if part) + "\n").encode())
    return page


def _verdicts(values: Mapping[str, Any], lines: Mapping[str, Sequence[Line]]) -> list[str]:
    """Judge by each score, unless no network found anything."""
    empty, cells = without_glands(values)
    if cells and empty == cells:
        return ["No network found a gland, so nothing can be said of it."]
    told = [verdict_text(judge(lines[metric], CLAIMED), name) for metric, name in METRICS.items()]
    return told + _overall_tables(lines)


def _nothing_found(values: Mapping[str, Any]) -> str:
    empty, cells = without_glands(values)
    if not empty:
        return ""
    return (
        f"**Not one gland was found in {empty} of {cells} results** (a cell and a seed each; F1 "
        "is 0). Such a result says nothing of its schemes."
    )


def verdict_text(verdict: Verdict, name: str) -> str:
    """Say in a paragraph what became of the claim that a scheme is the best."""
    if not verdict.comparisons:
        rest = "was not run" if not verdict.lines else "was run without others of its kind"
        return f"{name}: {verdict.scheme} {rest}, so nothing can be said of it."
    return (
        f"**{name}: that {verdict.scheme} is the best is {verdict.word} by these runs.** "
        f"It has the highest mean in {verdict.best} of {verdict.lines} lines, against "
        f"{', '.join(verdict.others)}. Of its {verdict.comparisons} paired differences to another "
        f"scheme in a line, {verdict.above} have their 95 % interval over the seeds above 0 and "
        f"{verdict.below} below; by chance alone about {0.05 * verdict.comparisons:.1f} would not "
        f"hold 0. {_told_apart(verdict)}"
    )


def _told_apart(verdict: Verdict) -> str:
    """Say which schemes it is told apart from, by the differences averaged over the lines."""
    groups = {
        "better than": [name for name, found in verdict.overall.items() if found.low > 0],
        "worse than": [name for name, found in verdict.overall.items() if found.high < 0],
    }
    told = {name for names in groups.values() for name in names}
    groups["not told apart from"] = [name for name in verdict.overall if name not in told]
    parts = [f"{words} {', '.join(names)}" for words, names in groups.items() if names]
    return f"Averaged over the lines it is {'; '.join(parts)}."


def _what(values: Mapping[str, Any]) -> str:
    options = values["options"]
    return (
        f"Fold {options['fold']} of {options['folds']} held out ({values['held_out']} images), "
        f"seeds: {options['seeds']}, {options['network']} with {_settings(options)}. "
        f"{options['start']} images at the start, {options['add']} more picked by "
        f"{options['suggestive_members']} suggestive networks among the {options['candidates']} "
        f"most uncertain, then segmentation networks trained on all "
        f"{options['start'] + options['add']}: {counted(_iterations(values), 'iteration')} of "
        f"{counted(options['batch'], 'crop')} of {options['crop']} pixels of "
        f"{options['pixel_size']:g} µm, "
        f"activations {options['activations']}. Scores are pooled over the held-out images; "
        f"run of {values['date']}."
    )


def _iterations(values: Mapping[str, Any]) -> int:
    """Give the iterations that were run; each phase of a plan has at least one."""
    run: int = max((plan[-1]["stop"] for plan in values["plans"] if plan), default=0)
    return run or int(values["options"]["iterations"])


def _settings(options: Mapping[str, Any]) -> str:
    found = [f"{name} {value}" for name, value in options["network_options"].items()]
    return ", ".join(found) or "its defaults"


def _schedule(values: Mapping[str, Any]) -> str:
    """Say whether all trainings had the same phases, by what their runs recorded."""
    if len(values["plans"]) != 1:
        return (
            f"**The trainings had {len(values['plans'])} different schedules:** differences "
            "between schemes may come from these."
        )
    plan = values["plans"][0]
    asked = values["options"]["iterations"]
    longer = "" if asked == plan[-1]["stop"] else f" ({asked} were asked for, each phase has one)"
    stages = [phase for phase in plan if phase["portion"] is not None]
    portions = ", ".join(f"{phase['portion']:g}" for phase in stages)
    return (
        "All trainings had the same schedule, by the records of their runs: "
        f"{counted(plan[0]['stop'], 'iteration')} in float, then stages of portions {portions} up "
        f"to {plan[-1]['stop']}{longer}, each with its restart of the learning rate; `{CONTROL}` "
        "too, with nothing quantized."
    )


def _overall_tables(lines: Mapping[str, Sequence[Line]]) -> list[str]:
    text = []
    for metric, name in METRICS.items():
        verdict = judge(lines[metric], CLAIMED)
        if verdict.comparisons:
            rows = [
                {
                    f"{name}: {CLAIMED} less": f"`{other}`",
                    "mean": _signed(found.mean),
                    "95 % interval": _range(found, signed=True),
                }
                for other, found in verdict.overall.items()
            ]
            text.append(markdown_table(rows))
    if text:
        text.insert(0, "Differences paired by seed, averaged over all lines:")
    return text


def _title(varied: str, members: int) -> str:
    networks = "1 segmentation network" if members == 1 else f"{members} segmentation networks"
    return f"bits of the {varied} networks, {networks}"


def _line_table(lines: Sequence[Line], name: str) -> str:
    varied = lines[0].chart.varied
    other = "segmentation" if varied == "suggestive" else "suggestive"
    rows = []
    for line in lines:
        for scheme, scores in sorted(line.values.items(), key=lambda entry: _order(entry[0])):
            found = Interval.of(scores)
            rows.append(
                {
                    other: f"`{line.other}`",
                    varied: f"`{scheme}`",
                    name: f"{found.mean:.3f}",
                    "95 % interval": _range(found),
                    "each seed": ", ".join(f"{score:.3f}" for score in scores),
                }
            )
    return markdown_table(rows)


def _order(scheme: str) -> tuple[bool, str, int]:
    family, bits = family_and_bits(scheme)
    return bits is not None, family, bits or 0


def _range(found: Interval, signed: bool = False) -> str:
    if math.isnan(found.low):
        return "one seed"
    write = _signed if signed else "{:.3f}".format
    return f"{write(found.low)} to {write(found.high)}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _overlap_text(values: Mapping[str, Any]) -> str:
    shares = overlap(values, CONTROL)
    if not shares:
        return ""
    rows = [
        {
            "suggestive": f"`{scheme}`",
            f"share of the picks of `{CONTROL}`": f"{float(np.mean(own)):.2f}",
            "each seed": ", ".join(f"{share:.2f}" for share in own),
        }
        for scheme, own in shares.items()
    ]
    add = values["options"]["add"]
    return (
        f"## What the suggestive networks picked\n\nThe share of the {add} picks that a scheme has "
        f"in common with `{CONTROL}`: where it is 1, the segmentation networks are the same ones."
        f"\n\n{markdown_table(rows)}"
    )


def _limits(values: Mapping[str, Any]) -> str:
    seeds = int(values["options"]["seeds"])
    wide = ""
    if seeds > 1:
        wide = f", and of {seeds} they reach {reach(seeds):.1f} standard errors to each side"
    hardly = ""
    if seeds == 2:
        hardly = ": with two seeds that can hardly be, whatever is true"
    return (
        "## What this does not say\n\n"
        f"- Seeds: {seeds}. The intervals are 95 % t-intervals over them{wide}.\n"
        f"- *Supported* asks that every interval of a difference lies above 0{hardly}. No interval "
        "is corrected for their number; *contradicted* asks for more of them below 0 than chance "
        "gives.\n"
        "- One fold, one round of suggestion, short trainings of narrow networks: not the paper's "
        "scale, and no statement about its figures.\n"
        "- Cells of one seed share start, float phase and crops, so differences between schemes "
        "are paired; cells with equal picks share the networks themselves.\n"
        "- In INQ more bits only extend the exponents downwards, so 6 to 8 bits are nearly one "
        "quantizer; the resolution of the companion (`q0.N`, `dorefaN`) grows with its bits."
    )
