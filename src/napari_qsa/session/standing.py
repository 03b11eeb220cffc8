"""What models said of the images, brought to the pool: scores, the last ranking, what is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_qsa.errors import QsaError
from napari_qsa.project import Project, Score
from napari_qsa.session.desk import Desk
from napari_qsa.session.model_list import card_of_model, model_in_use, trained_on
from napari_qsa.session.pool import Pool
from napari_qsa.session.scoring import Batch

PART = "suggestion"
SETTING = "last ranking"
"""Among a project's settings: ids in order, and why those that were asked for were."""

KEPT = 500
"""So many images of a ranking are kept with the project."""


@dataclass(frozen=True)
class Placed:
    """An image of a ranking that was read again, see `napari_qsa.session.rows.Picked`."""

    image_id: str
    rank: int
    picked: bool
    why: str


class Standing:
    """Keeps the pool's rows up to date with what the suggestive model in use says.

    Parameters
    ----------
    desk
        With the project.
    pool
        Whose rows are changed.
    """

    def __init__(self, desk: Desk, pool: Pool) -> None:
        self._desk = desk
        self._pool = pool
        self._model: str | None = None
        self._reading = False
        self._again = False
        desk.project_changed.connect(self._project_changed)

    def read_scores(self) -> None:
        """Read the scores again; of several calls in a row the last is done."""
        project = self._desk.project
        if project is None:
            return
        if self._reading:
            self._again = True
            return
        self._reading = True
        key = self._model = model_in_use(project, "suggestive")
        self._desk.disk.do(
            partial(_scores, project, key),
            partial(self._put, project, key),
            partial(self._lost, project),
        )

    def model_changed(self) -> None:
        """Read the scores if another model is in use now."""
        project = self._desk.project
        if project is not None and model_in_use(project, "suggestive") != self._model:
            self.read_scores()

    def suggested(self, batch: Batch) -> None:
        """Show a ranking, and keep it with the project."""
        self._pool.apply_ranking(batch.ranking)
        project = self._desk.project
        if project is not None:
            order = [pick.image_id for pick in batch.ranking[:KEPT]]
            why = {pick.image_id: pick.why for pick in batch.picks}
            kept = {SETTING: {"order": order, "why": why}}
            self._desk.do(PART, partial(project.set_settings, kept))

    def _project_changed(self) -> None:
        self._model = None
        project = self._desk.project
        if project is not None:
            placed = last_ranking(project)
            if placed:
                self._pool.apply_ranking(placed)
            self.read_scores()

    def _put(
        self, project: Project, key: str, found: tuple[Mapping[str, Score], frozenset[str]]
    ) -> None:
        self._reading = False
        if project is self._desk.project and key == self._model:
            self._pool.apply_scores(*found)
        self._go_on()

    def _lost(self, project: Project, error: BaseException) -> None:
        self._reading = False
        if project is self._desk.project:
            self._desk.fail(PART, error)
        self._go_on()

    def _go_on(self) -> None:
        if self._again:
            self._again = False
            self.read_scores()


def last_ranking(project: Project) -> tuple[Placed, ...]:
    """Give the ranking that is kept with a project, of images that are there; reads no file."""
    kept: Any = project.facts.settings.get(SETTING)
    if not isinstance(kept, dict) or not isinstance(kept.get("order"), list):
        return ()
    why = kept.get("why")
    words = why if isinstance(why, dict) else {}
    return tuple(
        Placed(image_id, rank, image_id in words, str(words.get(image_id, "")))
        for rank, image_id in enumerate(kept["order"], start=1)
        if isinstance(image_id, str) and image_id in project.images
    )


def _scores(project: Project, key: str) -> tuple[Mapping[str, Score], frozenset[str]]:
    """Read what a model says of the images, and which of them it was trained on."""
    try:
        known = trained_on(card_of_model(project, key), project.images.values())
    except QsaError:  # whoever uses the model is told that its file cannot be read
        known = frozenset()
    return project.read_scores(key), known
