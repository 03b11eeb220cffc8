"""A member's run: killed anywhere and resumed, or started from another's float phase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_qsa.ensemble.training import member as member_module
from napari_qsa.ensemble.training import schedule
from napari_qsa.ensemble.training.checkpoint import read_checkpoint, write_checkpoint
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.optimizer import new_optimizer
from napari_qsa.ensemble.training.schedule import phases
from napari_qsa.errors import TrainingError
from napari_qsa.quantization import convolutions

MakeTrainer = Callable[..., MemberTrainer]
Events = list[dict[str, Any]]
pytestmark = pytest.mark.usefixtures("quick")

PHASES = ["float", "activations", *(f"stage {n}" for n in range(1, 7))]


class Killed(Exception):
    """Stands for a kill: nothing but the files of the run outlives it."""


def assert_same(network: nn.Module, other: nn.Module) -> None:
    first, second = network.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    for name, value in first.items():
        same = value.contiguous().numpy().tobytes() == second[name].contiguous().numpy().tobytes()
        assert same, name


def same(network: nn.Module, other: nn.Module) -> bool:
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


class Whole:
    """An undisturbed run with 4-bit weights."""

    def __init__(self, folder: Path, make_trainer: MakeTrainer) -> None:
        self.folder = folder
        self.events: Events = []
        self.network = make_trainer(folder, self.events.append).run()


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, make_trainer: MakeTrainer, quick: None
) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"), make_trainer)


def test_events_tell_the_run(whole: Whole) -> None:
    assert json.loads(json.dumps(whole.events, allow_nan=False)) == whole.events
    entered = [event["phase"] for event in whole.events if event["event"] == "phase"]
    assert entered == PHASES
    progress = [event for event in whole.events if event["event"] == "progress"]
    assert [event["iteration"] for event in progress] == list(range(1, 25))
    assert all(event["loss"] > 0 and event["seconds_per_iteration"] > 0 for event in progress)
    assert {(event["member"], event["iterations"]) for event in whole.events} == {(0, 24)}
    assert whole.events[-1]["event"] == "finished"
    portions = [event["portion"] for event in whole.events if event["event"] == "phase"]
    assert portions == [None, None, 0.3, 0.5, 0.8, 0.9, 0.95, 1.0]


def test_reports_are_as_rare_as_asked(
    tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "REPORT_EVERY", 3)
    events: Events = []
    make_trainer(tmp_path, events.append, weights="float", activations="float", iterations=8).run()
    progress = [event["iteration"] for event in events if event["event"] == "progress"]
    assert progress == [3, 6, 8]


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["checkpoints", "ends-of-phases-only"])
def test_killed_in_every_phase_it_ends_bit_identical(
    seconds: float,
    whole: Whole,
    tmp_path: Path,
    make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_module, "CHECKPOINT_SECONDS", seconds)
    kills: set[tuple[str, str]] = set()
    done: list[int] = []

    def report(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            done.append(event["iteration"])
        key = (event["event"], event.get("phase", ""))
        if event["event"] in ("phase", "progress") and key not in kills:
            kills.add(key)
            raise Killed

    network = None
    while network is None:
        try:
            network = make_trainer(tmp_path, report).run()
        except Killed:
            torch.rand(7)  # the global generator's state must not matter
    assert len(kills) == 2 * len(PHASES)
    assert_same(network, whole.network)
    # An iteration is repeated only where it was lost: the first one of each phase.
    assert len(done) == 24 + len(PHASES)
    assert not list(tmp_path.glob(".*"))


def test_killed_between_checkpoints(
    whole: Whole, tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in the middle of the float phase loses what came after the last checkpoint."""
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(member_module, "CHECKPOINT_SECONDS", 35.0)
    with monkeypatch.context() as patch:
        patch.setattr("time.monotonic", lambda: float(next(clock)))

        def report(event: dict[str, Any]) -> None:
            if event["event"] == "progress" and event["iteration"] == 9:
                raise Killed

        with pytest.raises(Killed):
            make_trainer(tmp_path, report).run()
    resumed: Events = []
    network = make_trainer(tmp_path, resumed.append).run()
    assert resumed[0]["event"] == "resumed"
    assert 0 < resumed[0]["iteration"] < 9
    assert_same(network, whole.network)


def test_efficient_fcn_resumes_too(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    def report(event: dict[str, Any]) -> None:
        if event["event"] == "progress" and event["phase"] == "stage 2":
            raise Killed

    small: dict[str, Any] = {
        "network": "efficient_fcn",
        "network_options": {"width": 4},
        "iterations": 8,
    }
    with pytest.raises(Killed):
        make_trainer(tmp_path / "a", report, **small).run()
    resumed = make_trainer(tmp_path / "a", **small).run()
    assert_same(resumed, make_trainer(tmp_path / "b", **small).run())


def test_control_started_from_the_float_phase_is_the_control(
    whole: Whole, tmp_path: Path, make_trainer: MakeTrainer
) -> None:
    control = make_trainer(tmp_path / "full", weights="float-restarts").run()
    events: Events = []
    started = make_trainer(
        tmp_path / "short", events.append, start_from=whole.folder, weights="float-restarts"
    )
    assert_same(started.run(), control)
    assert not same(control, whole.network)
    assert [event["phase"] for event in events if event["event"] == "phase"] == PHASES[1:]


def test_a_started_run_resumes(whole: Whole, tmp_path: Path, make_trainer: MakeTrainer) -> None:
    def report(event: dict[str, Any]) -> None:
        if event["event"] == "phase" and event["phase"] == "stage 3":
            raise Killed

    with pytest.raises(Killed):
        make_trainer(tmp_path, report, start_from=whole.folder).run()
    network = make_trainer(tmp_path, start_from=whole.folder).run()
    assert_same(network, whole.network)


@pytest.mark.parametrize(
    "changes", [{"seed": 4}, {"member": 1}, {"iterations": 30}, {"weights": "float"}, {"crop": 64}]
)
def test_another_runs_float_phase_is_refused(
    whole: Whole, tmp_path: Path, make_trainer: MakeTrainer, changes: dict[str, Any]
) -> None:
    trainer = make_trainer(tmp_path, start_from=whole.folder, **changes)
    with pytest.raises(TrainingError, match="other images or options"):
        trainer.run()


def test_other_images_float_phase_is_refused(
    whole: Whole, tmp_path: Path, make_trainer: MakeTrainer, make_images: Callable[..., Any]
) -> None:
    trainer = make_trainer(tmp_path, start_from=whole.folder, images=make_images(2))
    with pytest.raises(TrainingError, match="other images or options"):
        trainer.run()


def test_a_float_phase_that_is_not_over(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    with pytest.raises(TrainingError, match="float phase is not over"):
        make_trainer(tmp_path / "new", start_from=tmp_path / "other").run()


def test_members_and_seeds_differ(whole: Whole, tmp_path: Path, make_trainer: MakeTrainer) -> None:
    short: dict[str, Any] = {"weights": "float", "activations": "float", "iterations": 2}
    networks = [
        make_trainer(tmp_path / f"{seed}-{member}", seed=seed, member=member, **short).run()
        for seed, member in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    assert not same(networks[0], networks[1])
    assert not same(networks[0], networks[2])
    again = make_trainer(tmp_path / "again", seed=0, member=0, **short).run()
    assert_same(networks[0], again)


@pytest.mark.parametrize(("activations", "count"), [("float", 1), ("u8", 2)])
def test_float_weights(
    activations: str, count: int, tmp_path: Path, make_trainer: MakeTrainer
) -> None:
    events: Events = []
    trainer = make_trainer(
        tmp_path, events.append, weights="float", activations=activations, iterations=10
    )
    network = trainer.run()
    entered = [event["phase"] for event in events if event["event"] == "phase"]
    assert entered == PHASES[:count]
    for _, layer in convolutions(network):
        assert layer.weight.unique().numel() > 0.99 * layer.weight.numel()
        assert layer.input_quantizer.enabled == (activations == "u8")


@pytest.mark.parametrize("channels", [1, 4])
def test_images_need_not_be_rgb(channels: int, tmp_path: Path, make_trainer: MakeTrainer) -> None:
    network = make_trainer(tmp_path, channels=channels, iterations=8).run()
    with torch.no_grad():
        logits = network(torch.zeros(1, channels, 32, 48)).logits
    assert logits.shape == (1, 2, 32, 48)


def test_a_lost_loss_ends_the_run_in_a_sentence(
    tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "CHECKPOINT_SECONDS", 0.0)
    loss = member_module.training_loss

    def lost(*inputs: Any) -> Tensor:
        return loss(*inputs) * (float("nan") if trainer.iteration == 3 else 1.0)

    monkeypatch.setattr(member_module, "training_loss", lost)
    trainer = make_trainer(tmp_path)
    with pytest.raises(TrainingError, match=r"member 0 is not finite after 4 iterations: .*rate"):
        trainer.run()
    again = make_trainer(tmp_path)  # what it spoilt is not in the checkpoint
    monkeypatch.setattr(member_module, "training_loss", loss)
    assert all(torch.isfinite(value).all() for value in again.run().state_dict().values())


def interrupted(folder: Path, make_trainer: MakeTrainer) -> Path:
    """Stop a run where its activations begin; give its checkpoint."""

    def report(event: dict[str, Any]) -> None:
        if event["event"] == "phase" and event["phase"] == "activations":
            raise Killed

    with pytest.raises(Killed):
        make_trainer(folder, report).run()
    return folder / "checkpoint.safetensors"


def test_a_resumed_run_keeps_the_plan_it_began_with(
    whole: Whole, tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = phases(make_trainer(tmp_path).options)
    path = interrupted(tmp_path, make_trainer)
    monkeypatch.setattr(schedule, "ACTIVATION_SHARE", 0.3)  # another version of the software
    trainer = make_trainer(tmp_path)
    with pytest.raises(TrainingError, match=f"{path.name} is of another schedule .* delete it"):
        trainer.run()
    trainer = make_trainer(tmp_path, plan=plan)
    assert_same(trainer.run(), whole.network)


def test_a_checkpoint_without_a_plan_is_refused(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    path = interrupted(tmp_path, make_trainer)
    tensors, facts = read_checkpoint(path)
    del facts["phases"]
    write_checkpoint(path, tensors, facts)
    with pytest.raises(TrainingError, match="another schedule"):
        make_trainer(tmp_path).run()


def test_a_damaged_checkpoint_is_named(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(TrainingError, match=r"checkpoint.safetensors is damaged"):
        make_trainer(tmp_path).run()


def test_encoder_rate_slows_the_encoder_alone(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(tmp_path, iterations=40, encoder_rate=0.1, network="efficient_fcn")
    rates = {}
    for group in new_optimizer(trainer.network, trainer.options).param_groups:
        for parameter in group["params"]:
            rates[parameter] = group["factor"]
    named = dict(trainer.network.named_parameters())
    assert {rates[p] for name, p in named.items() if name.startswith("encoder.")} == {0.1}
    assert {rates[p] for name, p in named.items() if not name.startswith("encoder.")} == {1.0}
