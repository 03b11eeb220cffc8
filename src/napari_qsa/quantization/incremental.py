"""The incremental algorithm: quantize a portion, hold it still, retrain the rest.

Zhou et al., ICLR 2017, algorithm 1. Works with any :class:`~.weights.WeightScheme` whose
``portions`` say how the weights are taken, largest magnitudes first.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from napari_qsa.quantization.modules import convolutions, refuse_diverged
from napari_qsa.quantization.weights import WeightScheme


class IncrementalQuantizer:
    """Holds which weights of a network are quantized, and keeps those bit-identical.

    The codebook of a layer is fitted once, when its first portion is quantized: the largest
    weights set it, and they are frozen from then on, so a later fit could only mix two codebooks
    in one layer. Free weights that grow past it are clamped by the scheme.

    Parameters
    ----------
    network : nn.Module
        Prepared by :func:`~.modules.prepare`; every convolution is quantized, first and last too.
    scheme : WeightScheme
        A float scheme freezes nothing, which makes the same schedule its own control.
    names : collection of str, optional
        Of the convolutions; all if None.
    """

    def __init__(
        self, network: nn.Module, scheme: WeightScheme, names: Collection[str] | None = None
    ) -> None:
        self.scheme = scheme
        self.weights: dict[str, Tensor] = {
            name: layer.weight
            for name, layer in convolutions(network)
            if names is None or name in names
        }
        self.frozen: dict[str, Tensor] = {
            name: torch.zeros(weight.shape, dtype=torch.bool, device=weight.device)
            for name, weight in self.weights.items()
        }
        self.codebooks: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}

    @torch.no_grad()
    def advance(self, portion: float) -> None:
        """Quantize and freeze weights until ``portion`` of each layer is frozen.

        The free weights of largest magnitude come next (ties by position); what is frozen stays.

        Raises
        ------
        TrainingError
            If a weight is not finite.
        """
        if not self.scheme.quantizes:
            return
        for name, weight in self.weights.items():
            refuse_diverged(name, weight)
            if name not in self.codebooks:
                self.codebooks[name] = self.scheme.codebook(weight)
            frozen = self.frozen[name].view(-1)
            wanted = round(portion * frozen.numel()) - int(frozen.sum())
            if wanted > 0:
                magnitude = weight.detach().abs().flatten().masked_fill(frozen, -1.0)
                order = torch.argsort(magnitude, descending=True, stable=True)
                frozen[order[:wanted]] = True
            levels = self.scheme.quantize(weight.detach(), self.codebooks[name])
            weight.copy_(torch.where(self.frozen[name], levels, weight))
            self._values[name] = weight.detach().clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Undo whatever an optimizer step did to frozen weights: call after every step.

        Masking gradients is not enough, since momentum, weight decay and Adam's moments move a
        weight whose gradient is zero.
        """
        for name, values in self._values.items():
            self.weights[name].copy_(torch.where(self.frozen[name], values, self.weights[name]))

    @property
    def counts(self) -> tuple[int, int]:
        """Weights that are frozen, and all of these layers."""
        masks = self.frozen.values()
        return sum(int(mask.sum()) for mask in masks), sum(mask.numel() for mask in masks)

    @property
    def portion(self) -> float:
        """Share of all weights that is frozen, 0 to 1."""
        frozen, total = self.counts
        return frozen / max(total, 1)

    def state(self) -> dict[str, Tensor]:
        """Tensors that, with the weights, restore this object: masks (uint8) and codebooks."""
        masks = {f"frozen.{name}": mask.to(torch.uint8) for name, mask in self.frozen.items()}
        return masks | {f"codebook.{name}": levels for name, levels in self.codebooks.items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state` gave; the network's weights are already loaded."""
        for name, weight in self.weights.items():
            self.frozen[name].copy_(state[f"frozen.{name}"].bool())
            levels = state.get(f"codebook.{name}")
            if levels is not None:
                self.codebooks[name] = levels.clone()
                self._values[name] = weight.detach().clone()
