"""Rows of cosines in one byte each, for pools whose cosines do not fit into memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.suggestion.pool import Pool
from napari_qsa.suggestion.similarity import unit_vectors

_TOP = 255
_KNEE = 223
_SAMPLE = (256, 4096)
"""Candidates and images whose cosines say how the codes are spread."""
_BLOCK = 256
"""Images at a time: of so many, the steps of all codes still sum up in 16 bits."""


@dataclass(frozen=True)
class Codes:
    """Which cosines the codes 0 to 255 stand for: evenly spread up to a knee, then wider.

    Attributes
    ----------
    low, fine, coarse : float
        Code c stands for ``low + fine * min(c, knee) + coarse * max(c - knee, 0)``, the last one
        for 1.
    knee : int
        Where the steps change; the coarse ones are not smaller.
    """

    low: float
    fine: float
    coarse: float
    knee: int

    @classmethod
    def spread(cls, sample: NDArray[Any]) -> "Codes":
        """Give most codes to where nearly all of a sample of cosines lies."""
        low, high = (float(value) for value in np.quantile(sample, (0, 0.999)))
        fine, coarse = (high - low) / _KNEE, (1 - high) / (_TOP - _KNEE)
        if 0 < fine <= coarse:
            return cls(low, fine, coarse, _KNEE)
        even = max(1 - low, 1e-6) / _TOP
        return cls(low, even, even, _TOP)

    def encode(self, cosines: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the nearest codes; what is below `low` is as `low`."""
        fine = cosines - np.float32(self.low)
        fine *= np.float32(1 / self.fine)
        if self.knee < _TOP:  # concave, so that the lower of the two lines holds
            coarse = fine - np.float32(self.knee)
            coarse *= np.float32(self.fine / self.coarse)
            coarse += np.float32(self.knee)
            np.minimum(fine, coarse, out=fine)
        fine += np.float32(0.5)
        np.clip(fine, 0, _TOP, out=fine)
        return fine.astype(np.uint8)


class CodedRows:
    """Candidates as `napari_qsa.suggestion.coverage.Rows`, one byte for each cosine.

    A cosine is off by half a step, at most 1/510 where nearly all of them lie. Over a pool that
    needs this the roundings cancel, so that F is off by less than what candidates differ by.
    Gains are sums of whole numbers, the same in whatever order they are summed, and all are kept
    up to date: what is taken changes f of ever fewer images, and only those are gone through.

    Parameters
    ----------
    pool
        With S_u.
    images
        Indices of the K candidates.
    covered
        ``(|S_u|,)`` f before the first is taken.
    """

    def __init__(self, pool: Pool, images: NDArray[np.int64], covered: NDArray[Any]) -> None:
        self.codes = Codes.spread(_sample(pool, images))
        self._covered = self.codes.encode(covered)
        self._table = np.empty((len(covered), len(images)), np.uint8)  # an image of S_u a row
        self._steps = np.zeros((2, len(images)), np.int64)  # of the gains: all, and coarse ones
        for part, found in pool.cosines(images, rounded=False):
            for start in range(0, found.shape[1], _BLOCK):
                some = slice(part.start + start, part.start + start + _BLOCK)
                self._table[some] = self.codes.encode(found.T[start : start + _BLOCK])
                self._steps += self._added(self._table[some], self._covered[some, None])

    def __len__(self) -> int:
        """Return the number of candidates."""
        return self._table.shape[1]

    def gain(self, row: int) -> float:
        """Return by how much one more candidate raises F."""
        steps, coarse = self._steps[:, row].tolist()
        return float(self.codes.fine * (steps - coarse) + self.codes.coarse * coarse)

    def take(self, row: int) -> None:
        """Let a candidate cover what it covers."""
        own = self._table[:, row].copy()
        raised = np.flatnonzero(own > self._covered)
        # Apart, as the coarse steps need to be counted for few only
        for some in (raised[own[raised] <= self.codes.knee], raised[own[raised] > self.codes.knee]):
            for start in range(0, len(some), _BLOCK):
                part = some[start : start + _BLOCK]
                table, new, old = self._table[part], own[part, None], self._covered[part, None]
                self._steps -= self._added(np.minimum(table, new), old)
        self._covered[raised] = own[raised]

    def _added(self, table: NDArray[np.uint8], covered: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """Sum over images, for each candidate, the steps by which it is above what covers them."""
        above = np.maximum(table, covered)
        coarse = np.zeros(table.shape[1], np.uint16)
        if self.codes.knee < int(table.max(initial=0)):
            beyond = np.maximum(above, self.codes.knee)
            beyond -= np.maximum(covered, self.codes.knee)
            coarse = beyond.sum(axis=0, dtype=np.uint16)
        above -= covered
        return np.stack([above.sum(axis=0, dtype=np.uint16), coarse])


def _sample(pool: Pool, images: NDArray[np.int64]) -> NDArray[Any]:
    """Return cosines of some of the candidates to some of the pool, both evenly spread."""
    rows, columns = (
        every[:: max(1, len(every) // most)]
        for every, most in zip((images, pool.unannotated), _SAMPLE, strict=True)
    )
    left, right = (unit_vectors(pool.descriptors[each], np.float32) for each in (rows, columns))
    return np.asarray(np.clip(left @ right.T, 0, 1))
