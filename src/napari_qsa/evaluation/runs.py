"""Score a data set: by an ensemble, out of fold where that can be, or by labels from anybody."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.source import assumption
from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.evaluation.results import (
    ENSEMBLE,
    OUT_OF_FOLD,
    SEEN,
    ImageResult,
    Summary,
    score_image,
    summaries,
)
from napari_qsa.evaluation.uncertainty import ErrorRanking
from napari_qsa.images import Dataset, Item, read_labels, sha256
from napari_qsa.metrics import reliability
from napari_qsa.wording import named

if TYPE_CHECKING:
    from napari_qsa.ensemble.card import EnsembleCard
    from napari_qsa.ensemble.ensemble import Ensemble

SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
"""Of files with predicted labels."""

Progress = Callable[[int, int, str], None]
"""Called with images done, images in all, and the name of the next one; may raise to stop."""

_NAMED = 10


@dataclass(frozen=True)
class Failure:
    """An image that could not be scored: its name, and why in one sentence."""

    name: str
    error: str


@dataclass(frozen=True)
class Evaluation:
    """The scores of a data set.

    Attributes
    ----------
    results : tuple of ImageResult
        In the order of the data set.
    failures : tuple of Failure
        Images that could not be read, or do not fit their labels.
    notes : tuple of str
        What the scores do and do not mean.
    """

    results: tuple[ImageResult, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """Scores of all images, of each part and of each grade, pooled and as means."""
        return summaries(self.results)


@dataclass(frozen=True)
class Plan:
    """Who predicts an image: all members (None) or one, and what that makes of its scores."""

    source: str
    member: int | None = None


def plan(card: "EnsembleCard", digest: str) -> Plan:
    """Say who must predict an image, told by the SHA-256 of its file.

    An image that a cross-validated ensemble was trained on goes to the one member that never saw
    its patient.
    """
    member = card.held_out_member(digest)
    if member is not None:
        return Plan(OUT_OF_FOLD, member)
    seen = any(record.sha256 == digest for record in card.training)
    return Plan(SEEN if seen else ENSEMBLE)


def evaluate_ensemble(
    dataset: Dataset,
    ensemble: "Ensemble",
    pixel_size: float | None = None,
    tta: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Predict every labelled image and score it, out of fold where `plan` says so.

    Parameters
    ----------
    dataset
        Images without labels are left out.
    ensemble
        To predict with.
    pixel_size
        Of all images in µm; None takes what the data set or the image's file says.
    tta
        Average over flips and quarter turns.
    progress
        See `Progress`.

    Raises
    ------
    DatasetError
        If no image has labels.
    """
    assumed: list[str] = []

    def score(item: Item) -> ImageResult:
        image = item.read()
        truth = item.read_labels(image.pixels.shape[:2])
        if not (pixel_size or dataset.pixel_size or image.pixel_size):
            assumed.append(item.name)
        chosen = plan(ensemble.card, sha256(item.image))
        prediction = ensemble.predict(
            image,
            pixel_size=pixel_size or dataset.pixel_size,
            tta=tta,
            members=None if chosen.member is None else [chosen.member],
        )
        several = chosen.member is None and ensemble.card.members > 1
        return score_image(
            item,
            prediction.labels,
            truth,
            source=chosen.source,
            member=chosen.member,
            uncertainty=prediction.image_uncertainty if several else None,
            reliability=reliability(prediction.probability, truth),
            errors=ErrorRanking.of(prediction.uncertainty, prediction.probability, truth)
            if several
            else None,
        )

    evaluation = _evaluate(dataset, score, progress)
    notes = _ensemble_notes(evaluation.results)
    if assumed:
        size = ensemble.card.source_pixel_size
        notes.append(assumption(len(assumed), len(dataset.items), size))
    return replace(evaluation, notes=tuple(notes))


def evaluate_predictions(
    dataset: Dataset, folder: Path, progress: Progress | None = None
) -> Evaluation:
    """Score labels that lie in a folder as ``NAME_labels.tif`` (or ``.png``, ``.bmp``).

    Parameters
    ----------
    dataset
        Images without labels are left out.
    folder
        With one file for each other image; a file of one value beside 0 is taken as a mask, and
        its connected parts as objects.
    progress
        See `Progress`.

    Raises
    ------
    DatasetError
        If no image has labels, or a prediction is missing.
    """
    dataset = _labelled(dataset)
    files = find_predictions(dataset.items, folder)

    def score(item: Item) -> ImageResult:
        truth = item.read_labels(item.read().pixels.shape[:2])
        predicted: NDArray[np.int32] = read_labels(files[item.name], _shape(truth))
        return score_image(item, predicted, truth)

    return _evaluate(dataset, score, progress)


def find_predictions(items: Sequence[Item], folder: Path) -> dict[str, Path]:
    """Find the file with the predicted labels of each item, by the item's name.

    Raises
    ------
    DatasetError
        If the folder is missing, or the file of an item.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is not a folder: give one with NAME_labels.tif for each image."
        )
    present = {file.name.casefold(): file for file in sorted(folder.iterdir()) if file.is_file()}
    found: dict[str, Path] = {}
    for item in items:
        names = (f"{item.name}_labels{suffix}".casefold() for suffix in SUFFIXES)
        file = next((present[name] for name in names if name in present), None)
        if file is not None:
            found[item.name] = file
    missing = [item.name for item in items if item.name not in found]
    if missing:
        raise DatasetError(
            f"{folder} lacks the predictions of {len(missing)} of {len(items)} images "
            f"({named(missing, _NAMED)}): add NAME_labels.tif for each, or choose a part of the "
            "data."
        )
    return found


def _evaluate(
    dataset: Dataset, score: Callable[[Item], ImageResult], progress: Progress | None
) -> Evaluation:
    items = _labelled(dataset).items
    results, failures = [], []
    for done, item in enumerate(items):
        if progress is not None:
            progress(done, len(items), item.name)
        try:
            results.append(score(item))
        except QsaError as error:
            failures.append(Failure(item.name, str(error)))
    if progress is not None:
        progress(len(items), len(items), "")
    return Evaluation(tuple(results), tuple(failures), ())


def _labelled(dataset: Dataset) -> Dataset:
    labelled = dataset.labelled()
    if not labelled.items:
        raise DatasetError(
            f"{dataset.root} holds no labelled image: put NAME_anno.bmp or NAME_labels.tif "
            "beside each image."
        )
    return labelled


def _ensemble_notes(results: Iterable[ImageResult]) -> list[str]:
    sources = [result.source for result in results]
    notes = []
    if held_out := sources.count(OUT_OF_FOLD):
        notes.append(
            f"{held_out} of {len(sources)} images are training images and were scored out of "
            "fold, by the one member that never saw their patient."
        )
    if seen := sources.count(SEEN):
        notes.append(
            f"{seen} of {len(sources)} images were seen in training: their scores say nothing "
            "about new images."
        )
    return notes


def _shape(labels: NDArray[Any]) -> tuple[int, int]:
    return labels.shape[0], labels.shape[1]
