"""The card: JSON and back, and reading it without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_qsa.ensemble.card import EnsembleCard, TrainingImage
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.instances import InstanceOptions

MakeEnsemble = Callable[..., Ensemble]


def test_json_roundtrip(make_ensemble: MakeEnsemble) -> None:
    card = make_ensemble(
        instances=InstanceOptions(threshold=0.4, bridge_um=3.0),
        layers={"stem.0": "inq5"},
        notes=("Für die Forschung: µm.",),
        metrics={"object_dice": 0.9, "by_grade": {"benign": [1, 2]}},
    ).card
    text = card.to_json()
    assert "\n" not in text
    assert EnsembleCard.from_json(text) == card


def test_unknown_entries_are_ignored(make_ensemble: MakeEnsemble) -> None:
    card = make_ensemble().card
    values = json.loads(card.to_json()) | {"from_the_future": [1]}
    values["instances"]["shape_prior"] = 1.0
    assert EnsembleCard.from_json(json.dumps(values)) == card


def test_not_finite_is_refused(make_ensemble: MakeEnsemble) -> None:
    card = make_ensemble(metrics={"loss": float("nan")}).card
    with pytest.raises(ValueError, match="JSON compliant"):
        card.to_json()


def test_held_out_member(make_ensemble: MakeEnsemble) -> None:
    card = make_ensemble().card
    assert card.held_out_member("1" * 64) == 1
    assert card.held_out_member("2" * 64) is None
    bootstraps = make_ensemble(folds=0, training=(TrainingImage("a", "1" * 64),)).card
    assert bootstraps.held_out_member("1" * 64) is None


def test_copies_of_an_image_in_several_folds_are_held_out_of_none(
    make_ensemble: MakeEnsemble,
) -> None:
    records = [("a", "1", 0), ("b", "2", 1), ("copy of a", "1", 1), ("copy of b", "2", 1)]
    training = tuple(TrainingImage(name, digit * 64, fold) for name, digit, fold in records)
    card = make_ensemble(training=training).card
    assert card.held_out_member("1" * 64) is None
    assert card.held_out_member("2" * 64) == 1


def test_read_card_loads_neither_torch_nor_scipy(tiny_ensemble: Path) -> None:
    code = (
        "import sys; from napari_qsa.ensemble.card import read_card;"
        "print(read_card(sys.argv[1]).role);"
        "print(sorted({'torch', 'scipy', 'skimage', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_ensemble)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["segmentation", "[]"]
