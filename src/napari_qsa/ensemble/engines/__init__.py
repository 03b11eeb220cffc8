"""Inference engines, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_qsa.ensemble.engines.protocol import Engine, OutOfMemory, TileOutput
from napari_qsa.errors import EngineError

if TYPE_CHECKING:
    from torch import nn

ENGINES = ("auto", "torch")


def create_engine(
    networks: Sequence[nn.Module], engine: str = "auto", device: str = "auto"
) -> Engine:
    """Make an engine for the members of an ensemble.

    Parameters
    ----------
    networks
        One per member, frozen.
    engine
        One of `ENGINES`; ``auto`` takes the fastest one that is installed.
    device
        ``auto``, or what the engine calls its devices: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    EngineError
        If the engine or the device does not exist here.
    """
    if engine not in ENGINES:
        raise EngineError(f"There is no engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    from napari_qsa.ensemble.engines.torch_engine import TorchEngine

    return TorchEngine(networks, device)


__all__ = ["ENGINES", "Engine", "OutOfMemory", "TileOutput", "create_engine"]
