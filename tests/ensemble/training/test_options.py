"""The options of a run: refused in a sentence, kept by JSON."""

import json
from typing import Any

import pytest

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import TrainingError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"members": 0}, "members must be at least 1, not 0"),
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"batch": -1}, "batch must be at least 1"),
        ({"crop": 0}, "crop must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"folds": 1}, "folds must be 0 .* or at least 2, not 1"),
        ({"folds": -2}, "folds must be 0 .* or at least 2, not -2"),
        ({"folds": 5, "fold": 5}, "0 to 4, not 5"),
        ({"folds": 5, "fold": -1}, "0 to 4, not -1"),
        ({"fold": 0}, "say how many with folds"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0, not 0.0"),
        ({"stage_rate": float("nan")}, "stage_rate must be above 0, not nan"),
        ({"pixel_size": -1.24}, "pixel_size must be above 0"),
        ({"seed": -1}, "seed must be 0 or above, not -1"),
        ({"stain": float("inf")}, "stain must be 0 or above, not inf"),
        ({"weight_decay": -0.1}, "weight_decay must be 0 or above"),
        ({"ema": 1.0}, "ema must be at least 0 and below 1, not 1.0"),
        ({"crop": 100}, "multiple of 32 pixels, not 100"),
    ],
)
def test_impossible_options_are_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        TrainingOptions(**values)


@pytest.mark.parametrize("share", [0.0, 0.95])
def test_every_phase_has_a_share(share: float) -> None:
    with pytest.raises(TrainingError, match=r"float_share must be above 0 and at most 0\.9"):
        TrainingOptions(float_share=share)


def test_json_keeps_every_option() -> None:
    options = TrainingOptions(
        role="suggestive",
        network="unet",
        network_options={"width": 8},
        weights="inq5",
        folds=3,
        seed=7,
        learning_rate=2e-3,
        stain=0.5,
    )
    assert TrainingOptions.from_json(json.loads(json.dumps(options.to_json()))) == options
    assert options != TrainingOptions()


def test_runs_do_not_share_their_network_options() -> None:
    TrainingOptions().network_options["width"] = 99
    assert "width" not in TrainingOptions().network_options


def test_an_earlier_run_keeps_what_it_did() -> None:
    values = TrainingOptions().to_json()
    for later in ("separator_weight", "separator_reach", "border_weight", "encoder_rate"):
        del values[later]
    options = TrainingOptions.from_json(values)
    assert (options.separator_weight, options.separator_reach, options.border_weight) == (0.5, 6, 0)
    assert options.encoder_rate == 1.0
