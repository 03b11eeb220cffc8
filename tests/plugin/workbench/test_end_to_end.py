"""The whole round through a real window with the shipped models; nothing is replaced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.window, pytest.mark.slow]
DRIVER = Path(__file__).parent / "drive_round.py"
ITERATIONS, NETWORKS = 20, 2
"""Of the training, as `drive_round` has them."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one round showed, done by somebody whose documents folder is empty."""
    home = tmp_path_factory.mktemp("home")
    (home / "Documents").mkdir()
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "NAPARI_QSA_CACHE": home / "index",
    }
    done = subprocess.run(
        [sys.executable, DRIVER],
        capture_output=True,
        text=True,
        env={**os.environ, **{name: str(place) for name, place in places.items()}},
        timeout=3600,
    )
    print(done.stderr)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_sample_project_is_made_by_the_first_button(seen):
    assert seen["images"] >= 11


def test_images_are_suggested_and_one_to_check_with(seen):
    assert seen["suggested"][0] == "done"
    assert seen["wanted"] == ["annotate", "annotate", "validate"]
    assert seen["roles"] == ["train", "train", "validation"]
    assert seen["cards"] == 3


def test_strokes_of_the_mouse_are_glands_and_a_line_splits_one(seen):
    assert seen["painted"] == [1, 2]
    assert len(seen["split"]) == 3
    left, right, other = seen["sides"]
    assert left != right
    assert {left, right} == set(seen["split"]) - {1}
    assert other == 1
    assert "Saved" in seen["saved"]


def test_proposals_are_taken_over(seen):
    assert [asked for asked, _ in seen["taken"]] == ["annotate", "validate"]
    assert all(glands > 0 for _, glands in seen["taken"])


def test_both_models_are_trained_in_a_process_of_their_own(seen):
    assert "2 accepted images" in seen["plan"]
    assert "1 image to check the model with" in seen["plan"]
    assert seen["while"] == [True, True]
    assert seen["trained"] == "done"


@pytest.mark.parametrize("slot", ["suggestive", "segmentation"])
def test_the_plot_holds_a_curve_of_each_network(seen, slot):
    losses, dices = seen["points"][slot]["loss"], seen["points"][slot]["dice"]
    assert len(losses) == len(dices) == NETWORKS
    for points in map(np.array, losses):
        assert len(points) >= 20
        assert points[-1, 0] == ITERATIONS
        assert (np.diff(points[:, 0]) > 0).all()
        assert (points[:, 1] > 0).all()
    for points in map(np.array, dices):
        assert len(points) >= 5
        assert ((points[:, 1] >= 0) & (points[:, 1] <= 1)).all()
    assert losses[0] != losses[1]


def test_the_new_model_is_compared_with_the_current_one(seen):
    assert "Agreement with your annotations" in seen["comparison"]


def test_the_adopted_model_predicts_and_the_former_one_comes_back_bit_for_bit(seen):
    shipped = ["glas-segmentation", "glas-suggestive"]
    assert all(new != old for new, old in zip(seen["adopted"], shipped, strict=True))
    assert seen["differs"] == [True, True]
    assert seen["back"] == shipped
    assert seen["kept"] == [True, True]
    assert seen["repeated"] == [True, True]


def test_what_is_exported_reads_back_equal(seen):
    assert seen["exported"] == "done"
    assert len(seen["read back"]) == 3
    assert all(seen["read back"].values())
    assert seen["map read back"]


def test_nothing_failed_and_the_window_has_neither_torch_nor_a_runtime(seen):
    assert seen["failures"] == []
    assert seen["modules"] == []
