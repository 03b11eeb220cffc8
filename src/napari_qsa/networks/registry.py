"""Networks by name, so that an ensemble file can say which one it holds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from torch import nn

from napari_qsa.errors import QsaError
from napari_qsa.networks.dcan import DCAN
from napari_qsa.networks.efficient_fcn import EfficientFCN
from napari_qsa.networks.multichannel import Multichannel
from napari_qsa.networks.suggestive_fcn import SuggestiveFCN
from napari_qsa.networks.unet import UNet
from napari_qsa.networks.unet_fixed_point import UNetFixedPoint

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "efficient_fcn": EfficientFCN,
    "unet": UNet,
    "suggestive_fcn": SuggestiveFCN,
    "unet_fixed_point": UNetFixedPoint,
    "dcan": DCAN,
    "multichannel": Multichannel,
}


def build_network(name: str, in_channels: int = 3, **options: Any) -> nn.Module:
    """Build a network in training mode.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    in_channels : int
        Channels of the image.
    **options
        The network's own options, such as ``width``.

    Returns
    -------
    torch.nn.Module
        Maps normalised ``(N, C, H, W)`` float32 to :class:`~napari_qsa.networks.output.Output`;
        H and W must be multiples of its ``stride``.

    Raises
    ------
    QsaError
        If the name or an option is unknown, or a number of channels is impossible.
    """
    if name not in NETWORKS:
        raise QsaError(f"There is no network {name!r}; choose one of {', '.join(NETWORKS)}.")
    if in_channels < 1:
        raise QsaError(f"A network needs images of at least 1 channel, not {in_channels}.")
    _check_options(name, options)
    try:
        return NETWORKS[name](in_channels=in_channels, **options)
    except (TypeError, ValueError) as error:
        raise QsaError(f"The network {name!r} does not take these options: {error}.") from error


def options_of(name: str) -> dict[str, Any]:
    """Give the options of a network by name, each with its default."""
    parameters = inspect.signature(NETWORKS[name]).parameters.values()
    return {each.name: each.default for each in parameters if each.name != "in_channels"}


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = options_of(name)
    wrong = [
        f"{option}={value}"
        for option, value in options.items()
        if option not in known or type(value) is not type(known[option])
    ]
    if wrong:
        takes = " and ".join(f"{each} (as {json.dumps(known[each])})" for each in known)
        raise QsaError(
            f"The network {name!r} does not take these options: {', '.join(wrong)}; it takes "
            f"{takes}."
        )
