"""Score the images of a project in the engine, and ask for those to annotate next."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_qsa.jobs import Job, tasks
from napari_qsa.metrics.small_map import as_uncertainty
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.errands import Errand, Outcome, Source, images
from napari_qsa.session.model_list import model_in_use
from napari_qsa.session.part import Part
from napari_qsa.session.query import QueryOptions
from napari_qsa.session.ranked import Pick
from napari_qsa.session.scoring import Batch, Query, summary
from napari_qsa.session.state import State

__all__ = ["Batch", "Pick", "Suggester"]

PART = "suggestion"


class Suggester(Part):
    """Asks for the images that are worth annotating next.

    Parameters
    ----------
    desk
        With the project and the engine.
    """

    suggested = Signal(Batch)
    scores_changed = Signal()
    """Scores of some more images are on the disk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, PART)
        self._run: Query | None = None
        self._batch: Batch | None = None
        desk.project_changed.connect(self._project_changed)

    @property
    def model(self) -> str | None:
        """Key of the model that suggests; None without a project."""
        project = self._desk.project
        return None if project is None else model_in_use(project, "suggestive")

    @property
    def batch(self) -> Batch | None:
        """What the last round asked for."""
        return self._batch

    def suggest(
        self,
        k: int = 8,
        candidates: int = 16,
        strategy: str = "suggestive",
        he_glands: bool = False,
        seed: int | None = None,
    ) -> None:
        """Score what is not scored yet, rank, and begin a round; `suggested` tells.

        Parameters
        ----------
        k
            Images to ask for.
        candidates
            Most uncertain images among which those are chosen that stand for most others.
        strategy
            See `napari_qsa.suggestion.strategy_names`.
        he_glands
            Whether the images are glands in H&E: the uncertainty of a model that knows few of
            these images counts then too.
        seed
            Of the random strategy; None is the project's.
        """
        project = self._begin("Looking at what is known…")
        if project is None:
            return
        seed = project.facts.seed if seed is None else seed
        run = self._run = Query(
            project, QueryOptions(k, candidates, strategy, seed=seed), he_glands
        )
        self._lane.do(
            partial(run.prepare, self._hashing), partial(self._start, run), partial(self._stop, run)
        )

    def read_map(self, image_id: str, then: Callable[[NDArray[np.float32] | None], object]) -> None:
        """Have `then` called with where the model that suggests is unsure in an image.

        Parameters
        ----------
        image_id
            Of the image.
        then
            Called in the owner's thread with a small ``(h, w) float32`` map, 0 to 0.5, of the
            whole image; None where this model has not scored it, or did before maps were kept.
        """
        project, model = self._desk.project, self.model
        if project is not None and model is not None:
            self._desk.background.do(
                partial(_read_map, project, model, image_id), then, partial(self._desk.fail, PART)
            )

    def cancel(self) -> None:
        """Stop at once; the scores there are by now are kept."""
        run = self._run
        if run is not None and run.errand is not None:
            run.errand.cancel()
            self._lane.do(run.save)
        elif run is not None:
            run.cancelled.set()
            self._run = None
            self._show(State.CANCELLED, "Cancelled.")

    def close(self) -> None:
        """Stop at once and for good; the scores there are by now are kept."""
        self._leave()
        super().close()

    def _hashing(self, done: int, total: int) -> None:
        self._desk.post(partial(self._tell, done / total, f"Image {done} of {total} looked at…"))

    def _tell(self, fraction: float, message: str) -> None:
        if self.running:
            self._show(State.RUNNING, message, fraction)

    def _start(self, run: Query, _: None) -> None:
        if run is self._run:
            run.errand = Errand(
                self._desk, self._lane, run.project, partial(self._submit, run),
                partial(self._keep, run), lambda share, name: self._tell(share, f"Scoring {name}…"),
                partial(self._ended, run),
            )  # fmt: skip
            run.errand.start(run.todo)

    def _submit(self, run: Query, source: Source) -> Job[tasks.ImageScore]:
        return self._desk.engine.submit(
            tasks.score_file, source.path, source.page, run.path, source.pixel_size
        )

    def _keep(self, run: Query, source: Source, found: tasks.ImageScore) -> None:
        if run.keep(source, found):
            self._desk.post(self.scores_changed.emit)

    def _ended(self, run: Query, outcome: Outcome) -> None:
        """Write the last scores; then rank, unless it was stopped."""
        if run is not self._run:
            return
        stopped = outcome.cancelled or outcome.error is not None
        last = run.save if stopped else partial(run.finish, outcome)
        self._lane.do(last, partial(self._finished, run, outcome), partial(self._stop, run))

    def _finished(self, run: Query, outcome: Outcome, batch: Batch | None) -> None:
        if run is not self._run:
            return
        if outcome.done:
            self.scores_changed.emit()
        self._run = None
        if outcome.error is not None:
            self._fail(outcome.error)
        elif batch is None:
            self._show(State.CANCELLED, f"Cancelled; {images(len(outcome.done))} scored and kept.")
        else:
            self._batch = batch
            self._show(State.DONE, summary(batch), 1.0)
            self.suggested.emit(batch)
            if outcome.unusable:
                self._complain("scored", outcome.unusable)

    def _stop(self, run: Query, error: BaseException) -> None:
        if run is self._run:
            self._run = None
            self._fail(error)

    def _project_changed(self) -> None:
        self._leave()
        self._batch = None

    def _leave(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.cancelled.set()
            if run.errand is not None:
                run.errand.cancel()
                self._lane.do(run.save)
            self._show(State.CANCELLED, "Cancelled.")


def _read_map(project: Project, model: str, image_id: str) -> NDArray[np.float32] | None:
    small = project.read_map(model, image_id)
    return None if small is None else as_uncertainty(small)
