"""Start training from a finished ensemble instead of from ImageNet or at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import TrainingError
from napari_qsa.quantization import ChannelAffine, convolutions

if TYPE_CHECKING:
    from napari_qsa.ensemble.card import EnsembleCard
    from napari_qsa.ensemble.training.samples import TrainingImage


def check_start(
    card: EnsembleCard, options: TrainingOptions, images: Sequence[TrainingImage]
) -> None:
    """Refuse an ensemble that does not fit, or that has seen what a fold is to hold out.

    Raises
    ------
    TrainingError
        If the network differs, or an image that a member is to be validated on was among the
        images its start was trained on.
    """
    wanted = {name: v for name, v in options.network_options.items() if name != "pretrained"}
    have = {name: v for name, v in card.network_options.items() if name != "pretrained"}
    if (card.network, have) != (options.network, wanted):
        raise TrainingError(
            f"The start is a {card.network} with options {have}, the run a {options.network} with "
            f"{wanted}: ask for the same network, or train without a start."
        )
    if not options.folds:
        return
    folds_before: dict[str, set[int | None]] = {}  # copies of one image may lie in several folds
    for record in card.training:
        folds_before.setdefault(record.sha256, set()).add(record.fold)
    for image in images:
        if image.sha256 not in folds_before or (
            options.fold is not None and image.fold != options.fold
        ):
            continue
        same = (
            options.fold is None
            and card.folds == options.folds == card.members
            and folds_before[image.sha256] == {image.fold}
        )
        if not same:
            raise TrainingError(
                f"The start was trained on {image.name}, which a fold of this run holds out, so "
                "the validation would flatter: start from an ensemble of the same folds and seed, "
                "or from none."
            )


@torch.no_grad()
def take_over(network: nn.Module, source: nn.Module, batches: Iterable[Tensor]) -> None:
    """Make a network in training what a frozen one is.

    Weights and biases are copied. Of a frozen BN only scale and shift are left; with the mean m
    and the variance v of what enters it, measured on training crops, gamma = scale sqrt(v + eps)
    and beta = shift + scale m give a BN that does the same and can be trained on.

    Parameters
    ----------
    network : nn.Module
        Prepared, with BN; its input quantizers stay off.
    source : nn.Module
        Frozen, of the same architecture, on the same device.
    batches : iterable of Tensor, each (N, C, H, W) float32
        Normalised training crops.
    """
    before = dict(convolutions(source))
    for name, layer in convolutions(network):
        layer.weight.copy_(before[name].weight)
        bias = before[name].bias
        if layer.bias is not None and bias is not None:
            layer.bias.copy_(bias)
    affines = {n: m for n, m in source.named_modules() if isinstance(m, ChannelAffine)}
    moments: dict[str, list[Tensor]] = {name: [] for name in affines}

    def record(name: str) -> object:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            values = arguments[0].double()
            axes = (0, 2, 3)
            moments[name].append(torch.stack([values.mean(axes), values.square().mean(axes)]))

        return affines[name].register_forward_pre_hook(hook)

    hooks = [record(name) for name in affines]
    for batch in batches:
        source(batch)
    for hook in hooks:
        hook.remove()  # type: ignore[attr-defined]
    for name, norm in network.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            mean, square = torch.stack(moments[name]).mean(dim=0)
            variance = (square - mean.square()).clamp_min(0.0)
            scale = affines[name].scale.double()
            cast(Tensor, norm.running_mean).copy_(mean)
            cast(Tensor, norm.running_var).copy_(variance)
            norm.weight.copy_(scale * torch.sqrt(variance + norm.eps))
            norm.bias.copy_(affines[name].shift.double() + scale * mean)
