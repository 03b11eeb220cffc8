"""Ask which images of a folder to annotate next."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.images import Dataset, Item
from napari_qsa.metrics.member_scores import EMBEDDING, as_columns
from napari_qsa.session.batch import Predictor, Report, tell_tiles
from napari_qsa.suggestion import Ranking, rank

_NAMED = 5


@dataclass(frozen=True)
class QueryOptions:
    """How images are chosen; see `napari_qsa.suggestion.rank`."""

    k: int = 8
    candidates: int = 16
    strategy: str = "suggestive"
    count_annotated: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Scored:
    """What an ensemble says about an image of the pool.

    Attributes
    ----------
    item
        The image.
    uncertainty
        Mean over its pixels, 0 to 0.5.
    descriptor
        ``(D,) float32``.
    pixel_size_assumed
        Whether its pixel size is only that of the ensemble's training images.
    columns
        Other numbers that a strategy may need, by name.
    embedding
        ``(E,) float32``, the gradient embedding; None where it is not known.
    """

    item: Item
    uncertainty: float
    descriptor: NDArray[np.float32]
    pixel_size_assumed: bool = False
    columns: Mapping[str, float] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Failed:
    """An image that could not be read, and why."""

    file: str
    error: str


@dataclass(frozen=True)
class Suggestion:
    """One image of the answer.

    Attributes
    ----------
    rank : int
        1 is to be annotated first.
    item : Item
        The image.
    picked : bool
        Whether it is one of the k.
    candidate : bool
        Whether it was among those the k were picked from.
    uncertainty : float
        Of the image, 0 to 0.5.
    gain : float or None
        Of a pick: by how much it raises the coverage of the picks before it, in images.
    represents : int or None
        Of a pick: unannotated images, itself among them, to which it is the most similar pick.
    why : str
        In words.
    """

    rank: int
    item: Item
    picked: bool
    candidate: bool
    uncertainty: float
    gain: float | None
    represents: int | None
    why: str


@dataclass(frozen=True)
class Answer:
    """All unannotated images of a pool, the best first.

    Attributes
    ----------
    suggestions : tuple of Suggestion
        Every unannotated image that could be read.
    annotated : tuple of str
        Names of those that count as annotated.
    failed : tuple of Failed
        Images that could not be read.
    coverage_before, coverage_after : float
        Mean coverage of the unannotated images without and with the picks, 0 to 1.
    """

    suggestions: tuple[Suggestion, ...]
    annotated: tuple[str, ...]
    failed: tuple[Failed, ...]
    coverage_before: float
    coverage_after: float


def annotated_names(
    dataset: Dataset, listed: Path | None = None, ignore_labels: bool = False
) -> frozenset[str]:
    """Say which images of a pool count as annotated.

    Parameters
    ----------
    dataset
        The pool.
    listed
        A text file with one image in each line: its name, file name or path; blank lines and
        lines that begin with ``#`` are skipped. Exactly these count then. Without it, the
        images with labels do.
    ignore_labels
        Without a list: none counts.

    Raises
    ------
    DatasetError
        If the list cannot be read, or names images that the pool does not have, or that could be
        one or another.
    """
    if listed is None:
        own = () if ignore_labels else dataset.items
        return frozenset(item.name for item in own if item.label is not None)
    try:
        lines = listed.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"The list {listed} cannot be read ({error}): give a text file with one image a line."
        ) from error
    entries = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    known = _ways_to_name(dataset.items)
    found = {entry: known[_plain(entry)] for entry in entries}
    if unknown := [entry for entry, items in found.items() if not items]:
        raise DatasetError(f"{listed} lists images that {dataset.root} lacks: {_some(unknown)}.")
    if vague := [entry for entry, items in found.items() if len({i.image for i in items}) > 1]:
        raise DatasetError(
            f"{listed} lists images that could be one or another: {_some(vague)}; give their paths."
        )
    return frozenset(item.name for items in found.values() for item in items)


def require_work(dataset: Dataset, annotated: Set[str]) -> None:
    """Raise a DatasetError where every image of a pool is annotated, before any is predicted."""
    if dataset.items and all(item.name in annotated for item in dataset.items):
        raise DatasetError(
            f"Every image of {dataset.root} counts as annotated, so there is nothing to suggest: "
            "list those that are with --annotated, or give --ignore-labels."
        )


def score_pool(
    dataset: Dataset,
    predictor: Predictor,
    pixel_size: float | None = None,
    tta: bool = False,
    report: Report = lambda fraction, name: None,
) -> tuple[list[Scored], list[Failed]]:
    """Predict every image of a pool; the bad ones do not stop it.

    Parameters
    ----------
    dataset
        The pool, annotated images included: they say what is covered already.
    predictor, pixel_size, tta, report
        As in `napari_qsa.session.batch.segment_batch`.
    """
    scored, failed = [], [Failed("", problem) for problem in dataset.problems]
    for number, item in enumerate(dataset.items):
        try:
            image = item.read()
            known = pixel_size or dataset.pixel_size or image.pixel_size
            prediction = predictor.predict(
                image,
                pixel_size=known,
                tta=tta,
                progress=partial(tell_tiles, report, item.name, number, len(dataset.items)),
            )
        except QsaError as error:
            failed.append(Failed(str(item.image), str(error)))
        else:
            scores = prediction.scores
            scored.append(
                Scored(
                    item,
                    prediction.image_uncertainty,
                    prediction.descriptor,
                    known is None,
                    {} if scores is None else as_columns(scores),
                    prediction.embedding,
                )
            )
    return scored, failed


def suggest(
    scored: Sequence[Scored],
    annotated: Set[str],
    options: QueryOptions,
    failed: Sequence[Failed] = (),
) -> Answer:
    """Rank the images of a pool that are not annotated.

    Parameters
    ----------
    scored
        All images, annotated ones included.
    annotated
        Names of those that are annotated.
    options
        See `QueryOptions`.
    failed
        To be passed on.

    Raises
    ------
    QsaError
        If an option is out of range, the strategy is unknown, or nothing is left to annotate.
    """
    marks = np.array([each.item.name in annotated for each in scored], dtype=bool)
    if marks.all():
        raise QsaError("No image without annotation could be read, so there is nothing to suggest.")
    ranking = rank(
        np.stack([each.descriptor for each in scored]),
        np.array([each.uncertainty for each in scored]),
        marks,
        options.k,
        options.candidates,
        options.strategy,
        options.count_annotated,
        options.seed,
        _columns(scored),
    )
    return Answer(
        tuple(_suggestions(scored, ranking)),
        tuple(each.item.name for each, mark in zip(scored, marks, strict=True) if mark),
        tuple(failed),
        ranking.coverage_before,
        ranking.coverage_after,
    )


def _columns(scored: Sequence[Scored]) -> dict[str, NDArray[Any]]:
    """Give the columns that are known of all images."""
    names = set.intersection(*(set(each.columns) for each in scored))
    columns = {name: np.array([each.columns[name] for each in scored]) for name in names}
    embeddings = [each.embedding for each in scored if each.embedding is not None]
    if len(embeddings) == len(scored):
        columns[EMBEDDING] = np.stack(embeddings)
    return columns


def _suggestions(scored: Sequence[Scored], ranking: Ranking) -> list[Suggestion]:
    reasons = {reason.image: reason for reason in ranking.why}
    candidates = set(ranking.candidates.tolist())
    suggestions = []
    for place, index in enumerate(ranking.order.tolist(), start=1):
        reason = reasons.get(index)
        if reason is None:
            why = "among the most uncertain" if index in candidates else ""
        else:
            images = "image" if reason.represents == 1 else "images"
            why = (
                f"number {reason.uncertainty_rank} in uncertainty, "
                f"stands for {reason.represents} {images}"
            )
        suggestions.append(
            Suggestion(
                rank=place,
                item=scored[index].item,
                picked=reason is not None,
                candidate=index in candidates,
                uncertainty=scored[index].uncertainty,
                gain=None if reason is None else reason.gain,
                represents=None if reason is None else reason.represents,
                why=why,
            )
        )
    return suggestions


def _ways_to_name(items: Sequence[Item]) -> defaultdict[str, set[Item]]:
    """Items by whatever a list may call them; the pages of a stack share its file's names."""
    known: defaultdict[str, set[Item]] = defaultdict(set)
    for item in items:
        parts = item.image.absolute().parts
        tails = {"/".join(parts[start:]) for start in range(1, len(parts))}
        for way in (item.image.stem, item.image.absolute().as_posix(), *tails):
            known[_plain(way)].add(item)
    for item in items:  # a whole name means one item, whatever else it is part of
        known[_plain(item.name)] = {item}
    return known


def _plain(entry: str) -> str:
    return entry.replace("\\", "/").removeprefix("./").casefold()


def _some(entries: Sequence[str]) -> str:
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    return ", ".join(entries[:_NAMED]) + more
