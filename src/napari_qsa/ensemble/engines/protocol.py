"""What every inference engine offers; nothing else in the project knows which one runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import EngineError

Array = NDArray[np.float32]


class OutOfMemory(EngineError):
    """A tile does not fit into the device's memory: try a smaller one."""


class TileOutput(NamedTuple):
    """What M members say about one tile of (h, w) pixels.

    Attributes
    ----------
    probability, separator
        ``(M, h, w) float32`` in 0 to 1.
    features
        ``(M, D, h / s, w / s) float32``, the last encoder features, whose spatial mean is the
        descriptor; ``(M, D, 1, 1)``, that mean, where an engine has no access to them.
    """

    probability: Array
    separator: Array
    features: Array


class Engine(Protocol):
    """Runs the members of an ensemble on one tile."""

    @property
    def name(self) -> str:
        """Such as ``torch``."""
        ...

    @property
    def device(self) -> str:
        """Such as ``cpu`` or ``cuda:0``."""
        ...

    def run(self, tile: Array, members: Sequence[int]) -> TileOutput:
        """Run some members on a normalised ``(C, h, w) float32`` tile, multiples of the stride.

        Raises
        ------
        OutOfMemory
            If the tile is too large.
        EngineError
            If the engine or its device failed.
        """
        ...
