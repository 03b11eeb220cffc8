"""Which layers have schemes of their own, and one object that quantizes them all."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from napari_qsa.errors import QsaError
from napari_qsa.quantization.activations import ActivationScheme
from napari_qsa.quantization.incremental import IncrementalQuantizer
from napari_qsa.quantization.modules import convolutions
from napari_qsa.quantization.registry import activation_scheme, weight_scheme
from napari_qsa.quantization.straight_through import StraightThroughQuantizer
from napari_qsa.quantization.weights import StraightThroughScheme, WeightScheme

Exceptions = Mapping[str, tuple[WeightScheme, ActivationScheme | None]]
"""For the name of a layer its schemes; None leaves its activations those of all the others."""


class WeightQuantizer(Protocol):
    """Takes the weights of a network to their levels, stage by stage."""

    def advance(self, portion: float) -> None:
        """Enter the stage with this portion."""
        ...

    def restore(self) -> None:
        """Undo what an optimizer step did to weights that stand still."""
        ...

    @property
    def counts(self) -> tuple[int, int]:
        """Weights that stand still, and all."""
        ...

    @property
    def portion(self) -> float:
        """Share of the weights that stand still."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Tensors that, with the weights, restore this object."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state` gave."""
        ...


class _Together:
    """Several quantizers, each with layers of its own, as one."""

    def __init__(self, parts: Sequence[WeightQuantizer]) -> None:
        self._parts = parts

    def advance(self, portion: float) -> None:
        for part in self._parts:
            part.advance(portion)

    def restore(self) -> None:
        for part in self._parts:
            part.restore()

    @property
    def counts(self) -> tuple[int, int]:
        counts = [part.counts for part in self._parts]
        return sum(still for still, _ in counts), sum(every for _, every in counts)

    @property
    def portion(self) -> float:
        still, every = self.counts
        return still / max(every, 1)

    def state(self) -> dict[str, Tensor]:
        return {name: value for part in self._parts for name, value in part.state().items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        for part in self._parts:
            part.load_state(state)


def quantizer_of(
    network: nn.Module, scheme: WeightScheme, exceptions: Exceptions | None = None
) -> WeightQuantizer:
    """Make what quantizes the weights of a prepared network.

    Parameters
    ----------
    network : nn.Module
        Prepared by :func:`~.modules.prepare`.
    scheme : WeightScheme
        Of all layers without a scheme of their own.
    exceptions : mapping, optional
        As :func:`exceptions_of` gives them.
    """
    own = {name: pair[0] for name, pair in (exceptions or {}).items()}
    groups: dict[str, tuple[WeightScheme, list[str]]] = {}
    for name, _ in convolutions(network):
        of_layer = own.get(name, scheme)
        groups.setdefault(of_layer.name, (of_layer, []))[1].append(name)
    parts: list[WeightQuantizer] = [
        StraightThroughQuantizer(network, of_group, names)
        if isinstance(of_group, StraightThroughScheme)
        else IncrementalQuantizer(network, of_group, names)
        for of_group, names in groups.values()
    ]
    return parts[0] if len(parts) == 1 else _Together(parts)


def with_names(network: nn.Module, chosen: Mapping[str, str]) -> dict[str, str]:
    """Put names in the place of ``first`` and ``last``: what sees the image, what gives the maps.

    A network whose order of definition is another one, or where several layers give the maps, has
    patterns of their names: ``first_layers``, ``last_layers``.

    Parameters
    ----------
    network : nn.Module
        Prepared.
    chosen : mapping of str to str
        As :func:`exceptions_of` takes it; all else stays.
    """
    names = [name for name, _ in convolutions(network)]
    found: dict[str, str] = {}
    for which, schemes in chosen.items():
        meant = [which]
        if which in ("first", "last"):
            of_order = [names[0 if which == "first" else -1]]
            patterns = getattr(network, f"{which}_layers", of_order)
            meant = [name for pattern in patterns for name in fnmatch.filter(names, pattern)]
        for name in meant:
            found.pop(name, None)  # what comes later wins
            found[name] = schemes
    return found


def exceptions_of(network: nn.Module, chosen: Mapping[str, str]) -> Exceptions:
    """Find the layers that have schemes of their own.

    Parameters
    ----------
    network : nn.Module
        Prepared.
    chosen : mapping of str to str
        Which layers: ``depthwise``, ``paper`` (what the network's ``kept_in_float`` names), or a
        pattern of names such as ``encoder.*``; ``first`` and ``last`` in order of definition, as
        runs have it that recorded no names (:func:`with_names`). Which
        schemes: of the weights, as ``float``, or of weights and activations, as ``float/float``.
        What comes later wins.

    Raises
    ------
    QsaError
        If there is no such layer or scheme.
    """
    layers = dict(convolutions(network))
    names = list(layers)
    found: dict[str, tuple[WeightScheme, ActivationScheme | None]] = {}
    for which, schemes in chosen.items():
        if which in ("first", "last"):
            meant = [names[0 if which == "first" else -1]]
        elif which == "depthwise":
            meant = [n for n, x in layers.items() if x.groups == x.in_channels > 1]
        else:
            patterns = getattr(network, "kept_in_float", ()) if which == "paper" else (which,)
            meant = [name for pattern in patterns for name in fnmatch.filter(names, pattern)]
        if not meant:
            raise QsaError(
                f"The network has no layer {which!r}; name first, last, depthwise or one of "
                f"{', '.join(names[:4])} and so on."
            )
        weights, _, activations = schemes.partition("/")
        pair = weight_scheme(weights), activation_scheme(activations) if activations else None
        found |= dict.fromkeys(meant, pair)
    return found
