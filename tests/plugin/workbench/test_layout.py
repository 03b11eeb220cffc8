"""The window stays usable on a small screen, at 150 %, in both themes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_qsa.images import open_images
from napari_qsa.project import Project

pytestmark = [pytest.mark.window, pytest.mark.slow]
DRIVER = Path(__file__).parent / "drive_layout.py"
SIZE = (1366, 768)
WIDEST_DOCK = 340
LOOKS = [("dark", "1"), ("light", "1"), ("dark", "1.5"), ("light", "1.5")]


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: f"{look[0]} at {look[1]}")
def look(request, tmp_path_factory):
    """What one visit to the window showed, with its theme and scale."""
    theme, scale = request.param
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
    done = subprocess.run(
        [
            sys.executable,
            DRIVER,
            theme,
            folder / "x.qsa",
            folder / "settings",
            os.environ.get("NAPARI_QSA_PICTURES", ""),
        ],
        env={**os.environ, "QT_SCALE_FACTOR": scale},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return theme, float(scale), json.loads(done.stdout.splitlines()[-1])


def test_nothing_is_cut_off(look):
    assert look[2]["finds"] == [True, True, True]
    assert look[2]["clipped"] == {}


def test_the_window_is_as_small_as_it_was_asked_to_be(look):
    seen = look[2]
    assert tuple(seen["window"]) == SIZE
    assert seen["least"][0] <= SIZE[0]
    assert seen["least"][1] <= SIZE[1]


def test_the_docks_make_napari_no_higher_and_leave_room_at_150_percent(look):
    seen = look[2]
    assert seen["least"][1] <= seen["least_of_napari"][1]
    assert seen["least"][0] <= 1366 / 1.5 + 60


def test_the_dock_is_narrow_and_shows_all_its_tabs(look):
    seen = look[2]
    width, least = seen["dock"]
    assert least <= width <= WIDEST_DOCK
    wanted, given = seen["tabs"]
    assert wanted <= given


def test_the_theme_and_the_scale_are_those_that_were_meant(look):
    theme, scale, seen = look
    assert (seen["lightness"] > 128) == (theme == "light")
    assert seen["ratio"] == scale
