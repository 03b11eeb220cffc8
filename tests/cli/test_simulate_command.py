"""The command on the page of a study."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_qsa.images.synthetic import write_synthetic_glas
from napari_qsa.simulation.study import Study

PLAN = ("--rounds", 2, "--start", 2, "--add", 2, "--folds", 3, "--iterations", 9, "--stain", 0.5)


def test_the_command_of_a_report_begins_the_same_study(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    write_synthetic_glas(data, 8, seed=4, shape=(64, 72))
    arms = ("--arm", "random", "--arm", "QSA=suggestive:inq4", "--seeds", 0)
    network = ("--network", "unet", "--network-option", "width=4", "--count-annotated")
    one, other = tmp_path / "one", tmp_path / "other"
    first = run("simulate", data, "--study", one, *arms, *PLAN, *network)
    assert first.code == 0, first.err
    page = (one / "report" / "report.md").read_text(encoding="utf-8")
    said = shlex.split(page.split("```")[1].replace("\\\n", " "))
    names = {"DATA": str(data), "STUDY": str(other)}
    again = run(*(names.get(word, word) for word in said[1:]))
    assert again.code == 0, again.err
    assert Study.open(other).plan == Study.open(one).plan
    assert Study.open(other).arms() == Study.open(one).arms()
