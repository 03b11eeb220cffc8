"""Segment images of a project, and show what was found in one, by rules that can be changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.errors import QsaError
from napari_qsa.jobs import Job, tasks
from napari_qsa.project import Project
from napari_qsa.project.predictions import Stored
from napari_qsa.session.desk import Desk
from napari_qsa.session.errands import Errand, Outcome, Source, images
from napari_qsa.session.model_list import ModelInfo, card_of_model, list_models, model_in_use
from napari_qsa.session.part import Part
from napari_qsa.session.predicting import Predicting
from napari_qsa.session.proposals import Proposal, Rules, propose, read_rules, write_rules
from napari_qsa.session.state import State

if TYPE_CHECKING:
    from napari_qsa.ensemble.prediction import Prediction

__all__ = ["ModelInfo", "ProjectSegmenter", "Proposal"]

PART = "segmentation"


class ProjectSegmenter(Part):
    """Predicts images of the project in the engine, and keeps what was predicted with it.

    Parameters
    ----------
    desk
        With the project and the engine.
    """

    predicted = Signal(str)
    """The id of an image whose prediction is on the disk now."""

    shown = Signal(object)
    """A `Proposal`, or None where the image that was asked for has no prediction."""

    models_changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, PART)
        self._run: Predicting | None = None
        self._models: tuple[ModelInfo, ...] = ()
        self._model: str | None = None
        self._image: str | None = None
        self._turn = object()
        self._held: _Held | None = None
        desk.project_changed.connect(self._project_changed)
        self._project_changed()

    @property
    def model(self) -> str | None:
        """Key of the model whose predictions are shown; None without a project."""
        project = self._desk.project
        if project is None:
            return None
        return self._model or model_in_use(project, "segmentation")

    @property
    def pending(self) -> frozenset[str]:
        """Images that are being segmented, or wait for it."""
        run = self._run
        return frozenset() if run is None else frozenset(run.todo or run.ids) - run.done

    def models(self) -> tuple[ModelInfo, ...]:
        """List the models as they were when they were looked at last; `models_changed` tells."""
        return self._models

    def look_for_models(self) -> None:
        """Look at the models again, and show the one in use: one was adopted, or put back."""
        project = self._desk.project
        if project is not None:
            self._model = None
            self._desk.do(PART, partial(list_models, project), partial(self._found, project))
            if self._image is not None:
                self.show(self._image)

    def segment(
        self,
        ids: Sequence[str],
        model: str | None = None,
        tta: bool = False,
        again: bool = False,
    ) -> None:
        """Start to segment images; `predicted` tells of each.

        Parameters
        ----------
        ids
            Of the images, in this order.
        model
            A key; None is the one in use. Its predictions are shown from now on.
        tta
            Average over flips and quarter turns.
        again
            Also those that this model has predicted already.
        """
        project = self._begin("Looking at what is there…")
        if project is None:
            return
        self._model = model
        run = self._run = Predicting(
            project, self.model or "", tuple(dict.fromkeys(ids)), tta, again
        )
        self._lane.do(run.prepare, partial(self._start, run), partial(self._refuse, run))

    def cancel(self) -> None:
        """Stop at once; what was predicted is kept."""
        run = self._run
        if run is not None and run.errand is not None:
            run.errand.cancel()
        elif run is not None:
            self._run = None
            self._show(State.CANCELLED, "Cancelled.")

    def show(self, image_id: str) -> None:
        """Read what the model has predicted of an image; `shown` tells, of the last one only."""
        project, model = self._desk.project, self.model
        if project is None or model is None:
            return
        self._image = image_id
        turn = self._turn = object()
        self._lane.do(
            partial(self._read, turn, project, model, image_id),
            partial(self._put, turn),
            partial(self._not_shown, turn),
        )

    def set_rules(self, threshold: float | None, min_area_um2: float | None) -> None:
        """Make the glands that are shown anew by other rules, and keep these for this model.

        Only the last of several calls in a row is done. No annotation is touched.

        Parameters
        ----------
        threshold
            How sure the model must be of a pixel, 0 to 1; None is the model's own.
        min_area_um2
            Smaller glands are left out; None is the model's own.
        """
        try:
            rules = Rules(threshold, min_area_um2)
        except QsaError as error:
            self._desk.fail(PART, error)
            return
        project, model, image_id = self._desk.project, self.model, self._image
        if project is None or model is None:
            return
        turn = self._turn = object()
        self._lane.do(
            partial(self._apply, turn, project, model, image_id, rules),
            partial(self._put, turn),
            partial(self._not_shown, turn),
        )

    def close(self) -> None:
        """Stop at once and for good."""
        self._leave()
        super().close()

    # Segmenting

    def _start(self, run: Predicting, _: None) -> None:
        if run is self._run:
            run.errand = Errand(
                self._desk, self._lane, run.project, partial(self._submit, run),
                partial(self._keep, run), self._tell, partial(self._ended, run),
            )  # fmt: skip
            run.errand.start(run.todo)

    def _refuse(self, run: Predicting, error: BaseException) -> None:
        if run is self._run:
            self._run = None
            self._fail(error)

    def _submit(self, run: Predicting, source: Source) -> "Job[Prediction]":
        return self._desk.engine.submit(
            tasks.segment_file, source.path, source.page, run.path, source.pixel_size, run.tta
        )

    def _keep(self, run: Predicting, source: Source, prediction: "Prediction") -> None:
        run.keep(source, prediction)
        self._desk.post(partial(self._kept, run, source.image_id))

    def _kept(self, run: Predicting, image_id: str) -> None:
        run.done.add(image_id)
        if run.project is self._desk.project:
            self.predicted.emit(image_id)
            if image_id == self._image and run.model == self.model:
                self.show(image_id)

    def _tell(self, fraction: float, name: str) -> None:
        self._show(State.RUNNING, f"Segmenting {name}…", fraction)

    def _ended(self, run: Predicting, outcome: Outcome) -> None:
        if run is not self._run:
            return
        self._run = None
        done, skipped = len(outcome.done), len(run.ids) - len(run.todo)
        text = f"{images(done)} segmented"
        if skipped:
            text += f", {skipped} had been segmented by this model before"
        if outcome.error is not None:
            self._fail(outcome.error)
        elif outcome.cancelled:
            self._show(State.CANCELLED, f"Cancelled; {text}.")
        else:
            self._show(State.DONE, f"{text}.", 1.0)
        if outcome.unusable and outcome.error is None:
            self._complain("segmented", outcome.unusable)

    # Showing; what is held is touched in the lane alone

    def _read(self, turn: object, project: Project, model: str, image_id: str) -> Proposal | None:
        if turn is not self._turn:
            return None
        stored = project.read_prediction(model, image_id)
        if stored is None:
            self._held = None
            return None
        held = self._held = _Held(project, model, image_id, card_of_model(project, model), stored)
        return held.propose(read_rules(project, model))

    def _apply(
        self, turn: object, project: Project, model: str, image_id: str | None, rules: Rules
    ) -> Proposal | None:
        if turn is not self._turn:
            return None
        if not project.read_only:
            write_rules(project, model, rules)
        held = self._held
        if held is None or (held.project, held.model, held.image_id) != (project, model, image_id):
            return None if image_id is None else self._read(turn, project, model, image_id)
        return held.propose(rules)

    def _put(self, turn: object, proposal: Proposal | None) -> None:
        if turn is self._turn:
            self.shown.emit(proposal)

    def _not_shown(self, turn: object, error: BaseException) -> None:
        if turn is self._turn:
            self.shown.emit(None)
            self._desk.fail(PART, error)

    # Changes

    def _project_changed(self) -> None:
        self._leave()
        self._image = self._model = None
        self._models = ()
        self.models_changed.emit()
        self.look_for_models()

    def _leave(self) -> None:
        """Let go of the project; of the work that is under way nothing more is heard."""
        run, self._run = self._run, None
        self._turn = object()
        if run is not None:
            if run.errand is not None:
                run.errand.cancel()
            self._show(State.CANCELLED, "Cancelled.")

    def _found(
        self, project: Project, found: tuple[tuple[ModelInfo, ...], tuple[str, ...]]
    ) -> None:
        if project is self._desk.project:
            self._models, problems = found
            self.models_changed.emit()
            for problem in problems:
                self._desk.fail(PART, QsaError(problem))


@dataclass(frozen=True, eq=False)
class _Held:
    """The prediction that is shown, kept so that other rules need not read it again."""

    project: Project
    model: str
    image_id: str
    card: EnsembleCard
    stored: Stored

    def propose(self, rules: Rules) -> Proposal:
        return propose(self.image_id, self.model, self.stored, self.card, rules)
