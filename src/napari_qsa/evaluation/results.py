"""What an evaluation finds: per image, and summed over a part or a grade."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.evaluation.uncertainty import ErrorRanking
from napari_qsa.images import Item
from napari_qsa.metrics import ObjectScore, Reliability, image_mean, pool, score_objects

PREDICTIONS = "predictions"
ENSEMBLE = "ensemble"
OUT_OF_FOLD = "out of fold"
SEEN = "seen in training"


@dataclass(frozen=True)
class PixelCounts:
    """Gland pixels of both sides of an image, or their sums over several images.

    Attributes
    ----------
    both, predicted, truth : int
        Pixels of the overlap, of the prediction, of the truth.
    """

    both: int = 0
    predicted: int = 0
    truth: int = 0

    @classmethod
    def of(cls, predicted: NDArray[Any], truth: NDArray[Any]) -> "PixelCounts":
        """Count; any value other than 0 is gland.

        Raises
        ------
        QsaError
            If the shapes differ.
        """
        if predicted.shape != truth.shape:
            raise QsaError(
                f"Masks of shape {predicted.shape} and {truth.shape} cannot be compared; "
                "bring the prediction to the grid of the truth."
            )
        p, t = predicted != 0, truth != 0
        return cls(*(int(np.count_nonzero(side)) for side in (p & t, p, t)))

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        """Return the counts of both together."""
        return PixelCounts(
            self.both + other.both, self.predicted + other.predicted, self.truth + other.truth
        )

    @property
    def dice(self) -> float:
        """2 |P and T| / (|P| + |T|); 1 where both are empty."""
        total = self.predicted + self.truth
        return 2.0 * self.both / total if total else 1.0


@dataclass(frozen=True)
class ImageResult:
    """The scores of one image.

    Attributes
    ----------
    name, part, grade
        Of the item.
    objects, pixels
        Sufficient statistics, so that images add up.
    source : str
        ``PREDICTIONS``, ``ENSEMBLE``, ``OUT_OF_FOLD`` (by the one member that never saw its
        patient) or ``SEEN`` (the ensemble was trained on this image, so its scores flatter).
    member : int or None
        Who predicted, where it was one member.
    uncertainty : float or None
        Mean over the image, where several members predicted.
    reliability : Reliability or None
        Of the gland's probability, where there is one.
    errors : ErrorRanking or None
        How well the uncertainty finds wrong pixels, where several members predicted.
    """

    name: str
    part: str
    grade: str | None
    objects: ObjectScore
    pixels: PixelCounts
    source: str = PREDICTIONS
    member: int | None = None
    uncertainty: float | None = None
    reliability: Reliability | None = None
    errors: ErrorRanking | None = None


def score_image(
    item: Item, predicted: NDArray[Any], truth: NDArray[Any], **facts: Any
) -> ImageResult:
    """Score the labels of one image against its true ones; `facts` go into the result."""
    return ImageResult(
        name=item.name,
        part=item.part,
        grade=item.grade,
        objects=score_objects(predicted, truth),
        pixels=PixelCounts.of(predicted, truth),
        **facts,
    )


@dataclass(frozen=True)
class Scores:
    """The four scores of a group of images, pooled or as a mean over the images.

    Attributes
    ----------
    f1, object_dice, pixel_dice : float
        0 to 1.
    object_hausdorff : float
        In pixels of the image.
    """

    f1: float
    object_dice: float
    object_hausdorff: float
    pixel_dice: float


@dataclass(frozen=True)
class Summary:
    """The scores of a group of images.

    Attributes
    ----------
    group : str
        ``all``, a part, a grade, or a grade of a part.
    images : int
        Number of images.
    pooled : Scores
        Counts and areas summed over the group: the challenge's figure.
    image_mean : Scores
        Each image counted once: another figure.
    objects : ObjectScore
        The sums: numbers of glands, merged and split ones.
    out_of_fold, seen : int
        How many of the images were predicted by a member that never saw their patient, and how
        many the ensemble was trained on.
    calibration_error : float or None
        Expected calibration error of the gland's probability over all pixels.
    error_auroc : float or None
        AUROC of the uncertainty for wrong pixels, over all pixels.
    """

    group: str
    images: int
    pooled: Scores
    image_mean: Scores
    objects: ObjectScore
    out_of_fold: int
    seen: int
    calibration_error: float | None
    error_auroc: float | None


def summarise(group: str, results: Sequence[ImageResult]) -> Summary:
    """Pool and average the scores of images; at least one."""
    objects = pool([result.objects for result in results])
    mean = image_mean([result.objects for result in results])
    pixels = sum((result.pixels for result in results), PixelCounts())
    reliability = _sum(result.reliability for result in results)
    errors = _sum(result.errors for result in results)
    return Summary(
        group=group,
        images=len(results),
        pooled=Scores(objects.f1, objects.object_dice, objects.object_hausdorff, pixels.dice),
        image_mean=Scores(
            mean.f1,
            mean.object_dice,
            mean.object_hausdorff,
            float(np.mean([result.pixels.dice for result in results])),
        ),
        objects=objects,
        out_of_fold=sum(result.source == OUT_OF_FOLD for result in results),
        seen=sum(result.source == SEEN for result in results),
        calibration_error=reliability.error if reliability is not None else None,
        error_auroc=errors.auroc if errors is not None else None,
    )


def summaries(results: Sequence[ImageResult]) -> tuple[Summary, ...]:
    """Summarise all images, each part where there are several, and each grade of each part."""
    parts = list(dict.fromkeys(result.part for result in results))
    found = [summarise("all", results)] if results else []
    for part in parts:
        own = [result for result in results if result.part == part]
        several = len(parts) > 1
        if several:
            found.append(summarise(part, own))
        for grade in sorted({result.grade for result in own if result.grade}):
            graded = [result for result in own if result.grade == grade]
            found.append(summarise(f"{part} {grade}" if several else grade, graded))
    return tuple(found)


def worst(
    results: Iterable[ImageResult],
    n: int = 10,
    key: Callable[[ImageResult], float] = lambda result: result.objects.object_dice,
) -> list[ImageResult]:
    """Give the n images of the lowest score, the worst first; by object Dice if nothing is said."""
    return sorted(results, key=key)[:n]


def _sum(parts: Iterable[Any]) -> Any:
    """Sum what is there; None if any is missing, since a sum over some would mislead."""
    total = None
    for part in parts:
        if part is None:
            return None
        total = part if total is None else total + part
    return total
