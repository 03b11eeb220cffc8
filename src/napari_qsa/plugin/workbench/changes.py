"""Tell when the pixels of a layer were changed, whoever changed them."""

import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Labels
from numpy.typing import NDArray

from napari_qsa.session.lane import Lane

TELL_AGAIN = 0.5
"""Seconds between two calls while a stroke goes on."""

EMPTIED = (0, 0)
"""Where a history is that was dropped, as napari does with a layer that is locked."""


class Changes:
    """Follows one layer of labels and calls `changed`.

    A stroke and a tool emit ``paint``, undo emits ``set_data``, and so does each redrawing: the
    first two move the layer's history. A script that writes ``layer.data[...]`` and refreshes
    moves nothing: then a sum of the pixels is compared, in the lane.

    Parameters
    ----------
    layer
        Over a whole, contiguous array.
    lane
        Where sums are computed.
    changed
        Called in the owner's thread.
    """

    def __init__(self, layer: Labels, lane: Lane, changed: Callable[[], object]) -> None:
        self._layer, self._lane, self._changed = layer, lane, changed
        self._position = _position(layer)
        self._told = 0.0
        self._turn = 0
        self._sum: int | None = None
        self._links = (
            (layer.events.paint, self._tell),
            (layer.events.labels_update, self._painting),
            (layer.events.set_data, self._redrawn),
        )
        for emitter, callback in self._links:
            emitter.connect(callback)
        self.settle()

    def close(self) -> None:
        """Follow the layer no longer."""
        for emitter, callback in self._links:
            emitter.disconnect(callback)
        self._turn += 1

    def settle(self) -> None:
        """Take the pixels as they are now for what everybody knows of."""
        self._look(compare=False)

    def _tell(self, _: Any = None) -> None:
        self._turn += 1
        self._sum = None
        self._told = time.monotonic()
        self._position = _position(self._layer)
        self._changed()

    def _painting(self, _: Any) -> None:
        if time.monotonic() - self._told > TELL_AGAIN:
            self._tell()

    def _redrawn(self, _: Any) -> None:
        now, before = _position(self._layer), self._position
        if now != before and now != EMPTIED:
            self._tell()
            return
        self._position = now
        if self._sum is not None:
            self._look(compare=True)

    def _look(self, compare: bool) -> None:
        seen = partial(self._seen, self._turn, compare)
        self._lane.do(partial(_sum, self._layer.data), seen)

    def _seen(self, turn: int, compare: bool, found: int) -> None:
        if turn != self._turn:
            return
        if compare and found != self._sum:
            self._tell()
        else:
            self._sum = found


def _sum(pixels: NDArray[Any]) -> int:
    return zlib.crc32(pixels.data)


def _position(layer: Labels) -> tuple[int, int]:
    """Tell where in its history a layer is; napari has no public name for it."""
    done, undone = (getattr(layer, name, ()) for name in ("_undo_history", "_redo_history"))
    return len(done), len(undone)
