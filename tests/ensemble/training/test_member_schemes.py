"""Members trained through latent weights, with soft activations, and with exceptions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.quantization import convolutions, weight_scheme

MakeTrainer = Callable[..., MemberTrainer]
pytestmark = pytest.mark.usefixtures("quick")
BRIEF = {"iterations": 12, "network_options": {"width": 1}}


class Killed(Exception):
    pass


class Watch:
    """Notes at every step what the layers compute with, and kills at one if asked to."""

    def __init__(self, make_trainer: MakeTrainer, folder: Path, **changes: Any) -> None:
        self.kill_at: int | None = changes.pop("kill_at", None)
        self.through: dict[str, bool] = {}
        self.betas: list[float | None] = []
        self.phase = ""
        self.trainer = make_trainer(folder, self.look, **{**BRIEF, **changes})

    def look(self, event: dict[str, Any]) -> None:
        layers = [layer for _, layer in convolutions(self.trainer.network)]
        if event["event"] == "phase":
            self.phase = event["phase"]
        if event["event"] == "progress":
            self.through[self.phase] = all(layer.weight_quantizer is not None for layer in layers)
            self.betas.append(layers[-1].input_quantizer.beta)
            if event["iteration"] == self.kill_at:
                raise Killed


def state(network: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


@pytest.mark.parametrize("weights", ["twn", "dorefa3", "q0.4"])
def test_trained_through_and_then_still(
    weights: str, tmp_path: Path, make_trainer: MakeTrainer
) -> None:
    watch = Watch(make_trainer, tmp_path, weights=weights)
    network = watch.trainer.run()
    stages = [f"stage {n}" for n in range(1, 7)]
    assert list(watch.through) == ["float", "activations", *stages]
    assert [watch.through[name] for name in stages] == [True] * 5 + [False]
    assert not watch.through["float"]
    scheme = weight_scheme(weights)
    for _, layer in convolutions(network):
        assert layer.weight_quantizer is None
        assert layer.weight.unique().numel() <= 2**scheme.bits
        assert layer.input_quantizer.enabled


@pytest.mark.parametrize("weights", ["dorefa1", "twn"])
def test_killed_among_latent_weights_it_ends_bit_identical(
    weights: str, tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_qsa.ensemble.training.member.CHECKPOINT_SECONDS", 0.0)
    options = {"weights": weights, "activations": "ternary"}
    whole = state(Watch(make_trainer, tmp_path / "whole", **options).trainer.run())
    for kill_at in (9, 12):
        folder = tmp_path / str(kill_at)
        with pytest.raises(Killed):
            Watch(make_trainer, folder, kill_at=kill_at, **options).trainer.run()
        again = state(Watch(make_trainer, folder, **options).trainer.run())
        assert all(torch.equal(again[key], value) for key, value in whole.items())


def test_ternary_activations_harden(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    watch = Watch(make_trainer, tmp_path, weights="float", activations="ternary", iterations=40)
    network = watch.trainer.run()
    soft = [beta for beta in watch.betas[36:] if beta is not None]
    assert soft == pytest.approx([3.0, 4.5625, 6.125, 7.6875][: len(soft)], abs=0.01)
    assert len(soft) >= 3
    first, *others = (layer.input_quantizer for _, layer in convolutions(network))
    assert (float(first.lowest), float(first.highest)) == (-128, 127)
    for quantizer in others:
        assert quantizer.beta is None
        assert (float(quantizer.lowest), float(quantizer.highest)) == (-1, 1)


def test_first_and_last_stay_float(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    layers = {"first": "float/float", "last": "float/float"}
    watch = Watch(make_trainer, tmp_path, weights="q0.4", activations="q6.0", layers=layers)
    network = dict(convolutions(watch.trainer.run()))
    names = list(network)
    for name in (names[0], names[-1]):
        assert not network[name].input_quantizer.enabled
        assert not torch.equal((16 * network[name].weight).round(), 16 * network[name].weight)
    for name in names[1:-1]:
        assert network[name].input_quantizer.enabled
        assert torch.equal((16 * network[name].weight).round(), 16 * network[name].weight)


def test_layers_quantized_in_a_float_network(tmp_path: Path, make_trainer: MakeTrainer) -> None:
    watch = Watch(
        make_trainer, tmp_path, weights="float", activations="float", layers={"last": "inq4/u8"}
    )
    assert [phase.name for phase in watch.trainer.phases][:3] == ["float", "activations", "stage 1"]
    *others, last = (layer for _, layer in convolutions(watch.trainer.run()))
    assert last.input_quantizer.enabled
    assert last.weight.unique().numel() <= 9
    assert not any(layer.input_quantizer.enabled for layer in others)
