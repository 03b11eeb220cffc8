"""Minutes into iterations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_qsa.ensemble.training import budget
from napari_qsa.ensemble.training.budget import Pace, iterations_for, measure_pace, slowest
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.errors import TrainingError

OPTIONS = TrainingOptions(
    network="unet", network_options={"width": 2}, members=4, batch=1, crop=32
)  # fmt: skip


def test_known_answer() -> None:
    pace = Pace(start=10, fixed=20, plain=0.5, quantized=1.0)
    # Two rounds of two members: (1010 - 10) / 2 - 20 = 480 s each. The float phase takes 65 % of
    # the iterations: 0.65 * 0.5 + 0.35 * 1 = 0.675 s on average.
    assert iterations_for(1010 / 60, pace, OPTIONS, workers=2) == int(480 / 0.675)
    assert iterations_for(1010 / 60, pace, OPTIONS, workers=4) == int(980 / 0.675)
    # Three workers make two rounds as well.
    assert iterations_for(1010 / 60, pace, OPTIONS, workers=3) == int(480 / 0.675)


def test_plain_float_has_no_other_phase() -> None:
    pace = Pace(start=0, fixed=0, plain=0.5, quantized=0.0)
    options = replace(OPTIONS, weights="float", activations="float", members=1)
    assert iterations_for(100 / 60, pace, options, workers=1) == 200


def test_too_few_minutes_are_refused_with_what_is_needed() -> None:
    pace = Pace(start=10, fixed=20, plain=0.5, quantized=1.0)
    # Eight phases of ten iterations: 10 + 2 * (20 + 80 * 0.675) = 158 s, and 30 s are spent.
    with pytest.raises(TrainingError, match=r"^1\.5 minutes .* at least 4, or fewer members"):
        iterations_for(1.5, pace, OPTIONS, workers=2, spent=30)
    assert iterations_for(189 / 60, pace, OPTIONS, workers=2, spent=30) == 80


def test_the_slowest_process_counts() -> None:
    assert slowest([Pace(1, 2, 3, 4), Pace(4, 3, 2, 1)]) == Pace(4, 3, 3, 4)


@pytest.mark.parametrize(
    ("weights", "activations"), [("inq4", "u8"), ("float", "u8"), ("float", "float")]
)
def test_both_kinds_of_iterations_are_timed(
    weights: str, activations: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    real = budget._train

    def noting(images, options, folder, device):  # type: ignore[no-untyped-def]
        events = real(images, options, folder, device)
        trained.append(sum(event["count"] for event in events))
        return events

    monkeypatch.setattr(budget, "_train", noting)
    stack = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (5, 40, 50), np.uint8))
    images = [TrainingImage("a", "0" * 64, -1, stack)]
    options = replace(OPTIONS, weights=weights, activations=activations)
    pace = measure_pace(images, options, tmp_path, start=1.5)
    assert pace.start == 1.5
    assert pace.plain > 0
    assert (pace.quantized > 0) == (activations != "float")
    (timed,) = trained
    assert 10 <= timed <= 40
