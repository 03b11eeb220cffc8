"""The networks of an ensemble, from and to the states that a file holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.file import Spec, State, without_negative_zeros
from napari_qsa.errors import QsaError
from napari_qsa.networks import build_network
from napari_qsa.quantization import InputQuantizer, freeze, prepare
from napari_qsa.quantization.activations import SIGN

MAX_VALUES = 500_000_000
"""Values of all members together: 2 GB as float32."""


def skeleton(card: EnsembleCard) -> nn.Module:
    """Build the frozen network a card describes, on torch's meta device: shapes but no values.

    Raises
    ------
    ValueError
        If there is no such network, it does not take these options, or it is too large; the
        message is a part of a sentence.
    """
    try:
        with torch.device("meta"):
            network = freeze(
                prepare(build_network(card.network, card.in_channels, **card.network_options))
            )
    except QsaError as error:
        raise ValueError(str(error).rstrip(".")) from error
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError("its card does not describe a network that can be built") from error
    values = sum(value.numel() for value in network.state_dict().values())
    if values * card.members > MAX_VALUES:
        raise ValueError(f"its networks would have {values * card.members} weights")
    if network.stride != card.stride:
        raise ValueError(f"its card says stride {card.stride}, its network {network.stride}")
    return network


def specs(network: nn.Module) -> dict[str, Spec]:
    """Shape and dtype of every entry of a network's state dict."""
    return {
        key: Spec(tuple(value.shape), _numpy_dtype(value.dtype))
        for key, value in network.state_dict().items()
    }


def member(card: EnsembleCard, state: State) -> nn.Module:
    """Build one member and give it its weights; evaluation mode, no gradients, on the CPU.

    Raises
    ------
    ValueError
        If the state does not fit the network, or an activation's range is impossible.
    """
    network = skeleton(card)
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ValueError("its weights do not fit its network") from error
    for name, module in network.named_modules():
        if isinstance(module, InputQuantizer) and not _is_possible(module):
            raise ValueError(f"the activation range of {name} is impossible")
    return network.eval().requires_grad_(False)


def states_of(networks: Sequence[nn.Module]) -> list[dict[str, NDArray[Any]]]:
    """Copy the states of frozen networks into arrays, on whatever device they are."""
    return [
        without_negative_zeros(
            {key: value.detach().cpu().numpy() for key, value in network.state_dict().items()}
        )
        for network in networks
    ]


def settle(networks: Iterable[nn.Module]) -> list[nn.Module]:
    """Put networks at rest: evaluation mode, no gradients, -0.0 made 0.0 as the file does."""
    settled = [network.eval().requires_grad_(False) for network in networks]
    with torch.no_grad():
        for network in settled:
            for value in network.state_dict().values():
                if value.is_floating_point():
                    value.add_(0.0)
    return settled


def _is_possible(quantizer: InputQuantizer) -> bool:
    scale = float(quantizer.scale)
    lowest, highest = float(quantizer.lowest), float(quantizer.highest)
    if (lowest, highest) == SIGN:
        return scale > 0
    codes_fit = -(2**24) <= lowest <= 0 <= highest <= 2**24
    whole = lowest.is_integer() and highest.is_integer()
    return scale > 0 and codes_fit and whole


def _numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    return torch.empty(0, dtype=dtype).numpy().dtype
