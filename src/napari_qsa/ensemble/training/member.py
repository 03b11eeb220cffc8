"""Training one member of an ensemble, resumable at any iteration with the same result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from napari_qsa.ensemble.training.checkpoint import read_checkpoint, write_checkpoint
from napari_qsa.ensemble.training.crops import Crops
from napari_qsa.ensemble.training.monitor import Watch, gland_dice
from napari_qsa.ensemble.training.optimizer import new_optimizer
from napari_qsa.ensemble.training.options import AFTER_FLOAT, BEFORE, TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage, member_counts
from napari_qsa.ensemble.training.schedule import Phase, phases, plan_to_json
from napari_qsa.ensemble.training.start import check_digest
from napari_qsa.ensemble.training.supervision import training_loss
from napari_qsa.ensemble.training.warm_start import check_start, take_over
from napari_qsa.errors import TrainingError
from napari_qsa.networks import build_network
from napari_qsa.quantization import (
    activation_scheme,
    anneal_activations,
    calibrate_activations,
    exceptions_of,
    freeze,
    prepare,
    quantizer_of,
    weight_scheme,
)

CHECKPOINT_SECONDS = 45.0
REPORT_EVERY = 20
CALIBRATION_BATCHES = 8
STATISTICS_BATCHES = 40

Report = Callable[[dict[str, Any]], None]


class MemberTrainer:
    """Trains one network through all phases.

    Every random draw is keyed by (seed, member, iteration, sample), so no generator has a state
    to store, and a run that was killed goes on from its checkpoint to weights that on the CPU, on
    the same machine and thread count, are bit-identical. CUDA adds up in another order each time.

    Parameters
    ----------
    images : sequence of TrainingImage
        All images of the run; the member draws from its own share.
    options : TrainingOptions
        Of the run.
    member : int
        Which network.
    folder : Path
        Where the checkpoint lives; made if missing.
    normalisation : tuple
        Mean and standard deviation of each channel, of values in [0, 1].
    report : callable
        Called with a plain dict for each event; may raise to stop.
    device : torch.device
        Where to train.
    start_from : Path or None
        Folder of a run that has finished the float phase of this member with the same options,
        schemes aside: that phase, which on the CPU would be repeated bit by bit, is
        taken from there.
    plan : sequence of Phase
        The phases the run began with; if empty, those the options have by now.
    start_sha256 : str or None
        Of the file of ``options.start``, to be checked; None where it is not known.
    watch : Watch or None
        How closely to report; it changes no weight.
    validation : sequence of TrainingImage
        To be watched on; if empty, those of `images` that the member is not trained on.
    """

    def __init__(
        self,
        images: Sequence[TrainingImage],
        options: TrainingOptions,
        member: int,
        folder: Path,
        normalisation: tuple[Sequence[float], Sequence[float]],
        report: Report = lambda event: None,
        device: torch.device | None = None,
        start_from: Path | None = None,
        plan: Sequence[Phase] = (),
        start_sha256: str | None = None,
        watch: Watch | None = None,
        validation: Sequence[TrainingImage] = (),
    ) -> None:
        torch.set_num_threads(options.threads)
        self.images = images
        self.options = options
        self.member = member
        self.folder = folder
        self.report = report
        self.device = device or torch.device("cpu")
        self.start_from = start_from
        self.start_sha256 = start_sha256
        counts = member_counts(images, options, member)
        share = counts / counts.sum()
        self.crops = Crops(images, share, options, member, normalisation, self.device)
        self.watch = watch
        unseen = [image for image, count in zip(images, counts, strict=True) if not count]
        self._validation = list(validation) or unseen
        torch.manual_seed(options.seed * 1000 + member)
        self._channels = len(normalisation[0])
        network = build_network(options.network, self._channels, **options.network_options)
        self.network: nn.Module = prepare(network).to(  # type: ignore[call-overload]
            self.device, memory_format=torch.channels_last
        )
        exceptions = exceptions_of(self.network, options.layers)
        self.quantizer = quantizer_of(self.network, weight_scheme(options.weights), exceptions)
        self._activations = activation_scheme(options.activations)
        self._own = {name: own for name, (_, own) in exceptions.items() if own is not None}
        self.ema: dict[str, Tensor] = {}
        self.optimizer: torch.optim.Optimizer | None = None
        self.iteration = 0
        self.phases = tuple(plan) or phases(options)

    def _plain_batches(self, count: int) -> Iterator[Tensor]:
        for number in range(count):
            yield self.crops.batch(number, augment=False).pixels

    # -- phases ----------------------------------------------------------------------------------

    def run(self) -> nn.Module:
        """Train to the end and return the frozen network, in evaluation mode on the CPU."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        for phase in self.phases:
            if self.iteration >= phase.stop:
                continue
            if self.iteration == phase.start:
                self._enter(phase)
            self._train(phase)
            self.optimizer = None
            if phase.name == "float":
                self._apply_ema()
                path = self.folder / "float.safetensors"
                write_checkpoint(path, self._network_state(), self._float_facts())
            self._save()
        self._anneal()
        self._estimate_statistics()
        self._score()
        self._event("finished")
        return freeze(self.network.cpu())

    def _take_over(self) -> None:
        """Begin as a member of the ensemble that the options start from."""
        from napari_qsa.ensemble.ensemble import Ensemble

        if self.options.start is None:
            return
        check_digest(self.options.start, self.start_sha256)
        start = Ensemble.load(self.options.start, device="cpu")
        check_start(start.card, self.options, self.images)
        networks = start.networks()
        source = networks[self.member % len(networks)].to(self.device)
        take_over(self.network, source, self._plain_batches(CALIBRATION_BATCHES))

    def _enter(self, phase: Phase) -> None:
        if phase.start == 0:
            self._take_over()
        if phase.name == "activations":
            batches = self._plain_batches(CALIBRATION_BATCHES)
            calibrate_activations(self.network, self._activations, batches, self._own)
        if phase.portion is not None:
            self.quantizer.advance(phase.portion)
        self.optimizer = new_optimizer(self.network, self.options)
        self._event("phase", phase=phase.name, portion=phase.portion)

    def _anneal(self) -> None:
        start, stop = self.phases[0].stop, self.phases[-1].stop
        done = (self.iteration - start) / max(stop - start, 1)
        anneal_activations(self.network, self._activations, done, self._own)

    def _train(self, phase: Phase) -> None:
        optimizer = cast(torch.optim.Optimizer, self.optimizer)
        self.network.train()
        saved = reported = time.monotonic()
        losses: list[float] = []
        total = self.phases[-1].stop
        report_every = REPORT_EVERY if self.watch is None else self.watch.loss_every(total)
        while self.iteration < phase.stop:
            for group in optimizer.param_groups:
                group["lr"] = group["factor"] * phase.rate(self.iteration)
            batch = self.crops.batch(self.iteration, augment=True)
            self._anneal()
            progress = self.iteration / self.phases[0].stop
            loss = training_loss(self.network, batch, self.options, progress)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self.quantizer.restore()
            if phase.name == "float":
                self._update_ema()
            self.iteration += 1
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise TrainingError(
                    f"The loss of member {self.member} is not finite after {self.iteration} "
                    "iterations: start a new run with a lower learning rate."
                )
            if self.iteration % report_every == 0 or self.iteration == phase.stop:
                now = time.monotonic()
                self._event(
                    "progress",
                    phase=phase.name,
                    loss=round(sum(losses) / len(losses), 5),
                    seconds_per_iteration=round((now - reported) / len(losses), 4),
                )
                reported, losses = now, []
            if self.watch is not None and self.iteration % self.watch.score_every(total) == 0:
                self._score()
            if time.monotonic() - saved > CHECKPOINT_SECONDS and self.iteration < phase.stop:
                self._save()
                saved = time.monotonic()

    @torch.no_grad()
    def _score(self) -> None:
        """Report the Dice of what the member would be now: while there is an EMA, of that."""
        if self.watch is None or not self._validation:
            return
        state = self._network_state()
        raw = {name: state[name].clone() for name in self.ema}
        for name, value in self.ema.items():
            state[name].copy_(value)
        dice = gland_dice(self.network, self._validation, self._channels, self.crops.normalised)
        for name, value in raw.items():
            state[name].copy_(value)
        self._event("validation", dice=round(dice, 5), images=len(self._validation))

    @torch.no_grad()
    def _update_ema(self) -> None:
        done = self.iteration + 1
        decay = min(self.options.ema, done / (done + 10))
        for name, value in self._network_state().items():
            if not value.is_floating_point():
                continue
            if name not in self.ema:
                self.ema[name] = value.detach().clone()
            self.ema[name].lerp_(value, 1 - decay)

    @torch.no_grad()
    def _apply_ema(self) -> None:
        """End the EMA: from here on the network is its average (EMA must not run into INQ)."""
        state = self._network_state()
        for name, value in self.ema.items():
            state[name].copy_(value)
        self.ema = {}

    @torch.no_grad()
    def _estimate_statistics(self) -> None:
        """Re-estimate BN's running statistics on un-augmented crops, all codes in place."""
        norms = [m for m in self.network.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average
        self.network.train()
        for pixels in self._plain_batches(STATISTICS_BATCHES):
            self.network(pixels)
        self.network.eval()

    # -- state -----------------------------------------------------------------------------------

    def _network_state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    def _float_facts(self) -> dict[str, Any]:
        """Everything the float phase depends on; schemes and the stages' rate are not of it."""
        options = self.options.to_json()
        for name in AFTER_FLOAT:
            del options[name]
        for name, before in BEFORE.items():  # as before there were these options
            if name in options and options[name] == before:
                del options[name]
        images = [image.sha256 for image in self.images]
        iterations = self.phases[0].stop
        facts = {
            "member": self.member,
            "iterations": iterations,
            "options": options,
            "images": images,
        }
        if self.start_sha256 is not None:
            facts["start_sha256"] = self.start_sha256
        return facts

    def _event(self, kind: str, **facts: Any) -> None:
        self.report(
            {
                "event": kind,
                "member": self.member,
                "iteration": self.iteration,
                "iterations": self.phases[-1].stop,
                **facts,
            }
        )

    def _save(self) -> None:
        tensors = {f"network.{name}": value for name, value in self._network_state().items()}
        tensors |= {f"ema.{name}": value for name, value in self.ema.items()}
        tensors |= {f"quantizer.{name}": value for name, value in self.quantizer.state().items()}
        if self.optimizer is not None:
            for index, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
        facts = {
            "iteration": self.iteration,
            "optimizer": self.optimizer is not None,
            "phases": plan_to_json(self.phases),
        }
        write_checkpoint(self.folder / "checkpoint.safetensors", tensors, facts)

    def _resume(self) -> None:
        """Take up the checkpoint of an interrupted run, or the float phase of another one."""
        path = self.folder / "checkpoint.safetensors"
        for torn in self.folder.glob(f".{path.name}.*.tmp"):  # killed while writing
            torn.unlink()
        if path.exists():
            tensors, facts = read_checkpoint(path)
            if facts.get("phases") != plan_to_json(self.phases):
                raise TrainingError(
                    f"The checkpoint {path} is of another schedule than the run, perhaps of "
                    "another version: delete it to train this member anew."
                )
            self._load(tensors, facts)
            self._event("resumed")
            return
        if self.start_from is not None:
            source = self.start_from / "float.safetensors"
            if not source.exists():
                raise TrainingError(f"{source} is missing: that run's float phase is not over yet.")
            tensors, facts = read_checkpoint(source)
            wanted = self._float_facts()
            if "start_sha256" not in facts:  # of a run that did not record it
                wanted.pop("start_sha256", None)
            if facts != wanted:
                raise TrainingError(
                    f"{source} is of other images or options: "
                    "start from a run that differs in its schemes only."
                )
            self.network.load_state_dict(tensors)
            self.iteration = self.phases[0].stop
            self._event("resumed", source=str(self.start_from))

    @torch.no_grad()
    def _load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }

        self.network.load_state_dict(part("network."))
        self.iteration = int(facts["iteration"])
        self.ema = {}
        for name, value in self._network_state().items():
            if f"ema.{name}" in tensors:
                self.ema[name] = torch.empty_like(value).copy_(tensors[f"ema.{name}"])
        self.quantizer.load_state(part("quantizer."))
        if facts["optimizer"]:
            optimizer = new_optimizer(self.network, self.options)
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in part("adam.").items():
                index, _, entry = name.partition(".")
                state.setdefault(int(index), {})[entry] = value
            optimizer.load_state_dict(
                {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
            )
            for parameter, moments in optimizer.state.items():
                for entry, value in moments.items():  # in the memory order they had
                    if value.shape == parameter.shape:
                        moments[entry] = torch.empty_like(parameter).copy_(value)
            self.optimizer = optimizer
