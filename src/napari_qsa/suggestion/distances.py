"""Squared distances from all points to one or a few, at the cost of reading the points once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
_CENTRES = 1024
_EXACT_NUMBERS = 2**24


class Points:
    """Points of a space.

    Parameters
    ----------
    values
        ``(n, D)`` finite floating numbers; not copied if there are more than 2**24, and worked
        with in their own dtype then, else in float64.
    """

    def __init__(self, values: NDArray[Any]) -> None:
        exact = values.size <= _EXACT_NUMBERS
        self._values = values.astype(np.float64) if exact else values
        self._noise = 1e-13 if self._values.dtype == np.float64 else 1e-6
        blocks = [self._values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]
        largest = max((float(np.abs(block).max(initial=0)) for block in blocks), default=0.0)
        most = np.finfo(self._values.dtype).maxexp - 2
        exponent = -np.clip(np.frexp(largest)[1], -most, most)  # a power of two rounds nothing
        self._scale = self._values.dtype.type(np.ldexp(1.0, exponent))
        squares = [np.einsum("ij,ij->i", each, each) for each in map(self._scaled, blocks)]
        self.norms = np.concatenate([*squares, np.zeros(0)]).astype(np.float64)
        """``(n,)`` squared lengths, points scaled by a power of two to coordinates of about 1."""

    def nearest(self, centres: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ``(n,)`` squared distances to the nearest of some points, on that scale."""
        found = np.full(len(self._values), np.inf)
        for first in range(0, len(centres), _CENTRES):
            some = centres[first : first + _CENTRES]
            right = self._scaled(self._values[some]).T
            for start in range(0, len(found), _BLOCK):
                part = slice(start, start + _BLOCK)
                products = self._scaled(self._values[part]) @ right
                squares = self._squares(products, self.norms[part, None], self.norms[some])
                np.minimum(found[part], squares.min(axis=1), out=found[part])
        return found

    def to(self, index: int) -> NDArray[np.float64]:
        """Return the ``(n,)`` squared distances to one point, on that scale."""
        products = (self._values @ self._scaled(self._values[index])).astype(np.float64)
        return self._squares(products * float(self._scale), self.norms, self.norms[index])

    def to_mean(self, of: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ``(n,)`` squared distances to the mean of some points, on that scale."""
        mean = np.zeros(self._values.shape[1])
        for start in range(0, len(of), _BLOCK):
            some = self._scaled(self._values[of[start : start + _BLOCK]])
            mean += some.sum(axis=0, dtype=np.float64) / len(of)
        products = self._values @ mean.astype(self._values.dtype)
        return self._squares(products * float(self._scale), self.norms, float(mean @ mean))

    def lengths(self, squares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn squares on that scale into lengths of the space itself."""
        return np.sqrt(squares) / float(self._scale)

    def _scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        return values * self._scale

    def _squares(self, products: NDArray[Any], a: Any, b: Any) -> NDArray[np.float64]:
        """Give |x - y|² = |x|² + |y|² - 2 xy, 0 where that is rounding noise."""
        squares = a + b - 2.0 * products
        return np.where(squares > self._noise * (a + b), squares, 0.0)
