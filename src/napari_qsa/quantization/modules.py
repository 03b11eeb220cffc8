"""Putting quantizers into a network, and freezing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn

from napari_qsa.errors import TrainingError
from napari_qsa.quantization.activations import (
    SAMPLES_PER_LAYER,
    ActivationScheme,
    InputQuantizer,
)

LARGEST = 2.0**100
"""Of weights and activations: beyond it levels and steps are close to the end of float32."""


class QuantizedConv2d(nn.Conv2d):
    """A convolution whose input passes a quantizer.

    Its weight holds the levels themselves; only while it is trained through a quantizer,
    ``weight_quantizer``, it holds latent weights.
    """

    input_quantizer: InputQuantizer
    weight_quantizer: Callable[[Tensor], Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the quantized input."""
        through = self.weight_quantizer
        weight = self.weight if through is None else through(self.weight)
        convolved: Tensor = self._conv_forward(self.input_quantizer(input), weight, self.bias)
        return convolved


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
        if norm.weight.is_meta:
            return affine
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


def refuse_diverged(name: str, values: Tensor) -> None:
    """Refuse weights or inputs of a layer that are not finite, or beyond `LARGEST`.

    Quantized they would be finite again, and nobody would see it.

    Raises
    ------
    TrainingError
        If there are any.
    """
    if values.numel() and not float(values.detach().abs().max()) <= LARGEST:  # as NaN is not
        raise TrainingError(
            f"The numbers in layer {name} grew beyond all bounds: start a new run with a lower "
            "learning rate."
        )


def prepare(network: nn.Module) -> nn.Module:
    """Give every convolution of a network an input quantizer, in place; parameters keep names."""
    for module in list(network.modules()):
        if type(module) is nn.Conv2d:
            module.__class__ = QuantizedConv2d
            cast(QuantizedConv2d, module).input_quantizer = InputQuantizer()
    return network


def freeze(network: nn.Module) -> nn.Module:
    """Replace every BN by its :class:`ChannelAffine`, in place; for evaluation only."""
    for _, layer in convolutions(network):
        if layer.weight_quantizer is not None:  # no stage put the codes in place
            with torch.no_grad():
                layer.weight.copy_(layer.weight_quantizer(layer.weight))
            layer.weight_quantizer = None
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, ChannelAffine.of(child))
    return network.eval().requires_grad_(False)


@torch.no_grad()
def calibrate_activations(
    network: nn.Module,
    scheme: ActivationScheme,
    batches: Iterable[Tensor],
    exceptions: Mapping[str, ActivationScheme] = MappingProxyType({}),
) -> None:
    """Fit the input quantizer of every convolution on training crops, then switch them on.

    All layers are recorded in float, in evaluation mode, before any is switched on. A convolution
    whose input is the image itself has the scheme's ``image`` scheme.

    Parameters
    ----------
    network : nn.Module
        Prepared; left in the mode it came in.
    scheme : ActivationScheme
        A float scheme leaves the network as it is.
    batches : iterable of Tensor, each (N, C, H, W) float32
        Normalised training crops.
    exceptions : mapping of str to ActivationScheme, optional
        Schemes of single layers, by their names.

    Raises
    ------
    TrainingError
        If an input is not finite.
    """
    layers = dict(convolutions(network))
    schemes = {name: exceptions.get(name, scheme) for name in layers}
    if not any(of_layer.quantizes for of_layer in schemes.values()):
        return
    training = network.training
    network.eval()
    for layer in layers.values():
        layer.input_quantizer.recorded = []
    of_image: set[str] = set()
    for batch in batches:
        of_image |= _called_on(network, batch)
    for name, layer in layers.items():
        values = torch.cat(layer.input_quantizer.recorded or [torch.zeros(1)])
        layer.input_quantizer.recorded = None
        refuse_diverged(name, values)
        of_layer = schemes[name].image if name in of_image else schemes[name]
        layer.input_quantizer.set(*of_layer.calibrate(values[: 8 * SAMPLES_PER_LAYER]))
    network.train(training)


def _called_on(network: nn.Module, image: Tensor) -> set[str]:
    """Run a network, and name the first convolution and all others that see the image itself."""
    names: set[str] = set()

    def look(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if not names or inputs[0].data_ptr() == image.data_ptr():
                names.add(name)

        return hook

    hooks = [layer.register_forward_pre_hook(look(name)) for name, layer in convolutions(network)]
    network(image)
    for hook in hooks:
        hook.remove()
    return names


def anneal_activations(
    network: nn.Module,
    scheme: ActivationScheme,
    done: float,
    exceptions: Mapping[str, ActivationScheme] = MappingProxyType({}),
) -> None:
    """Set how soft quantizers are in training, after a share of it, 0 to 1."""
    for name, layer in convolutions(network):
        layer.input_quantizer.beta = exceptions.get(name, scheme).beta(done)
