"""Ask which images of a folder to annotate next."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.images import Dataset, Item
from napari_qsa.metrics.member_scores import EMBEDDING, as_columns
from napari_qsa.session.batch import Predictor, Report, tell_tiles
from napari_qsa.session.reasons import decided
from napari_qsa.suggestion import Ranking, rank
from napari_qsa.suggestion.strategies import COVERAGE
from napari_qsa.wording import counted


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
    decided_by : str
        What decided its place, one of `napari_qsa.session.reasons.NAMES`.
    score : float or None
        The number that decided; None where there is none, as of what was drawn at random.
    """

    rank: int
    item: Item
    picked: bool
    candidate: bool
    uncertainty: float
    gain: float | None
    represents: int | None
    why: str
    decided_by: str = ""
    score: float | None = None


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
    scores = [None if np.isnan(score) else score for score in ranking.score.tolist()]
    means = any(scored[index].uncertainty for index in ranking.order.tolist())
    suggestions = []
    for place, index in enumerate(ranking.order.tolist(), start=1):
        reason, what, score = reasons.get(index), ranking.by[place - 1], scores[place - 1]
        if reason is None:
            why = "among the most uncertain" if index in candidates and means else ""
        else:
            rank = (reason.uncertainty_rank, len(ranking.order)) if means else None
            words = [decided(what, score, rank, index in candidates)]
            if what == COVERAGE:
                words.append(f"stands for {counted(reason.represents, 'image')}")
            why = "; ".join(filter(None, words))
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
                decided_by=what,
                score=score,
            )
        )
    return suggestions
