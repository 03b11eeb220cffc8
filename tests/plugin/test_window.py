"""The whole way through a real window, with a real ensemble, nothing replaced."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble import shipped
from napari_qsa.jobs.window import run_window
from napari_qsa.session.options import DEFAULT_ENSEMBLE

pytestmark = [pytest.mark.window, pytest.mark.slow]
DRIVER = Path(__file__).parent / "drive_window.py"


@pytest.fixture(scope="module")
def screenshot(tmp_path_factory):
    return tmp_path_factory.mktemp("window") / "window.png"


@pytest.fixture(scope="module")
def seen(ensemble_file, screenshot):
    """What one visit to the window showed."""
    done = subprocess.run(
        [sys.executable, DRIVER, ensemble_file, screenshot],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_from_the_menu_to_the_layers(seen):
    assert seen["first"] == "done"
    assert f"{seen['glands']} gland" in seen["message"]
    name = "synthetic benign glands"
    assert [layer[:3] for layer in seen["layers"]] == [
        ["Image", name, True],
        ["Labels", f"{name}, truth", False],
        ["Image", f"probability · {name}", False],
        ["Image", f"uncertainty · {name}", True],
        ["Labels", f"glands · {name}", True],
    ]
    assert {tuple(layer[3][:2]) for layer in seen["layers"]} == {(522, 775)}


def test_layers_are_aligned_in_micrometres(seen):
    assert seen["scales"] == [[0.62, 0.62]] * 5
    assert seen["units"] == ["micrometer"]


def test_the_networks_have_really_been_asked(seen):
    assert seen["glands"] > 3
    assert seen["agreement"] > 0.6
    low, high = seen["uncertainty"]
    assert 0 <= low < high <= 0.5


def test_our_own_maps_are_not_offered_as_images(seen):
    assert seen["offered"]


def test_cancel_ends_the_process_within_two_seconds(seen):
    assert seen["cancelled"] == "cancelled"
    assert seen["cancel_seconds"] < 2


def test_a_killed_engine_is_an_error_in_the_dock_and_starts_again(seen):
    assert seen["killed"] == "failed"
    assert "ended unexpectedly" in seen["error"]
    assert seen["details"]
    assert seen["again"] == "done"
    assert seen["layers_again"] == 5


def test_the_windows_process_has_neither_torch_nor_a_runtime(seen):
    assert seen["modules"] == []


def test_the_picture_shows_the_window(seen, screenshot):
    from PIL import Image

    picture = np.asarray(Image.open(screenshot).convert("RGB"))
    assert picture.shape[0] > 600
    assert picture.shape[1] > 1000
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000


@pytest.mark.skipif(
    DEFAULT_ENSEMBLE not in shipped.names(), reason=f"{DEFAULT_ENSEMBLE} is not shipped yet"
)
def test_the_demo_shows_the_shipped_ensemble(tmp_path):
    picture = tmp_path / "demo.png"
    assert run_window("napari_qsa.plugin.demo", "--screenshot", str(picture)) == 0
    assert picture.stat().st_size > 100_000
