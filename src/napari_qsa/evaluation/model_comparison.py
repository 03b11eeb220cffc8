"""A new model against the one in use, on images that neither was trained on."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.evaluation.comparison import Interval, paired_difference
from napari_qsa.evaluation.results import ImageResult, score_image
from napari_qsa.evaluation.unseen import Find, find_start, never_saw
from napari_qsa.images import Dataset, Item, sha256
from napari_qsa.metrics import pool

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble

ENOUGH = 5
"""Validation images from which on the members left out of bag are not needed."""

MOST = 60
"""Images that are compared: more would take long and tell little more."""

Source = Literal["validation", "out of bag", "none"]
Verdict = Literal["better", "worse", "too few to tell"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImagePair:
    """Object Dice of one image by both models, 0 to 1."""

    name: str
    current: float
    new: float


@dataclass(frozen=True)
class ModelComparison:
    """What a comparison found.

    Attributes
    ----------
    source : {"validation", "out of bag", "none"}
        The images: those for validation; or those for training, each predicted only by the
        members that never saw it; or none could be found.
    images : tuple of ImagePair
    current, new : float
        Object Dice, pooled over the images, 0 to 1.
    low, high : float
        95 % bootstrap interval of the difference, new less current.
    verdict : {"better", "worse", "too few to tell"}
        Too few where the interval spans 0.
    notes : tuple of str
        Sentences about what was left out.
    """

    source: Source
    images: tuple[ImagePair, ...] = ()
    current: float = 0.0
    new: float = 0.0
    low: float = 0.0
    high: float = 0.0
    verdict: Verdict = "too few to tell"
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """Object Dice of the new model less that of the current one."""
        return self.new - self.current

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelComparison":
        """Read back what `to_json` gave; ValueError, KeyError or TypeError if it is malformed."""
        pairs = tuple(ImagePair(**pair) for pair in values["images"])
        return cls(**(values | {"images": pairs, "notes": tuple(map(str, values["notes"]))}))


def compare_models(
    current: "Ensemble",
    new: "Ensemble",
    train: Dataset,
    validation: Dataset,
    progress: Progress = lambda done, total: None,
    find: Find = find_start,
) -> ModelComparison:
    """Compare two models, paired by image, with an interval.

    Where there are fewer than `ENOUGH` validation images, each training image is added that
    members of both models never saw, nor any model they started from; these members predict it.
    What was not reviewed counts for neither model.

    Parameters
    ----------
    current, new
        The models.
    train, validation
        Images with labels, as the new model was trained on them.
    progress
        Called with images done and images in all; may raise to stop.
    find
        See `never_saw`.
    """
    chosen, notes = _choose(current, new, train, validation, find)
    if not chosen:
        return ModelComparison("none", notes=(*notes, "No image is left to compare on."))
    pairs: list[tuple[ImageResult, ImageResult]] = []
    for done, (item, *members) in enumerate(chosen):
        progress(done, len(chosen))
        try:
            pairs.append(_scored(item, (current, new), members))
        except QsaError as error:
            notes.append(str(error))
    progress(len(chosen), len(chosen))
    source: Source = "validation" if len(validation.items) >= ENOUGH else "out of bag"
    if not pairs:
        return ModelComparison("none", notes=(*notes, "No image is left to compare on."))
    before, after = ([pair[side].objects for pair in pairs] for side in (0, 1))
    interval = paired_difference(before, after, "object_dice")
    return ModelComparison(
        source=source,
        images=tuple(
            ImagePair(a.name, a.objects.object_dice, b.objects.object_dice) for a, b in pairs
        ),
        current=pool(before).object_dice,
        new=pool(after).object_dice,
        low=interval.low,
        high=interval.high,
        verdict=verdict(interval, len(pairs)),
        notes=tuple(notes),
    )


def verdict(interval: Interval, images: int) -> Verdict:
    """Say what an interval shows; of one image there is none."""
    if images < 2 or interval.low <= 0.0 <= interval.high:
        return "too few to tell"
    return "better" if interval.value > 0 else "worse"


_Chosen = tuple[Item, Sequence[int] | None, Sequence[int] | None]


def _choose(
    current: "Ensemble", new: "Ensemble", train: Dataset, validation: Dataset, find: Find
) -> tuple[list[_Chosen], list[str]]:
    """Find the images, and which members of each model predict them; None is all of them."""
    enough = len(validation.items) >= ENOUGH
    chosen: list[_Chosen] = []
    left_out = 0
    items = (*validation.items, *(() if enough else train.items))
    if cut := len(items) > MOST:
        items = tuple(items[place * len(items) // MOST] for place in range(MOST))
    for item in items:
        digest = sha256(item.image)
        members = [never_saw(model.card, digest, item.page, find) for model in (current, new)]
        if not all(members):
            left_out += 1
            continue
        everybody = [
            len(found) == model.card.members
            for found, model in zip(members, (current, new), strict=True)
        ]
        first, second = (
            None if all_ else found for all_, found in zip(everybody, members, strict=True)
        )
        chosen.append((item, first, second))
    notes = []
    if cut:
        notes.append(f"{MOST} images, evenly picked from all, were compared.")
    if left_out:
        notes.append(
            f"Images left out because every member of a model was trained on them: {left_out}."
        )
    return chosen, notes


def _scored(
    item: Item, models: Sequence["Ensemble"], members: Sequence[Sequence[int] | None]
) -> tuple[ImageResult, ImageResult]:
    image = item.read()
    shape = (image.pixels.shape[0], image.pixels.shape[1])
    reviewed = item.read_reviewed(shape)
    truth = _counted(item.read_labels(shape), reviewed)
    before, after = (
        score_image(item, _counted(model.predict(image, members=who).labels, reviewed), truth)
        for model, who in zip(models, members, strict=True)
    )
    return before, after


def _counted(labels: NDArray[Any], reviewed: NDArray[np.bool_] | None) -> NDArray[Any]:
    return labels if reviewed is None else np.where(reviewed, labels, 0)
