"""Rank the images of a project by their scores: pure work on what is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.images import Item
from napari_qsa.project import Project, Score
from napari_qsa.session.doubts import COLD_BELOW, alone, strange
from napari_qsa.session.model_list import trained_on
from napari_qsa.session.query import QueryOptions, Scored, Suggestion
from napari_qsa.session.query import suggest as rank_scored
from napari_qsa.session.reasons import decided
from napari_qsa.suggestion.strategies import COVERAGE, goes_by_uncertainty
from napari_qsa.wording import counted, form


@dataclass(frozen=True)
class Pick:
    """One image of a ranking.

    Attributes
    ----------
    image_id : str
        Of the image.
    rank : int
        1 is to be annotated first.
    picked : bool
        Whether it is one of those that are asked for.
    uncertainty : float
        Mean over its pixels, 0 to 0.5.
    represents : int or None
        Of one that is asked for: images, itself among them, to which it is the most similar one.
    why : str
        In words; may be empty for one that is not asked for.
    decided_by, score
        See `napari_qsa.session.query.Suggestion`.
    """

    image_id: str
    rank: int
    picked: bool
    uncertainty: float
    represents: int | None
    why: str
    decided_by: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Ranked:
    """The images of a project that wait for an annotation, the best first.

    Attributes
    ----------
    order : tuple of Pick
        Training images that were scored and have no accepted annotation.
    cold_start : bool
        Whether too few images are accepted to trust the model's uncertainty.
    trained_on : frozenset of str
        Images the model was trained on; those without an accepted annotation are left out.
    notes : tuple of str
        Sentences about how the ranking was made.
    """

    order: tuple[Pick, ...]
    cold_start: bool
    trained_on: frozenset[str]
    notes: tuple[str, ...]


def rank_images(
    project: Project,
    card: EnsembleCard,
    scores: Mapping[str, Score],
    options: QueryOptions,
    he_glands: bool,
) -> Ranked:
    """Rank the training images of a project that have no accepted annotation.

    Parameters
    ----------
    project
        Whose accepted annotations are what is covered already.
    card, scores
        Of the suggestive model.
    options
        How to choose.
    he_glands
        Whether the images are what the shipped models were trained on, so that a model's
        uncertainty counts from the start.

    Raises
    ------
    QsaError
        If an option is out of range.
    """
    images = project.images
    accepted = {i for i, found in project.summaries().items() if found.accepted is not None}
    seen = trained_on(card, images.values())
    cold = len(accepted) < COLD_BELOW
    waiting = [i for i, record in images.items() if record.role == "train" and i in scores]
    foreign = strange(card, map(project.pixel_size_of, waiting))
    unsure = bool(foreign) or (cold and not he_glands)
    flat = unsure and goes_by_uncertainty(options.strategy)
    pool = [
        _scored(image_id, scores[image_id], flat)
        for image_id, record in images.items()
        if record.role == "train"
        and image_id in scores
        and (image_id in accepted or image_id not in seen)
    ]
    left_out = sum(images[i].role == "train" for i in seen - accepted)
    doubts = () if flat else alone(card, options.strategy)
    notes = doubts + _notes(flat, foreign, len(accepted), left_out)
    if all(each.item.name in accepted for each in pool):
        return Ranked((), cold, seen, notes)
    if flat:
        options = replace(options, strategy="representative")
    suggestions = rank_scored(pool, accepted, options).suggestions
    places = _places([scores[each.item.name].uncertainty for each in suggestions])
    means = not flat and any(each.uncertainty for each in suggestions)
    order = tuple(
        _pick(each, scores[each.item.name].uncertainty, (place, len(places)) if means else None)
        for each, place in zip(suggestions, places, strict=True)
    )
    return Ranked(order, cold, seen, notes)


def _scored(image_id: str, score: Score, flat: bool) -> Scored:
    item = Item(image_id, Path(image_id), None)
    uncertainty = 0.0 if flat else score.uncertainty
    return Scored(
        item, uncertainty, score.descriptor, columns=score.columns, embedding=score.embedding
    )


def _places(uncertainties: list[float]) -> list[int]:
    """Give the place of each number, 1 for the highest; ties share the better one."""
    falling = sorted(uncertainties, reverse=True)
    return [falling.index(number) + 1 for number in uncertainties]


def _pick(found: Suggestion, uncertainty: float, place: tuple[int, int] | None) -> Pick:
    reasons = []
    if found.picked:
        reasons.append(decided(found.decided_by, found.score, place, found.candidate))
    elif found.candidate and place is not None:
        reasons.append("among the most uncertain")
    if found.picked and found.decided_by == COVERAGE:
        others = (found.represents or 0) - 1
        alike = f"like {others or 'no'} other {form(others, 'image')}"
        reasons.append(alike if others >= 0 else "others are like the same images")
    return Pick(
        found.item.name,
        found.rank,
        found.picked,
        uncertainty,
        found.represents,
        "; ".join(filter(None, reasons)),
        found.decided_by,
        found.score,
    )


def _notes(flat: bool, foreign: str, accepted: int, left_out: int) -> tuple[str, ...]:
    notes = []
    if flat and foreign and accepted >= COLD_BELOW:
        notes.append(
            f"{foreign}, so images were chosen that are like many others, and the uncertainty is "
            "only shown."
        )
    elif flat:
        notes.append(
            f"{counted(accepted, 'image')} {form(accepted, 'is', 'are')} accepted, and below "
            f"{COLD_BELOW} a model cannot judge its own uncertainty: images were chosen that are "
            "like many others, and the uncertainty is only shown."
        )
    if left_out:
        were, them = form(left_out, "was", "were"), form(left_out, "it", "them")
        notes.append(
            f"{counted(left_out, 'image')} {were} left out, for this model was trained on {them}."
        )
    return tuple(notes)
