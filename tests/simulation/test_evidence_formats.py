"""The page of evidence reads what studies and ablations really write."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.simulation.ablation import AblationOptions
from napari_qsa.simulation.ablation_results import chart_lines, document, judge
from napari_qsa.simulation.arms import FULL
from napari_qsa.simulation.curves import read_curves
from napari_qsa.simulation.report import figures
from napari_qsa.simulation.study import Study

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WORDS = {"contradicted": "not supported", "neither supported nor ruled out": "too few to tell"}


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def test_the_report_of_a_study_is_read(by_hand: Callable[..., Study]) -> None:
    gains = {0: 0.1, 1: 0.12, 2: 0.14}
    plain = {seed: [0.4, 0.5, 0.6] for seed in gains}
    better = {seed: [0.4, 0.5 + gain, 0.6 + gain] for seed, gain in gains.items()}
    arms = {"foreground_random": plain, "SA": plain, "control": plain, "QSA": better}
    study = by_hand({**arms, "full": {0: [0.8]}})
    found = figures(study, [read_curves(study, name) for name in arms], read_curves(study, FULL))
    facts = json.loads(json.dumps(found))
    for name, weights in (("control", "float-restarts"), ("QSA", "inq4")):
        assert facts["arms"][name]["weights"] == "float"
        facts["arms"][name]["weights"] = weights
    outcome = importlib.import_module("evidence_choice").chosen(facts)
    assert [verdict.word for verdict in outcome.verdicts] == ["supported"] * 3
    # The area of the gain: a quarter of it, and half of it, in the two halves of the curve.
    assert all(verdict.why.startswith("QSA +0.090 (") for verdict in outcome.verdicts)
    own = facts["scores"]["object_dice"]["arms"]["QSA"]["difference"]["area"]["value"]
    assert own == pytest.approx(0.75 * 0.12)
    assert outcome.ran["seed"] == "0, 1, 2"


@pytest.mark.parametrize(
    "points",
    [
        {"float-restarts": 0.0, "inq4": 0.01, "inq7": 0.02, "q0.4": 0.9},
        {"float-restarts": 0.02, "inq4": 0.01, "inq7": 0.0, "q0.4": 0.0},
        {"float-restarts": 0.0, "inq4": 0.0, "inq7": 0.0, "q0.4": 0.0},
    ],
)
def test_an_ablation_is_judged_as_its_own_report_does(points: dict[str, float]) -> None:
    schemes = tuple(points)
    options = AblationOptions(schemes, schemes, seeds=2, iterations=100, add=2)
    results: list[dict[str, Any]] = []
    for seed in range(2):
        for cell in options.cells():
            value = 0.1 * seed + points[cell.suggestive] + points[cell.segmentation]
            scores = {"f1": value, "object_dice": value}
            results.append(
                {
                    **{"suggestive": cell.suggestive, "segmentation": cell.segmentation},
                    **{"members": cell.members, "seed": seed, "images": "", "picks": ["a"]},
                    **{"phases": [], "suggestive_phases": []},
                    "scores": {"pooled": scores, "image_mean": scores, "images": 17},
                }
            )
    values = json.loads(json.dumps(document(options, results)))
    verdict = judge(chart_lines(values, "object_dice"), "inq7")
    own = importlib.import_module("evidence_bits").seven_bits(values).verdicts[0]
    assert own.word == WORDS.get(verdict.word, verdict.word)
    assert own.why.startswith(
        f"highest mean in {verdict.best} of {verdict.lines} lines; of {verdict.comparisons} "
    )
    assert f"{verdict.above} have their interval above 0 and {verdict.below} below" in own.why
