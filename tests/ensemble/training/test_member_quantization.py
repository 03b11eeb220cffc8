"""What a member's run does to weights, averages and statistics on its way to integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from napari_qsa.ensemble.training import crops as crops_module
from napari_qsa.ensemble.training import member as member_module
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.quantization import IncrementalQuantizer, convolutions

MakeTrainer = Callable[..., MemberTrainer]
pytestmark = pytest.mark.usefixtures("quick")


class Witness:
    """Looks at a trainer after every event."""

    def __init__(self, make_trainer: MakeTrainer, folder: Path, **changes: Any) -> None:
        self.trainer = make_trainer(folder, self.look, **changes)
        self.folder = folder
        self.masks = {name: mask.clone() for name, mask in self.trainer.quantizer.frozen.items()}
        self.latest: dict[str, Tensor] = {}
        self.stages: list[float] = []
        self.out_of_turn = 0
        self.frozen: dict[str, Tensor] = {}
        self.moved = 0
        self.phase = ""
        self.entered: dict[str, dict[str, Tensor]] = {}
        self.head: list[Tensor] = []
        self.averages: set[str] = set()
        self.quantized_inputs: dict[str, bool] = {}

    def look(self, event: dict[str, Any]) -> None:
        quantizer = self.trainer.quantizer
        now = {n: w.detach()[quantizer.frozen[n]].clone() for n, w in quantizer.weights.items()}
        if event["event"] == "phase":
            self.phase = event["phase"]
            state = self.trainer.network.state_dict()
            self.entered[self.phase] = {name: value.clone() for name, value in state.items()}
            self.frozen = now
            if event["portion"] is not None:
                self.look_at_order()
        elif event["event"] == "progress":
            self.latest = {name: w.detach().clone() for name, w in quantizer.weights.items()}
            self.moved += sum(
                int((now[name].view(torch.int32) != held.view(torch.int32)).sum())
                for name, held in self.frozen.items()
            )
            self.head.append(self.trainer.network.head.weight.detach().clone())  # type: ignore[union-attr]
            if self.trainer.ema:
                self.averages.add(self.phase)
            self.quantized_inputs[self.phase] = all(
                layer.input_quantizer.enabled for _, layer in convolutions(self.trainer.network)
            )

    def look_at_order(self) -> None:
        """Count the free weights that were larger than one frozen on entering this stage."""
        quantizer = self.trainer.quantizer
        self.stages.append(quantizer.portion)
        for name, mask in quantizer.frozen.items():
            before = self.latest[name].abs()
            new, free = before[mask & ~self.masks[name]], before[~mask]
            if new.numel() and free.numel():
                self.out_of_turn += int((free > new.min()).sum())
            self.masks[name] = mask.clone()


@pytest.fixture(scope="module")
def witness(
    tmp_path_factory: pytest.TempPathFactory, make_trainer: MakeTrainer, quick: None
) -> Witness:
    witness = Witness(make_trainer, tmp_path_factory.mktemp("witness"), learning_rate=0.02)
    witness.trainer.run()
    return witness


def test_frozen_codes_are_bit_identical_through_every_step(witness: Witness) -> None:
    assert sum(held.numel() for held in witness.frozen.values()) > 10_000
    assert witness.moved == 0


def test_without_restore_they_would_move(
    tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IncrementalQuantizer, "restore", lambda self: None)
    careless = Witness(make_trainer, tmp_path)
    careless.trainer.run()
    assert careless.moved > 1000


def test_every_convolution_ends_on_its_codebook(witness: Witness) -> None:
    layers = dict(convolutions(witness.trainer.network))
    assert set(layers) == set(witness.trainer.quantizer.codebooks)
    assert {"down.0.0.0", "head"} <= set(layers)  # the first and the last
    for name, layer in layers.items():
        levels = witness.trainer.quantizer.codebooks[name]
        assert levels.numel() == 9
        assert torch.isin(layer.weight, levels).all()
        magnitudes = levels[levels > 0]
        assert torch.equal(torch.frexp(magnitudes)[0], torch.full((4,), 0.5))
        assert magnitudes[-1] == 8 * magnitudes[0]


def test_largest_weights_are_frozen_first_in_every_stage(witness: Witness) -> None:
    assert witness.stages == pytest.approx([0.3, 0.5, 0.8, 0.9, 0.95, 1.0], abs=2e-3)
    assert witness.out_of_turn == 0


def test_last_stage_trains_only_normalisation_and_biases(witness: Witness) -> None:
    before, after = witness.entered["stage 6"], witness.trainer.network.state_dict()
    for name, _ in convolutions(witness.trainer.network):
        assert torch.equal(before[f"{name}.weight"], after[f"{name}.weight"])
    assert not torch.equal(before["head.bias"], after["head.bias"])


def test_average_is_of_the_float_phase_and_ends_there(witness: Witness) -> None:
    assert witness.averages == {"float"}
    float_phase = load_file(witness.folder / "float.safetensors")
    average = torch.zeros(())
    stop = witness.trainer.phases[0].stop
    for step, weight in enumerate(witness.head[:stop], start=1):
        decay = min(0.998, step / (step + 10)) if step > 1 else 0.0
        average = decay * average + (1 - decay) * weight
    assert torch.allclose(float_phase["head.weight"], average, atol=1e-5)
    assert not torch.allclose(float_phase["head.weight"], witness.head[stop - 1], atol=1e-3)
    for name, value in witness.entered["activations"].items():
        if ".input_quantizer." not in name:
            assert torch.equal(value, float_phase[name]), name


def test_activations_are_quantized_from_their_phase_on(witness: Witness) -> None:
    assert witness.quantized_inputs == {
        phase: phase != "float" for phase in witness.quantized_inputs
    }
    assert len(witness.quantized_inputs) == 8
    scales = {
        phase: [v for name, v in state.items() if name.endswith("input_quantizer.scale")]
        for phase, state in witness.entered.items()
    }
    assert scales["stage 6"] == scales["activations"] != scales["float"]


class Recorder:
    """Records the keys of all draws, and rate and freshness of every optimizer step."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.keys: list[tuple[int, ...]] = []
        self.rates: list[float] = []
        self.fresh: list[int] = []
        draw, step = crops_module.random_for, torch.optim.AdamW.step

        def random_for(*key: int) -> Any:
            self.keys.append(key)
            return draw(*key)

        def watched(optimizer: torch.optim.AdamW, *rest: Any) -> Any:
            self.rates.append(optimizer.param_groups[0]["lr"])
            if not optimizer.state:
                self.fresh.append(len(self.rates) - 1)
            return step(optimizer, *rest)

        patch.setattr(crops_module, "random_for", random_for)
        patch.setattr(torch.optim.AdamW, "step", watched)


def test_float_restarts_have_the_phases_rates_and_draws_of_inq(
    tmp_path: Path, make_trainer: MakeTrainer
) -> None:
    runs: dict[str, tuple[Recorder, MemberTrainer, nn.Module]] = {}
    for weights in ("inq4", "float-restarts"):
        with pytest.MonkeyPatch.context() as patch:
            recorder = Recorder(patch)
            trainer = make_trainer(tmp_path / weights, weights=weights)
            runs[weights] = recorder, trainer, trainer.run()
    (quantized, trainer, _), (control, other, network) = runs.values()
    assert control.keys == quantized.keys
    augmented = [key for key in control.keys if key[-1] == 1]
    assert len(set(augmented)) == len(augmented) == 24 * 2
    assert control.rates == quantized.rates
    starts = [phase.start for phase in trainer.phases]
    assert control.fresh == quantized.fresh == starts  # the moments start anew with the rate
    assert other.phases == trainer.phases
    assert other.quantizer.portion == 0.0
    assert trainer.quantizer.portion == 1.0
    for _, layer in convolutions(network):
        assert layer.weight.unique().numel() > 0.99 * layer.weight.numel()


def test_statistics_are_the_mean_over_plain_crops(
    tmp_path: Path, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "freeze", lambda network: network)
    trainer = make_trainer(tmp_path, weights="float", activations="float", iterations=2)
    network = trainer.run()
    convolution, norm = network.down[0][0][0], network.down[0][0][1]  # type: ignore[union-attr, index]
    crops = list(trainer._plain_batches(3))
    with torch.no_grad():
        features = [convolution(batch).double() for batch in crops]
    mean = torch.stack([f.mean((0, 2, 3)) for f in features]).mean(0)
    variance = torch.stack([f.transpose(0, 1).flatten(1).var(1) for f in features]).mean(0)
    assert torch.allclose(norm.running_mean.double(), mean, atol=1e-5)
    assert torch.allclose(norm.running_var.double(), variance, rtol=1e-4)
    assert int(norm.num_batches_tracked) == 3
    windows = torch.cat(
        [
            image.stack[:3].unfold(1, 32, 1).unfold(2, 32, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
            for image in trainer.images
        ]
    )
    for crop in torch.cat(crops):
        pixels = torch.round((crop * 0.5 + 0.5) * 255).to(torch.uint8)
        assert (windows == pixels).flatten(1).all(dim=1).any()
