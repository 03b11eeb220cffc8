"""The page of evidence: what it says of what was run and was not, and that it is not stale."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


def test_without_results_nothing_is_claimed_to_have_run(tmp_path):
    evidence = importlib.import_module("evidence")
    page = evidence.page(tmp_path)
    assert "**Ran.**" not in page
    parts = [part for section in evidence.SECTIONS for part in section.parts]
    assert page.count("**Not run yet:**") == len(parts)
    for part in parts:
        assert f"**Not run yet:** `{part.command}`" in page
    questions = sum(len(part.questions) for part in parts)
    assert page.count("| not run yet |") == questions


def put(root, name, values):
    path = root / "benchmarks" / "results" / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values))


def test_a_page_says_what_was_run_and_by_which_numbers(tmp_path):
    ran = {"command": "python own.py", "seed": 7, "data": "drawn", "date": "2026-01-02"}
    cancel = {"while": "scoring", "seconds": 2.5, "scored_before": 2, "kept": 2}
    cancel["on_disk_after_closing"] = 2
    put(tmp_path, "cancel.json", ran | {"wanted_s": 2.0, "longest_s": 2.5, "cancels": [cancel]})
    page = importlib.import_module("evidence").page(tmp_path)
    assert (
        "**Ran.** `python own.py`; seed 7; data drawn; date 2026-01-02 "
        "(`benchmarks/results/cancel.json`)." in page
    )
    assert "- a query stops within 2 s: **not supported**: longest 2.50 s of 1." in page
    assert page.count("| a query stops within 2 s | not supported |") == 1
    assert page.count("| what was scored is kept, and nothing comes later | supported |") == 1


def test_what_is_compared_with_a_missing_file_has_not_run(tmp_path):
    put(tmp_path, "recipes_by_image.json", {})
    page = importlib.import_module("evidence").page(tmp_path)
    assert "| folds by image are easier | not run yet |" in page


def test_the_page_in_the_repository_is_that_of_its_results():
    evidence = importlib.import_module("evidence")
    page = evidence.page(ROOT)
    assert (ROOT / evidence.PAGE).read_text(encoding="utf-8") == page, (
        "Results have changed: run python benchmarks/evidence.py."
    )
    links = [line.split("(#")[1].split(")")[0] for line in page.splitlines() if "(#" in line]
    headings = {evidence.anchor(line[3:]) for line in page.splitlines() if line[:3] == "## "}
    assert links
    assert headings >= set(links)


def test_no_network_is_loaded_to_make_it():
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import evidence; "
        "evidence.page(evidence.ROOT); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
