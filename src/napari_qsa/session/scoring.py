"""What one query for the next images scores, keeps and asks for; for a lane."""

import threading
from dataclasses import dataclass, replace

from napari_qsa.errors import ProjectError
from napari_qsa.jobs import tasks
from napari_qsa.metrics.member_scores import EMBEDDING, as_columns
from napari_qsa.project import Project, Score
from napari_qsa.project.references import Progress
from napari_qsa.session.errands import Errand, Outcome, Source, images
from napari_qsa.session.model_list import card_of_model, model_in_use
from napari_qsa.session.query import QueryOptions
from napari_qsa.session.ranked import Pick, rank_images
from napari_qsa.suggestion.pool import Options
from napari_qsa.suggestion.strategies import needed_columns

SAVE_EVERY = 8
"""Scores that may be lost where the power fails; a cancel loses none."""
SAVE_SHARE = 16
"""Of many known scores this part is gathered before a write, as each write takes them all."""


@dataclass(frozen=True)
class Batch:
    """What a round asks for.

    Attributes
    ----------
    round : int
        Its number.
    picks : tuple of Pick
        Images to annotate, the most wanted first.
    validate : tuple of str
        Ids of validation images to annotate besides.
    cold_start : bool
        Whether too few images are accepted to trust the model's uncertainty.
    notes : tuple of str
        Sentences about how it was made.
    ranking : tuple of Pick
        All training images that wait, those asked for first.
    trained_on : frozenset of str
        Images the model was trained on.
    model : str
        Key of the model.
    """

    round: int
    picks: tuple[Pick, ...]
    validate: tuple[str, ...]
    cold_start: bool
    notes: tuple[str, ...]
    ranking: tuple[Pick, ...]
    trained_on: frozenset[str]
    model: str


def summary(batch: Batch) -> str:
    """Say what a batch asks for."""
    text = f"Round {batch.round}: annotate {images(len(batch.picks))}"
    if batch.validate:
        text += f", and {len(batch.validate)} to validate on"
    return f"{text}."


class Query:
    """One query: what is to be scored, and what was.

    Parameters
    ----------
    project
        Whose images are asked for.
    options
        How to choose.
    he_glands
        See `rank_images`.

    Attributes
    ----------
    cancelled : threading.Event
        Set to stop `prepare`.
    todo : tuple of str
        Images that have no score yet.
    path : str
        Of the model's file.
    """

    def __init__(self, project: Project, options: QueryOptions, he_glands: bool) -> None:
        self.project, self.options, self.he_glands = project, options, he_glands
        self.model = model_in_use(project, "suggestive")
        self.cancelled = threading.Event()
        self.errand: Errand[tasks.ImageScore] | None = None
        self.todo: tuple[str, ...] = ()
        self.path = ""
        self._known = 0
        self._needs: tuple[str, ...] = ()
        self._gathered: dict[str, Score] = {}

    def prepare(self, report: Progress) -> None:
        """Find the model, and what it has not scored yet.

        Raises
        ------
        QsaError
            If an option is out of range, or the project or the model cannot be used.
        """
        chosen = self.options
        self._needs = needed_columns(chosen.strategy)
        Options(chosen.k, chosen.candidates, chosen.count_annotated, chosen.seed)
        if self.project.read_only:
            raise ProjectError(
                f"{self.project.folder} is open read-only: open it as its owner to begin a round."
            )
        self.path = str(self.project.model_path(self.model))
        card = card_of_model(self.project, self.model)
        if card.training:  # known by the whole hash
            self.project.hash_images(report, self.cancelled.is_set)
        known = self.project.read_scores(self.model)
        self._known = len(known)
        records = self.project.images.values()
        # What is ranked comes first; of the others the user sees the uncertainty too.
        wanted = sorted(
            (r for r in records if r.role != "excluded"), key=lambda r: r.role != "train"
        )
        self.todo = tuple(
            r.id for r in wanted if r.id not in known or self._stale(known[r.id], r.id)
        )

    def keep(self, source: Source, found: tasks.ImageScore) -> bool:
        """Take one score; True if scores were written now."""
        if found.small is not None:
            self.project.save_map(self.model, source.image_id, source.image_hash, found.small)
        self._gathered[source.image_id] = Score(
            found.uncertainty,
            found.n_glands,
            found.descriptor,
            source.image_hash,
            found.pixel_size,
            {} if found.scores is None else as_columns(found.scores),
            found.embedding if EMBEDDING in self._needs else None,
        )
        if len(self._gathered) < max(SAVE_EVERY, self._known // SAVE_SHARE):
            return False
        self.save()
        return True

    def save(self) -> None:
        """Write what was gathered."""
        if self._gathered:
            self.project.save_scores(self.model, self._gathered)
            self._known += len(self._gathered)
            self._gathered = {}

    def finish(self, outcome: Outcome) -> Batch:
        """Write the last scores, rank, and begin a round.

        Raises
        ------
        QsaError
            If nothing is left to ask for, or it cannot be written.
        """
        self.save()
        card = card_of_model(self.project, self.model)
        scores = self.project.read_scores(self.model)
        ranked = rank_images(self.project, card, scores, self.options, self.he_glands)
        asked = self.project.next_round([pick.image_id for pick in ranked.order], self.options.k)
        picked = set(asked.annotate)
        order = tuple(replace(pick, picked=pick.image_id in picked) for pick in ranked.order)
        notes = list(ranked.notes)
        assumed = sum(self.project.pixel_size_of(pick.image_id) is None for pick in order)
        if assumed:
            notes.append(
                f"The pixel size of {images(assumed)} is unknown: {card.source_pixel_size:g} µm "
                "is assumed, that of the model's training images."
            )
        if outcome.unusable:
            notes.append(f"{images(len(outcome.unusable))} could not be scored.")
        return Batch(
            asked.number,
            tuple(pick for pick in order if pick.picked),
            asked.validate,
            ranked.cold_start,
            tuple(notes),
            order,
            ranked.trained_on,
            self.model,
        )

    def _stale(self, score: Score, image_id: str) -> bool:
        """Tell whether a score lacks a number, or is of another pixel size than is known by now."""
        known = {*score.columns, *([] if score.embedding is None else [EMBEDDING])}
        pixel_size = self.project.pixel_size_of(image_id)
        return not known.issuperset(self._needs) or (
            pixel_size is not None and pixel_size != score.pixel_size
        )
