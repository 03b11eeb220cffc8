"""Putting quantizers into a network, and freezing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn

from napari_qsa.quantization.activations import (
    SAMPLES_PER_LAYER,
    ActivationScheme,
    InputQuantizer,
)


class QuantizedConv2d(nn.Conv2d):
    """A convolution whose input passes a quantizer; its weight holds the levels themselves."""

    input_quantizer: InputQuantizer

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the quantized input."""
        return super().forward(self.input_quantizer(input))


class ChannelAffine(nn.Module):
    """Batch normalisation at rest: ``y = scale * x + shift`` for each channel.

    The scale holds BN's gamma, so that the weight codes before it stay what they are.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("shift", torch.zeros(channels))

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> ChannelAffine:
        """Take over the running statistics and the affine parameters of a BN."""
        affine = cls(norm.num_features).to(norm.weight.device)
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        with torch.no_grad():
            scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
            affine.scale.copy_(scale)
            affine.shift.copy_(norm.bias.double() - mean.double() * scale)
        return affine

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return features * self.scale[:, None, None] + self.shift[:, None, None]


def convolutions(network: nn.Module) -> Iterator[tuple[str, QuantizedConv2d]]:
    """Yield the name and module of every prepared convolution, in order of definition."""
    for name, module in network.named_modules():
        if isinstance(module, QuantizedConv2d):
            yield name, module


def prepare(network: nn.Module) -> nn.Module:
    """Give every convolution of a network an input quantizer, in place; parameters keep names."""
    for module in list(network.modules()):
        if type(module) is nn.Conv2d:
            module.__class__ = QuantizedConv2d
            cast(QuantizedConv2d, module).input_quantizer = InputQuantizer()
    return network


def freeze(network: nn.Module) -> nn.Module:
    """Replace every BN by its :class:`ChannelAffine`, in place; for evaluation only."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, ChannelAffine.of(child))
    return network.eval().requires_grad_(False)


@torch.no_grad()
def calibrate_activations(
    network: nn.Module, scheme: ActivationScheme, batches: Iterable[Tensor]
) -> None:
    """Fit the input quantizer of every convolution on training crops, then switch them on.

    All layers are recorded in float, in evaluation mode, before any is switched on.

    Parameters
    ----------
    network : nn.Module
        Prepared; left in the mode it came in.
    scheme : ActivationScheme
        A float scheme leaves the network as it is.
    batches : iterable of Tensor, each (N, C, H, W) float32
        Normalised training crops.
    """
    if not scheme.quantizes:
        return
    training = network.training
    network.eval()
    layers = list(convolutions(network))
    for _, layer in layers:
        layer.input_quantizer.recorded = []
    for batch in batches:
        network(batch)
    for _, layer in layers:
        values = torch.cat(layer.input_quantizer.recorded or [torch.zeros(1)])
        layer.input_quantizer.recorded = None
        layer.input_quantizer.set(*scheme.calibrate(values[: 8 * SAMPLES_PER_LAYER]))
    network.train(training)
