r"""Hausdorff distances between objects of two label images, exact and fast.

H(S, G) = max(h(S, G), h(G, S)) with h(S, G) = max over s in S of min over g in G of |s - g|,
over *all* pixels of both objects, in pixels. Four facts about the pixel grid spare most of the
work; *edge* is a pixel of an object with one of its four neighbours outside (or at the border
of the image).

1. For s outside G the nearest g is an edge of G: were it not, the pixel one step nearer to s
   would be in G too. For s in G the distance is 0.
2. The farthest s need not be an edge of S: the middle of a disc that fills a ring is the
   farthest from the ring. But where s is beyond G's bounding box on some side and not an edge,
   the neighbour one step further out is in S and farther from every g. So edges of S, and
   pixels of S within G's bounding box, suffice.
3. Two pixels r apart have distances to G that differ by at most r. So where the middles of small
   blocks are measured first, only the pixels of the farthest blocks remain to be.
4. H(S, G) >= |max over s of u.s - max over g of u.g| for every unit vector u (the Hausdorff
   distance of convex hulls is the largest of these). This bound, over 16 directions, spares most
   objects when the one at the smallest distance is sought.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_qsa.errors import QsaError

_ANGLES = np.arange(16) * (np.pi / 8)
_BLOCK = 5
_REACH = float(np.hypot(_BLOCK // 2, _BLOCK // 2))  # from a block's middle to its corner, pixels
_DIRECTIONS = np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], axis=1)


class Objects:
    """The objects 1..n of a label image, ready for distances.

    Parameters
    ----------
    labels
        ``(H, W) int32``, each number 1..n present.
    n
        The number of objects.
    """

    def __init__(self, labels: NDArray[np.int32], n: int) -> None:
        self.labels = labels
        self.n = n
        points = np.argwhere(_edges(labels))
        owner = labels[points[:, 0], points[:, 1]]
        order = np.argsort(owner, kind="stable")
        starts = np.searchsorted(owner[order], np.arange(1, n + 2))
        self._points = points[order]
        self._starts = starts
        self._trees: dict[int, cKDTree] = {}

    def edge(self, i: int) -> NDArray[np.int64]:
        """Return the ``(m, 2)`` edge pixels (row, column) of object `i`."""
        return self._points[self._starts[i - 1] : self._starts[i]]

    def tree(self, i: int) -> cKDTree:
        """Return the search tree over the edge pixels of object `i`."""
        if i not in self._trees:
            self._trees[i] = cKDTree(self.edge(i))
        return self._trees[i]

    @cached_property
    def low(self) -> NDArray[np.int64]:
        """``(n, 2)`` first row and column of each object."""
        return np.minimum.reduceat(self._points, self._starts[:-1], axis=0)

    @cached_property
    def high(self) -> NDArray[np.int64]:
        """``(n, 2)`` last row and column of each object."""
        return np.maximum.reduceat(self._points, self._starts[:-1], axis=0)

    @cached_property
    def support(self) -> NDArray[np.float64]:
        """``(n, 16)`` farthest extent of each object along each direction, in pixels."""
        return np.maximum.reduceat(self._points @ _DIRECTIONS.T, self._starts[:-1], axis=0)


def distance(a: Objects, i: int, b: Objects, j: int) -> float:
    """Return the Hausdorff distance, in pixels, of object `i` of `a` and object `j` of `b`."""
    return max(_directed(a, i, b, j), _directed(b, j, a, i))


def smallest_distance(a: Objects, i: int, b: Objects) -> float:
    """Return the smallest Hausdorff distance of object `i` of `a` to any object of `b`."""
    bounds = np.abs(b.support - a.support[i - 1]).max(axis=1)
    best = np.inf
    for j in np.argsort(bounds, kind="stable"):
        if bounds[j] >= best:
            break
        there = _directed(a, i, b, int(j) + 1)
        if there < best:
            best = min(best, max(there, _directed(b, int(j) + 1, a, i)))
    return float(best)


def hausdorff_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the Hausdorff distance of two masks over all their pixels.

    Parameters
    ----------
    a, b
        ``(H, W)`` masks of one shape; any value other than 0 is foreground.

    Returns
    -------
    float
        In pixels; 0 if both are empty, and the image diagonal if only one is.

    Raises
    ------
    QsaError
        If the shapes differ or are not 2-D.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise QsaError(
            f"Masks of shape {a.shape} and {b.shape} have no Hausdorff distance; "
            "give two 2-D masks of one shape."
        )
    first, second = (a != 0).astype(np.int32), (b != 0).astype(np.int32)
    if not first.any() and not second.any():
        return 0.0
    if not first.any() or not second.any():
        return float(np.hypot(*a.shape))
    return distance(Objects(first, 1), 1, Objects(second, 1), 1)


def _directed(a: Objects, i: int, b: Objects, j: int) -> float:
    """Return max over object `i` of `a` of the distance to object `j` of `b`."""
    edge = a.edge(i)
    queries = [edge[b.labels[edge[:, 0], edge[:, 1]] != j]]
    low = np.maximum(a.low[i - 1], b.low[j - 1])
    high = np.minimum(a.high[i - 1], b.high[j - 1]) + 1
    if (low < high).all():
        crop = np.s_[low[0] : high[0], low[1] : high[1]]
        queries.append(np.argwhere((a.labels[crop] == i) & (b.labels[crop] != j)) + low)
    points = np.concatenate(queries)
    return _farthest(points, b.tree(j)) if len(points) else 0.0


def _farthest(points: NDArray[np.int64], tree: cKDTree) -> float:
    """Return the largest distance of any of `points`, pixels, to the nearest of `tree`."""
    blocks = points // _BLOCK
    width = int(blocks[:, 1].max()) + 1
    found, member = np.unique(blocks[:, 0] * width + blocks[:, 1], return_inverse=True)
    middles = np.stack(np.divmod(found, width), axis=1) * _BLOCK + _BLOCK // 2
    rough, _ = tree.query(middles)
    far = rough >= rough.max() - 2 * _REACH - 1e-6
    distances, _ = tree.query(points[far[member]])
    return float(distances.max())


def _edges(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which pixels of objects have one of four neighbours outside their object."""
    edge = np.zeros(labels.shape, bool)
    edge[[0, -1], :] = True
    edge[:, [0, -1]] = True
    vertical = labels[1:] != labels[:-1]
    edge[1:] |= vertical
    edge[:-1] |= vertical
    horizontal = labels[:, 1:] != labels[:, :-1]
    edge[:, 1:] |= horizontal
    edge[:, :-1] |= horizontal
    return edge & (labels > 0)
