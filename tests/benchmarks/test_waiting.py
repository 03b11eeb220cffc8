"""What measures how long a user waits: it runs, and counts rightly; times are not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
HERE = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def run(tmp_path):
    """A function that runs a script with options, and returns what it writes."""

    def call(script, *options):
        out = tmp_path / "out.json"
        command = [sys.executable, HERE / script, *options, "--out", out]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(out.read_text())

    return call


def test_a_cancelled_query_keeps_what_was_scored_and_nothing_comes_later(run):
    found = run("cancel.py", "--times", "1", "--images", "3", "--only", "scoring")
    (cancel,) = found["cancels"]
    assert cancel["images"] == 3
    assert 1 <= cancel["scored_before"] <= cancel["kept"] < 3
    assert cancel["on_disk_after_closing"] == cancel["kept"]
    assert cancel["said"].startswith(f"Cancelled; {cancel['kept']} image")
    assert found["longest_s"] == cancel["seconds"] > 0


@pytest.mark.window
def test_the_gap_of_the_event_loop_is_measured_with_and_without_a_training(run):
    options = ["--seconds", "0.5", "--rounds", "1", "--workers", "1", "--networks", "1", "--small"]
    found = run("event_loop_gap.py", *options)
    (both,) = found["rounds"]
    assert both["training"]["networks_at_work"] == both["training"]["workers"] == 1
    for kind in ("alone", "training"):
        assert both[kind]["ticks"] > 1
        assert both[kind]["longest_ms"] >= both[kind]["p99_ms"] >= both[kind]["median_ms"] > 0
        assert found["longest_ms"][kind] == both[kind]["longest_ms"]
    assert found["ratio"] > 0
