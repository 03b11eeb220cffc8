"""Training with latent weights: levels forward, the gradient straight through, codes at the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_qsa.quantization.gradient import through
from napari_qsa.quantization.modules import QuantizedConv2d, convolutions, refuse_diverged
from napari_qsa.quantization.weights import StraightThroughScheme


@dataclass
class LatentWeight:
    """Quantizes one layer's weight in the forward pass."""

    scheme: StraightThroughScheme
    codebook: Tensor

    def __call__(self, weight: Tensor) -> Tensor:
        """Give the levels of a latent weight, same shape, with a gradient."""
        if self.scheme.refits:
            self.codebook = self.scheme.codebook(weight)
        latent = weight.detach()
        levels = self.scheme.quantize(latent, self.codebook)
        # Levels are finite whatever they are of: else a run that diverged would go on unseen.
        levels = torch.where(latent.isfinite(), levels, torch.nan)
        return through(self.scheme.surrogate(weight, self.codebook), levels)


class StraightThroughQuantizer:
    """Quantizes layers while their float weights are trained, and at last puts the codes in place.

    As long as the portion is below 1 the layers hold latent float weights and compute with the
    levels of these. With the portion 1 the levels take their place, and stand still.

    Parameters
    ----------
    network : nn.Module
        Prepared by :func:`~.modules.prepare`.
    scheme : StraightThroughScheme
        For all these layers.
    names : collection of str, optional
        Of the convolutions; all if None.
    """

    def __init__(
        self,
        network: nn.Module,
        scheme: StraightThroughScheme,
        names: Collection[str] | None = None,
    ) -> None:
        self.scheme = scheme
        self._layers: dict[str, QuantizedConv2d] = {
            name: layer for name, layer in convolutions(network) if names is None or name in names
        }
        self.codebooks: dict[str, Tensor] = {}
        self._values: dict[str, Tensor] = {}

    @torch.no_grad()
    def advance(self, portion: float) -> None:
        """Go on to a stage: quantize in the forward pass, or from 1 on for good.

        Raises
        ------
        TrainingError
            If a weight is not finite.
        """
        for name, layer in self._layers.items():
            if name in self._values:
                continue
            refuse_diverged(name, layer.weight)
            if name not in self.codebooks:
                self.codebooks[name] = self.scheme.codebook(layer.weight)
            if portion < 1:
                layer.weight_quantizer = LatentWeight(self.scheme, self.codebooks[name])
                continue
            if self.scheme.refits:
                self.codebooks[name] = self.scheme.codebook(layer.weight)
            layer.weight.copy_(self.scheme.quantize(layer.weight, self.codebooks[name]))
            self._hold(name)

    def _hold(self, name: str) -> None:
        layer = self._layers[name]
        layer.weight_quantizer = None
        self._values[name] = layer.weight.detach().clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what an optimizer step did to weights that stand still: call after every step."""
        for name, values in self._values.items():
            self._layers[name].weight.copy_(values)

    @property
    def counts(self) -> tuple[int, int]:
        """Weights that stand still, and all of these layers."""
        every = {name: layer.weight.numel() for name, layer in self._layers.items()}
        return sum(every[name] for name in self._values), sum(every.values())

    @property
    def portion(self) -> float:
        """Share of the weights that stand still: 0 or 1."""
        still, every = self.counts
        return still / max(every, 1)

    def state(self) -> dict[str, Tensor]:
        """Tensors that, with the weights, restore this object: codebooks, and what stands still."""
        flags = {
            f"still.{name}": torch.tensor(name in self._values, dtype=torch.uint8)
            for name in self._layers
        }
        return flags | {f"codebook.{name}": levels for name, levels in self.codebooks.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state` gave; the network's weights are already loaded."""
        for name, layer in self._layers.items():
            levels = state.get(f"codebook.{name}")
            if levels is None:
                continue
            self.codebooks[name] = levels.clone()
            if bool(state[f"still.{name}"]):
                self._hold(name)
            else:
                layer.weight_quantizer = LatentWeight(self.scheme, self.codebooks[name])
