"""The order of a run and the learning rate in it."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.schedule import Phase, phases, plan_from_json, plan_to_json
from napari_qsa.quantization import ACTIVATION_SCHEMES, WEIGHT_SCHEMES, weight_scheme

runs = st.builds(
    TrainingOptions,
    iterations=st.integers(1, 30) | st.integers(1, 20_000),
    weights=st.sampled_from(sorted(WEIGHT_SCHEMES)),
    activations=st.sampled_from(sorted(ACTIVATION_SCHEMES)),
)
patient = settings(deadline=None)


def length(phase: Phase) -> int:
    return phase.stop - phase.start


@patient
@given(runs)
def test_phases_follow_each_other_and_cover_the_run(options: TrainingOptions) -> None:
    plan = phases(options)
    assert plan[0].start == 0
    assert plan[-1].stop == max(options.iterations, len(plan))
    assert all(before.stop == after.start for before, after in itertools.pairwise(plan))
    assert all(length(phase) >= 1 for phase in plan)


@patient
@given(runs)
def test_phases_come_in_the_order_that_holds(options: TrainingOptions) -> None:
    plan = phases(options)
    portions = weight_scheme(options.weights).portions
    assert plan[0].name == "float"
    assert [phase.portion for phase in plan if phase.portion is not None] == list(portions)
    if portions:
        stages = [f"stage {n}" for n in range(1, len(portions) + 1)]
        assert [phase.name for phase in plan] == ["float", "activations", *stages]
    elif options.activations == "float":
        assert len(plan) == 1
    else:
        assert [phase.name for phase in plan] == ["float", "activations"]


@patient
@given(runs)
def test_rate_restarts_in_every_phase(options: TrainingOptions) -> None:
    for n, phase in enumerate(phases(options)):
        peak = options.stage_rate if n else options.learning_rate
        rates = [phase.rate(i) for i in range(phase.start, phase.stop)]
        assert all(0 < rate <= peak for rate in rates)
        if len(rates) < 25:
            continue
        top = rates.index(max(rates))
        assert rates[top] > 0.95 * peak
        assert top <= 0.06 * len(rates) + 1
        assert rates[top:] == sorted(rates[top:], reverse=True)
        assert rates[-1] < 0.2 * peak


@patient
@given(st.integers(1, 20_000), st.sampled_from(sorted(ACTIVATION_SCHEMES)))
def test_float_restarts_run_the_very_schedule_of_inq4(iterations: int, activations: str) -> None:
    quantized, control = (
        phases(TrainingOptions(weights=weights, activations=activations, iterations=iterations))
        for weights in ("inq4", "float-restarts")
    )
    assert quantized == control


def test_shares_of_a_long_run() -> None:
    plan = phases(TrainingOptions(weights="inq4", iterations=10_000))
    shares = [length(phase) / 10_000 for phase in plan]
    assert shares[:2] == [0.65, 0.05]
    assert shares[2:7] == pytest.approx([0.3 / 5.5] * 5, abs=1e-4)
    assert shares[7] == pytest.approx(0.3 / 11, abs=1e-4)  # only BN and biases are left
    float_only = phases(TrainingOptions(weights="float", activations="u8", iterations=1000))
    assert [length(phase) for phase in float_only] == [900, 100]


def test_inq_can_have_the_last_two_fifths() -> None:
    plan = phases(TrainingOptions(iterations=1000, float_share=0.55))
    assert [plan[0].stop, plan[1].stop] == [550, 600]
    assert plan[2].name == "stage 1"


def test_a_plan_outlives_json() -> None:
    plan = phases(TrainingOptions(iterations=777, learning_rate=1e-3 / 3))
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_rate_by_hand() -> None:
    phase = Phase("float", 100, 200, 1.0)
    assert phase.rate(100) == pytest.approx(0.005 / 0.04)
    assert phase.rate(102) == pytest.approx(0.025 / 0.04)
    assert phase.rate(151) == pytest.approx(0.02 + 0.49, abs=0.02)
    assert phase.rate(199) == pytest.approx(0.02, abs=1e-3)
