"""The report of an ablation, on results made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.errors import QsaError
from napari_qsa.simulation.ablation import AblationOptions
from napari_qsa.simulation.ablation_report import write_report
from napari_qsa.simulation.ablation_results import (
    Interval,
    chart_lines,
    document,
    judge,
    overlap,
)

SCHEMES = ("float-restarts", "inq4", "inq7", "dorefa4")
PHASES = [
    {"name": "float", "start": 0, "stop": 60, "peak": 1e-3, "portion": None},
    {"name": "stage 1", "start": 60, "stop": 100, "peak": 3e-4, "portion": 1.0},
]

Score = Callable[[str, str, int, int], float]


def _document(score: Score, seeds: int = 2, **changes: Any) -> dict[str, Any]:
    options = AblationOptions(SCHEMES, SCHEMES, seeds=seeds, iterations=100, add=2)
    results = []
    for seed in range(seeds):
        for cell in options.cells():
            value = score(cell.suggestive, cell.segmentation, cell.members, seed)
            scores = {"f1": value / 2, "object_dice": value}
            results.append(
                {
                    **{"suggestive": cell.suggestive, "segmentation": cell.segmentation},
                    **{"members": cell.members, "seed": seed, "images": "0" * 12},
                    "picks": ["a", "b" if cell.suggestive == "float-restarts" else "c"],
                    "phases": PHASES,
                    "suggestive_phases": PHASES,
                    "scores": {"pooled": scores, "image_mean": scores, "images": 17},
                    **changes,
                }
            )
    return document(options, results)


def _by_segmentation(points: Mapping[str, float]) -> Score:
    """Scores that rise with the seed and depend on either side's scheme alike."""
    return lambda suggestive, segmentation, members, seed: (
        0.5 + 0.1 * seed + points[suggestive] + points[segmentation]
    )


BEST = {"float-restarts": 0.0, "inq4": 0.01, "inq7": 0.02, "dorefa4": 0.03}
WORST = {"float-restarts": 0.02, "inq4": 0.01, "inq7": 0.0, "dorefa4": 0.0}
EQUAL = dict.fromkeys(SCHEMES, 0.0)


def test_interval_is_the_t_interval_of_the_mean() -> None:
    found = Interval.of([0.8, 0.9])
    assert found.mean == pytest.approx(0.85)
    # t of 0.975 with one degree of freedom is 12.7062, the standard error is 0.05.
    assert found.high - found.mean == pytest.approx(12.7062 * 0.05, rel=1e-5)
    assert found.mean - found.low == pytest.approx(12.7062 * 0.05, rel=1e-5)


def test_interval_of_one_seed_has_no_ends() -> None:
    found = Interval.of([0.8])
    assert found.mean == 0.8
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_a_scheme_that_leads_everywhere_is_supported() -> None:
    verdict = judge(chart_lines(_document(_by_segmentation(BEST)), "object_dice"), "inq7")
    # Three charts against two schemes; two rivals: the companion is no rival.
    assert (verdict.lines, verdict.best, verdict.comparisons) == (6, 6, 12)
    assert (verdict.above, verdict.below) == (12, 0)
    assert verdict.others == ("float-restarts", "inq4")
    assert verdict.word == "supported"
    assert verdict.overall["float-restarts"].mean == pytest.approx(0.02)
    assert verdict.overall["inq4"].mean == pytest.approx(0.01)


def test_a_scheme_that_trails_everywhere_is_contradicted() -> None:
    verdict = judge(chart_lines(_document(_by_segmentation(WORST)), "object_dice"), "inq7")
    assert (verdict.best, verdict.above, verdict.below) == (0, 0, 12)
    assert verdict.word == "contradicted"


def test_noise_says_neither() -> None:
    def noisy(suggestive: str, segmentation: str, members: int, seed: int) -> float:
        ahead = suggestive == "inq7" or segmentation == "inq7"
        return 0.7 + (0.05 if ahead and seed == 0 else 0.0) - (0.01 if ahead and seed else 0.0)

    verdict = judge(chart_lines(_document(noisy), "object_dice"), "inq7")
    assert verdict.above == verdict.below == 0
    assert verdict.word == "neither supported nor ruled out"


def test_ties_are_no_lead() -> None:
    verdict = judge(chart_lines(_document(_by_segmentation(EQUAL)), "object_dice"), "inq7")
    assert (verdict.best, verdict.above, verdict.below) == (0, 0, 0)


def test_page_holds_the_figures_and_the_charts(tmp_path: Path) -> None:
    page = write_report(tmp_path / "report", _document(_by_segmentation(BEST)))
    text = page.read_text(encoding="utf-8")
    assert "object Dice: that inq7 is the best is supported" in text
    assert "| `float-restarts` | `inq7` | 0.570 | -0.065 to 1.205 | 0.520, 0.620 |" in text
    assert "60 iterations in float, then stages of portions 1 up to 100" in text
    assert "Averaged over the lines it is better than float-restarts, inq4." in text
    assert "| `inq7` | 0.50 | 0.50, 0.50 |" in text
    for number in (1, 2, 3):
        for metric in ("object-dice", "f1"):
            picture = tmp_path / "report" / f"chart-{number}-{metric}.png"
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert f"({picture.name})" in text


def test_page_says_where_schedules_differ(tmp_path: Path) -> None:
    values = _document(_by_segmentation(EQUAL), suggestive_phases=PHASES[:1])
    text = write_report(tmp_path, values).read_text(encoding="utf-8")
    assert "had 2 different schedules" in text


def test_page_does_not_judge_what_was_not_run(tmp_path: Path) -> None:
    values = _document(_by_segmentation(EQUAL), seeds=1)
    for side in ("suggestive", "segmentation", "against"):
        values["options"][side] = ["float-restarts", "inq4"]
    values["options"]["against"] = ["float-restarts"]
    text = write_report(tmp_path, values).read_text(encoding="utf-8")
    assert "inq7 was not run, so nothing can be said of it" in text
    assert "one seed" in text


def test_page_says_where_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    values = _document(_by_segmentation(EQUAL), seeds=1)
    for side in ("suggestive", "segmentation", "against"):
        values["options"][side] = ["inq7"]
    text = write_report(tmp_path, values).read_text(encoding="utf-8")
    assert "inq7 was run without others of its kind, so nothing can be said of it" in text


def test_only_schemes_in_a_line_with_the_claimed_one_are_its_rivals() -> None:
    lines = chart_lines(_document(_by_segmentation(EQUAL)), "f1")
    apart = [replace(line, values={"twn": (0.1, 0.2)}) for line in lines]
    assert judge([*lines, *apart], "inq7").others == ("float-restarts", "inq4")
    assert judge(apart, "inq7").others == ()


def test_page_says_where_no_gland_was_found(tmp_path: Path) -> None:
    def nothing(suggestive: str, segmentation: str, members: int, seed: int) -> float:
        return 0.0

    text = write_report(tmp_path, _document(nothing)).read_text(encoding="utf-8")
    assert "**Not one gland was found in 40 of 40 results**" in text
    assert "No network found a gland, so nothing can be said of it." in text
    assert "told apart" not in text


def test_page_says_how_many_iterations_were_run(tmp_path: Path) -> None:
    values = _document(_by_segmentation(EQUAL))
    values["options"] |= {"iterations": 60, "batch": 1}
    text = write_report(tmp_path, values).read_text(encoding="utf-8")
    assert "100 iterations of 1 crop of 96 pixels" in text
    assert "up to 100 (60 were asked for, each phase has one)" in text
    assert "with two seeds that can hardly be" in text


def test_missing_cells_are_named() -> None:
    values = _document(_by_segmentation(EQUAL))
    values["cells"] = [cell for cell in values["cells"] if cell["members"] == 1]
    with pytest.raises(QsaError, match="float-restarts__float-restarts__5"):
        chart_lines(values, "f1")


def test_overlap_is_the_share_of_the_controls_picks() -> None:
    found = overlap(_document(_by_segmentation(EQUAL)), "float-restarts")
    assert found["float-restarts"] == [1.0, 1.0]
    assert found["inq4"] == [0.5, 0.5]
    assert overlap(_document(_by_segmentation(EQUAL)), "float") == {}
