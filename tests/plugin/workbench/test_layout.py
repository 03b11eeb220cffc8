"""The window stays usable on a screen of 1366x768, also at 150 %, in both themes."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_qsa.images import open_images
from napari_qsa.project import Project

pytestmark = [
    pytest.mark.window,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs a screen of its own size"),
]
DRIVER = Path(__file__).parent / "drive_layout.py"
SCREEN = (1366, 768)
WIDEST_DOCK = 340
LEAST_CANVAS = 280
SCALES = ("1", "1.5")


@contextmanager
def small_screen():
    """A screen of that size; gives its name."""
    read, write = os.pipe()
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as said:
            yield f":{said.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module", params=SCALES)
def look(request, tmp_path_factory):
    """What one visit to the window showed, with its scale."""
    scale = request.param
    folder = tmp_path_factory.mktemp("layout")
    images = folder / "images"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    for place in range(12):
        name = f"a slide of a rather long name, block {place:02d}.png"
        Image.fromarray(pixels + np.uint8(place)).save(images / name)
    with Project.create(folder / "x.qsa", "a project of a rather long name", 0.5) as project:
        project.add_images(open_images([images]))
        project.assign_roles()
    with small_screen() as display:
        done = subprocess.run(
            [
                sys.executable,
                DRIVER,
                folder / "x.qsa",
                folder / "settings",
                os.environ.get("NAPARI_QSA_PICTURES", ""),
            ],
            env={**os.environ, "QT_SCALE_FACTOR": scale, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stderr
    return float(scale), json.loads(done.stdout.splitlines()[-1])


def test_nothing_is_cut_off(look):
    assert look[1]["finds"] == [True, True, True]
    assert look[1]["clipped"] == {}


def test_the_whole_window_fits_the_screen_with_both_docks_open(look):
    scale, seen = look
    assert tuple(seen["screen"]) == tuple(round(side / scale) for side in SCREEN)
    assert seen["window"] == seen["screen"]
    assert seen["least"][0] <= seen["screen"][0]
    assert seen["least"][1] <= seen["screen"][1]
    assert min(seen["canvas"]) >= LEAST_CANVAS


def test_the_docks_make_napari_no_higher(look):
    seen = look[1]
    assert seen["least"][1] <= seen["least_of_napari"][1]


def test_the_dock_is_narrow_and_all_its_tabs_can_be_reached(look):
    scale, seen = look
    width, least = seen["dock"]
    assert least <= width <= WIDEST_DOCK
    wanted, given = seen["tabs"]
    assert wanted <= given or scale > 1  # else the tabs have arrows to scroll by


def test_the_themes_and_the_scale_are_those_that_were_meant(look):
    scale, seen = look
    assert seen["lightness"]["light"] > 128 > seen["lightness"]["dark"]
    assert seen["ratio"] == scale
