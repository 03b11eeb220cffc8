"""The images of a project as a table shows them: rows, an order, and the one that is current."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from napari_qsa.project import Added, Assigned, ImageRecord, Project, Revision, Summary
from napari_qsa.project.records import Role
from napari_qsa.project.references import Presence
from napari_qsa.session.adding import PART, added, told
from napari_qsa.session.chores import Cancelled, Chores, Progress
from napari_qsa.session.desk import Desk, Failure
from napari_qsa.session.rows import Picked, Row, Scored, place, waits, with_record
from napari_qsa.session.state import State, Status
from napari_qsa.wording import counted

__all__ = ["Picked", "Pool", "Row", "Scored"]

_CHUNK = 250
"""Images looked at in one go: the user's next wish waits no longer than that."""


class Pool:
    """The images of the open project.

    Parameters
    ----------
    desk
        With the project.
    chores
        Does what takes long; one of its own if None.
    """

    rows_changed = Signal()
    """Rows came, went or changed order, or many of them changed."""

    row_changed = Signal(str)
    """One row changed; its image."""

    current_changed = Signal(object)
    """The id of the current image, or None."""

    images_added = Signal(Added)
    """What became of images that were to be added."""

    confirming = Signal(str)
    """A changed file is about to be taken for the image: what is unsaved of it must be sent now."""

    content_changed = Signal(str)
    """The user took a changed file for the image."""

    relocated = Signal(object)
    """The ids of images whose files were found elsewhere."""

    def __init__(self, desk: Desk, chores: Chores | None = None) -> None:
        self._desk = desk
        self._chores = chores or Chores(desk)
        self._rows: dict[str, Row] = {}
        self._table: tuple[Row, ...] | None = ()
        self._order: tuple[str, ...] | None = ()
        self._current: str | None = None
        self._unseen = 0
        desk.project_changed.connect(self._reload)

    # What a table shows

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, in the order the images were added."""
        if self._table is None:
            self._table = tuple(self._rows.values())
        return self._table

    @property
    def complete(self) -> bool:
        """Whether every image was looked at since the project was opened."""
        return self._unseen == 0

    @property
    def current(self) -> str | None:
        """The current image."""
        return self._current

    def row(self, image_id: str) -> Row:
        """Give the row of one image; KeyError if there is none."""
        return self._rows[image_id]

    # Going through the images

    @property
    def order(self) -> tuple[str, ...]:
        """The ids as `next` goes: asked for first, by rank; then by rank; then by name.

        It stays as it is while images are accepted, so that the way back is the way there.
        """
        if self._order is None:
            self._order = tuple(row.id for row in sorted(self._rows.values(), key=place))
        return self._order

    def open(self, image_id: str) -> None:
        """Make an image the current one; once more, where it could not be opened before."""
        if image_id in self._rows:
            self._current = image_id
            self.current_changed.emit(image_id)

    def next(self) -> None:
        """Go to the following image that is to be annotated, from the start after the end."""
        order = self.order
        start = order.index(self._current) + 1 if self._current in order else 0
        following = (*order[start:], *order[:start])
        waiting = [i for i in following if i != self._current and waits(self._rows[i])]
        if waiting:
            self.open(waiting[0])
        elif order[start:]:
            self.open(order[start])

    def back(self) -> None:
        """Go to the image before."""
        order = self.order
        if self._current in order and (here := order.index(self._current)):
            self.open(order[here - 1])

    # What the user does to images

    def add_images(self, paths: Sequence[Path]) -> None:
        """Add files and folders; roles are given by the project's rule."""
        project = self._desk.project
        if project is None:
            return

        def add(progress: Progress, cancelled: Cancelled) -> Added:
            return added(project, paths, progress, cancelled)

        self._chores.do(PART, "Adding images…", add, partial(self._added, project))

    def set_role(self, ids: Iterable[str], role: Role) -> None:
        """Give images a role that no rule changes."""
        if (project := self._desk.project) is not None:
            chosen = list(ids)
            self._desk.do(PART, lambda: project.set_role(chosen, role), self._assigned)

    def relocate(self, folder: Path) -> None:
        """Search a folder for the files of missing images, and refer to them there."""
        project = self._desk.project
        if project is None:
            return

        def search(progress: Progress, cancelled: Cancelled) -> list[str]:
            found = project.find_moved(folder, progress, cancelled)
            project.relocate(found)
            return list(found)

        self._chores.do(PART, "Searching images…", search, partial(self._relocated, project))

    def confirm_changed(self, image_id: str) -> None:
        """Take a changed file for the image; its annotation starts anew."""
        if (project := self._desk.project) is not None:
            self.confirming.emit(image_id)
            self._desk.do(
                PART, partial(project.confirm_changed, image_id), partial(self._confirmed, project)
            )

    # What others have to say

    def apply_scores(self, scores: Mapping[str, Scored], trained_on: Collection[str] = ()) -> None:
        """Show what the suggestive model says of images; of others it says nothing."""
        for row in self.rows:
            score = scores.get(row.id)
            uncertainty = None if score is None else score.uncertainty
            known = row.id in trained_on
            self._rows[row.id] = replace(row, uncertainty=uncertainty, trained_on=known)
        self._changed()

    def apply_ranking(self, picks: Iterable[Picked]) -> None:
        """Show a ranking; what was asked for is read from the project."""
        by_id = {pick.image_id: pick for pick in picks}
        for row in self.rows:
            pick = by_id.get(row.id)
            found = (None, False, "") if pick is None else (pick.rank, pick.picked, pick.why)
            rank, picked, why = found
            self._rows[row.id] = replace(row, rank=rank, picked=picked, why=why)
        self.refresh()

    def apply_revision(self, facts: Revision) -> None:
        """Show that an annotation was saved."""
        if facts.image in self._rows and self.order:  # an order made now still has it in its place
            row = replace(self._rows[facts.image], annotation=facts.state, glands=facts.glands)
            self._put_row(row)

    def refresh(self) -> None:
        """Take over what the project has in memory of each image: roles, rounds, names."""
        if (project := self._desk.project) is not None:
            self._rows = {
                record.id: with_record(self._rows.get(record.id), record)
                for record in project.images.values()
            }
            self._changed()

    def look(self, ids: Sequence[str] | None = None) -> None:
        """Look at the files and annotations of some images, or of all, again."""
        project = self._desk.project
        if project is None:
            return
        wanted = list(self._rows if ids is None else ids)
        self._unseen += len(wanted)
        self._look_on(project, wanted)

    # How it is done

    def _reload(self) -> None:
        self._rows = {}
        self._unseen = 0
        self.refresh()
        if self._desk.project is None:
            self._changed()
        if self._current is not None:
            self._current = None
            self.current_changed.emit(None)
        self.look()

    def _look_on(self, project: Project, ids: list[str]) -> None:
        """Look at the next images; between two goes the lane does what else is wanted."""
        if ids and project is self._desk.project:
            now, later = ids[:_CHUNK], ids[_CHUNK:]
            self._desk.disk.do(
                lambda: (project.summaries(now), project.check_images(now, quick=True)),
                partial(self._seen, project, now, later),
                partial(self._not_seen, project, now, later),
            )

    def _seen(
        self,
        project: Project,
        now: list[str],
        later: list[str],
        found: tuple[dict[str, Summary], dict[str, Presence]],
    ) -> None:
        if project is not self._desk.project:
            return
        summaries, presences = found
        for image_id in now:
            if image_id in self._rows:
                summary = summaries[image_id]
                self._rows[image_id] = replace(
                    self._rows[image_id],
                    annotation=summary.status,
                    glands=None if summary.newest is None else summary.glands,
                    presence=presences[image_id],
                )
        self._unseen -= len(now)
        self._changed()
        self._look_on(project, later)

    def _not_seen(
        self, project: Project, now: list[str], later: list[str], error: BaseException
    ) -> None:
        if project is self._desk.project:
            self._unseen -= len(now)
            self._desk.fail(PART, error)
            self._look_on(project, later)

    def _added(self, project: Project, found: Added) -> Status:
        if project is self._desk.project:
            self.refresh()
            self.look(found.ids)
        self.images_added.emit(found)
        return told(self._desk, found)

    def _assigned(self, assigned: Assigned) -> None:
        for image_id in assigned.changed:
            self._refresh_row(image_id)
        for warning in assigned.warnings:
            self._desk.failed.emit(Failure(warning, part=PART))

    def _relocated(self, project: Project, ids: list[str]) -> Status:
        if project is self._desk.project:
            self.look(ids)
            self.relocated.emit(ids)
        return Status(State.DONE, f"{counted(len(ids), 'missing image')} found.", 1.0)

    def _confirmed(self, project: Project, record: ImageRecord) -> None:
        if project is self._desk.project:
            self._refresh_row(record.id)
            self.look([record.id])
            self.content_changed.emit(record.id)

    def _refresh_row(self, image_id: str) -> None:
        project = self._desk.project
        if project is not None and image_id in self._rows:
            self._put_row(with_record(self._rows[image_id], project.image(image_id)))

    def _put_row(self, row: Row) -> None:
        if self._rows[row.id] != row:
            self._rows[row.id] = row
            self._table = None
            self.row_changed.emit(row.id)

    def _changed(self) -> None:
        self._table = self._order = None
        self.rows_changed.emit()
