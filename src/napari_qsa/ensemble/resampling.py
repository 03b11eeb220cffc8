"""Maps from the networks' grid back to the image's own, a band of rows at a time.

Only a band of the maps of single members is ever held, so that memory does not grow with the
image beyond the maps that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_CHUNK = 2**23
"""Values in one chunk of rows, all maps together."""


class RowResampler:
    """Linear interpolation between pixel centres, fed from top to bottom.

    Parameters
    ----------
    source, target
        Shapes ``(h, w)`` of the maps that come in and ``(H, W)`` of those that go out. Beyond the
        outermost centres the nearest value holds.
    """

    def __init__(self, source: tuple[int, int], target: tuple[int, int]) -> None:
        self._rows = _taps(source[0], target[0])
        self._columns = _taps(source[1], target[1])
        self._same = source == target
        self._width = target[1]
        self._held: Array | None = None
        self._next_source = 0
        self._next_target = 0

    def push(self, band: Array) -> Iterator[tuple[int, Array]]:
        """Take the next rows of K maps; give what can be computed of the result.

        Parameters
        ----------
        band
            ``(K, n, w) float32``.

        Yields
        ------
        start
            Row of the result the chunk begins at.
        chunk
            ``(K, m, W) float32``.
        """
        if self._same:
            yield self._next_target, band
            self._next_target += band.shape[1]
            return
        first = self._next_source
        self._next_source += band.shape[1]
        if self._held is not None:
            band = np.concatenate([self._held, band], axis=1)
            first -= 1
        self._held = band[:, -1:].copy()
        lower, upper, weight = self._rows
        stop = int(np.searchsorted(upper, self._next_source))
        step = max(1, _CHUNK // (band.shape[0] * self._width))
        for start in range(self._next_target, stop, step):
            part = slice(start, min(start + step, stop))
            rows = _blend(
                band[:, lower[part] - first], band[:, upper[part] - first], weight[part, None]
            )
            yield start, self._across(rows)
        self._next_target = stop

    def _across(self, rows: Array) -> Array:
        lower, upper, weight = self._columns
        return _blend(np.take(rows, lower, axis=2), np.take(rows, upper, axis=2), weight)


def _blend(low: Array, high: Array, weight: Array) -> Array:
    """Interpolate in place of `high`: ``low + weight * (high - low)``."""
    high -= low
    high *= weight
    high += low
    return high


def _taps(size: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Two neighbours and the weight of the second, for every pixel of the target."""
    centres = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    lower = centres.astype(np.intp)
    upper = np.minimum(lower + 1, size - 1)
    return lower, upper, (centres - lower).astype(np.float32)
