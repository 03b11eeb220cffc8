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
_BLOCK = 512


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
        low, high = (float(value) for value in np.quantile(sample, (0.001, 0.999)))
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
    Gains are sums of whole numbers, the same in whatever order they are summed.

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
        self._rows = np.empty((len(images), len(covered)), np.uint8)
        for part, found in pool.cosines(images, _BLOCK, rounded=False):
            self._rows[:, part] = self.codes.encode(found)
        self._buffer = np.empty_like(self._covered)
        self._before = self._steps(self._covered)

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._rows)

    def gain(self, row: int) -> float:
        """Return by how much one more candidate raises F."""
        np.maximum(self._rows[row], self._covered, out=self._buffer)
        total, above = self._steps(self._buffer)
        total, above = total - self._before[0], above - self._before[1]
        return self.codes.fine * (total - above) + self.codes.coarse * above

    def take(self, row: int) -> None:
        """Let a candidate cover what it covers."""
        np.maximum(self._covered, self._rows[row], out=self._covered)
        self._before = self._steps(self._covered)

    def _steps(self, codes: NDArray[np.uint8]) -> tuple[int, int]:
        """Sum the steps of all codes, and those of them that are beyond the knee."""
        total = _sum(codes)
        if self.codes.knee == _TOP:
            return total, 0
        np.maximum(codes, self.codes.knee, out=self._buffer)
        return total, _sum(self._buffer) - self.codes.knee * len(codes)


def _sum(codes: NDArray[np.uint8]) -> int:
    """Sum whole numbers; by parts of 32 bits each, which is faster than in 64."""
    most = 2**24
    return sum(
        int(codes[start : start + most].sum(dtype=np.uint32))
        for start in range(0, len(codes), most)
    )


def _sample(pool: Pool, images: NDArray[np.int64]) -> NDArray[Any]:
    """Return cosines of some of the candidates to some of the pool, both evenly spread."""
    rows, columns = (
        every[:: max(1, len(every) // most)]
        for every, most in zip((images, pool.unannotated), _SAMPLE, strict=True)
    )
    left, right = (unit_vectors(pool.descriptors[each], np.float32) for each in (rows, columns))
    return np.asarray(np.clip(left @ right.T, 0, 1))
