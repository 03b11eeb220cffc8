"""F1, object Dice and object Hausdorff distance of the GlaS challenge, poolable over a part.

The rules are those of the challenge's own evaluation code (Sirinukunwattana et al., Medical
Image Analysis 35, 2017), with one completion, marked below.

- The *partner* of an object is the object of the other side it shares most pixels with; of
  several with equally many, the one of the lowest label value. Background is never a partner.
- A predicted object S is a true positive if it shares more than half of the area of its partner
  G. The other predicted objects are false positives; the false negatives are the true objects
  less the true positives.
- Object Dice and object Hausdorff are the mean of two sums, over predicted and over true
  objects, each object weighted by its area over that of its side. An object without partner has
  Dice 0, and the Hausdorff distance to the object at the smallest Hausdorff distance.
- Our completion: where an image has nothing on the other side, that distance is the length of
  the image's diagonal (the challenge's code gives infinity).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.metrics import hausdorff
from napari_qsa.metrics.regions import Overlaps, overlaps

MERGE_COVER = 0.5
"""A predicted object that covers more than this part of two or more true ones merges them."""

SPLIT_COVER = 0.1
"""A piece of a split true object covers more than this part of it ..."""

SPLIT_INSIDE = 0.5
"""... and has more than this part of its own area inside it."""


@dataclass(frozen=True)
class ObjectScore:
    """Sufficient statistics of one image, or the sums of those of several images.

    The scores of a sum are the *pooled* scores of the part: counts are summed, and each object
    is weighted by its area over the area of all objects of the part. For the other figure, the
    mean of the scores of the images, see `image_mean`.

    Attributes
    ----------
    images : int
        The number of images.
    predicted, truth : int
        The numbers of predicted and of true objects.
    true_positives : int
        Predicted objects that share more than half of the area of their partner.
    predicted_area, truth_area : int
        Areas of all objects of each side, in pixels.
    predicted_dice, truth_dice : float
        Sums over the objects of each side of area times Dice with the partner.
    predicted_hausdorff, truth_hausdorff : float
        Sums over the objects of each side of area times Hausdorff distance (in pixels).
    merged : int
        Predicted objects that cover more than half of two or more true ones.
    split : int
        True objects with two or more pieces: predicted objects that cover more than a tenth of
        it and lie in it with more than half of their own area.
    """

    images: int = 0
    predicted: int = 0
    truth: int = 0
    true_positives: int = 0
    predicted_area: int = 0
    truth_area: int = 0
    predicted_dice: float = 0.0
    truth_dice: float = 0.0
    predicted_hausdorff: float = 0.0
    truth_hausdorff: float = 0.0
    merged: int = 0
    split: int = 0

    def __add__(self, other: "ObjectScore") -> "ObjectScore":
        """Return the statistics of both together."""
        return pool([self, other])

    @property
    def false_positives(self) -> int:
        """Predicted objects that are not true positives."""
        return self.predicted - self.true_positives

    @property
    def false_negatives(self) -> int:
        """True objects less the true positives."""
        return self.truth - self.true_positives

    @property
    def precision(self) -> float:
        """True positives over predicted objects; with none: 1 if there is nothing to find."""
        if self.predicted == 0:
            return float(self.truth == 0)
        return self.true_positives / self.predicted

    @property
    def recall(self) -> float:
        """True positives over true objects; with none: 1 if nothing was predicted."""
        if self.truth == 0:
            return float(self.predicted == 0)
        return self.true_positives / self.truth

    @property
    def f1(self) -> float:
        """2 TP / (predicted + true objects); 1 where both sides are empty, 0 where one is."""
        total = self.predicted + self.truth
        return 2.0 * self.true_positives / total if total else 1.0

    @property
    def object_dice(self) -> float:
        """Object Dice, 0 to 1; 1 where both sides are empty, 0 where one is."""
        if self.predicted == 0 and self.truth == 0:
            return 1.0
        if self.predicted == 0 or self.truth == 0:
            return 0.0
        sides = self.predicted_dice / self.predicted_area + self.truth_dice / self.truth_area
        return 0.5 * sides

    @property
    def object_hausdorff(self) -> float:
        """Object Hausdorff distance in pixels; 0 where both sides are empty.

        Where only one side has objects, its own sum: the area-weighted image diagonals.
        """
        sides = []
        if self.predicted:
            sides.append(self.predicted_hausdorff / self.predicted_area)
        if self.truth:
            sides.append(self.truth_hausdorff / self.truth_area)
        return sum(sides) / len(sides) if sides else 0.0


@dataclass(frozen=True)
class ImageMean:
    """Means over images of their scores: *not* the pooled scores of the challenge."""

    images: int
    f1: float
    object_dice: float
    object_hausdorff: float


def score_objects(predicted: NDArray[Any], truth: NDArray[Any]) -> ObjectScore:
    """Score the predicted objects of one image against the true ones.

    Parameters
    ----------
    predicted, truth
        ``(H, W)`` integer (or boolean) label images, 0 the background. Label values are used as
        they are: nothing is re-labelled, gaps are allowed.

    Raises
    ------
    QsaError
        If the shapes differ, or the labels are not 2-D integers of at least 0.
    """
    found = overlaps(predicted, truth)
    s_area, g_area = found.predicted_area, found.truth_area
    s_of, g_of, shared = found.pairs.T
    n_s, n_g = len(s_area) - 1, len(g_area) - 1
    s_partner, s_shared = _partners(s_of, g_of, shared, n_s)
    g_partner, g_shared = _partners(g_of, s_of, shared, n_g)
    s_dice = 2.0 * s_shared / np.maximum(s_area + g_area[s_partner], 1)
    g_dice = 2.0 * g_shared / np.maximum(g_area + s_area[g_partner], 1)
    s_distance, g_distance = _distances(found, s_partner, g_partner)
    covers = shared > MERGE_COVER * g_area[g_of]
    pieces = (shared > SPLIT_COVER * g_area[g_of]) & (shared > SPLIT_INSIDE * s_area[s_of])
    return ObjectScore(
        images=1,
        predicted=n_s,
        truth=n_g,
        true_positives=int(np.count_nonzero(2 * s_shared[1:] > g_area[s_partner[1:]])),
        predicted_area=int(s_area.sum()),
        truth_area=int(g_area.sum()),
        predicted_dice=float(s_area @ s_dice),
        truth_dice=float(g_area @ g_dice),
        predicted_hausdorff=float(s_area @ s_distance),
        truth_hausdorff=float(g_area @ g_distance),
        merged=int(np.count_nonzero(np.bincount(s_of[covers]) > 1)),
        split=int(np.count_nonzero(np.bincount(g_of[pieces]) > 1)),
    )


def pool(scores: Sequence[ObjectScore]) -> ObjectScore:
    """Sum the statistics of images, so that the scores of the sum are those of the part."""
    sums = {f.name: sum(getattr(score, f.name) for score in scores) for f in fields(ObjectScore)}
    return ObjectScore(**sums)


def image_mean(scores: Sequence[ObjectScore]) -> ImageMean:
    """Average the scores of images, each image counted once; all NaN where there is none."""
    if not scores:
        return ImageMean(0, np.nan, np.nan, np.nan)
    return ImageMean(
        images=len(scores),
        f1=float(np.mean([score.f1 for score in scores])),
        object_dice=float(np.mean([score.object_dice for score in scores])),
        object_hausdorff=float(np.mean([score.object_hausdorff for score in scores])),
    )


def _partners(
    own: NDArray[np.int64], other: NDArray[np.int64], shared: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the partner (0: none) of the objects 0..n and the pixels shared with it."""
    partner, most = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    order = np.lexsort((-other, shared))  # the last one written wins: most pixels, lowest label
    partner[own[order]] = other[order]
    most[own[order]] = shared[order]
    return partner, most


def _distances(
    found: Overlaps, s_partner: NDArray[np.int64], g_partner: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Hausdorff distance of every object to its counterpart; entry 0 is 0."""
    n_s, n_g = len(s_partner) - 1, len(g_partner) - 1
    s_distance, g_distance = np.zeros(n_s + 1), np.zeros(n_g + 1)
    if n_s == 0 or n_g == 0:
        s_distance[1:] = g_distance[1:] = np.hypot(*found.truth.shape)
        return s_distance, g_distance
    s = hausdorff.Objects(found.predicted, n_s)
    g = hausdorff.Objects(found.truth, n_g)
    known: dict[tuple[int, int], float] = {}

    def of_pair(i: int, j: int) -> float:
        if (i, j) not in known:
            known[i, j] = hausdorff.distance(s, i, g, j)
        return known[i, j]

    for i in range(1, n_s + 1):
        j = int(s_partner[i])
        s_distance[i] = of_pair(i, j) if j else hausdorff.smallest_distance(s, i, g)
    for j in range(1, n_g + 1):
        i = int(g_partner[j])
        g_distance[j] = of_pair(i, j) if i else hausdorff.smallest_distance(g, j, s)
    return s_distance, g_distance
