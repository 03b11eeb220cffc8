"""The workbench: a project with all that is done in it, each part wired to the others."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psygnal import Signal

from napari_qsa.errors import ProjectError
from napari_qsa.jobs import Engine
from napari_qsa.project import Added, Project
from napari_qsa.session.adding import PART, create, create_samples, told
from napari_qsa.session.annotator import Annotator
from napari_qsa.session.autosave import Clock
from napari_qsa.session.chores import Cancelled, Chores, Progress
from napari_qsa.session.desk import Desk, Failure
from napari_qsa.session.dispatch import Post
from napari_qsa.session.exporter import Exporter
from napari_qsa.session.hashing import Hashing
from napari_qsa.session.pool import Pool
from napari_qsa.session.rescue import PART as RESCUE
from napari_qsa.session.rescue import take_up
from napari_qsa.session.segmenter import ProjectSegmenter
from napari_qsa.session.standing import Standing
from napari_qsa.session.state import State, Status
from napari_qsa.session.suggester import Suggester
from napari_qsa.session.thumbnails import Thumbnails
from napari_qsa.session.trainer import Trainer

CLOSING_SECONDS = 12.0
"""So long the owner waits at most for what must be written when a project is closed.

A window that is closed waits before that until what was painted is saved, see `room.py`: 20 s in
all.
"""

SAVING_SHARE, RESCUING_SHARE = 0.4, 0.3
"""Of that time, for what was painted, and for copying elsewhere what could not be saved."""


@dataclass(frozen=True)
class Made:
    """A project that was made or opened, what was added to it, and what there is to say."""

    project: Project
    added: Added | None = None
    said: tuple[str, ...] = ()


class Workbench:
    """One per window or command; its methods are called in the owner's thread.

    Parameters
    ----------
    post
        Makes a call in the owner's thread; from any thread.
    engine
        For heavy work; one is made if None.
    clock
        For the autosave; the real time if None.
    """

    status_changed = Signal(Status)

    def __init__(
        self, post: Post, engine: Engine | None = None, clock: Clock | None = None
    ) -> None:
        self.desk = Desk(post, engine)
        self._chores = Chores(self.desk)
        self._hashing = Hashing(self.desk)
        self.pool = Pool(self.desk, self._chores)
        self.thumbnails = Thumbnails(self.desk)
        self.annotator = Annotator(self.desk, clock)
        self.segmenter = ProjectSegmenter(self.desk)
        self.suggester = Suggester(self.desk)
        self.trainer = Trainer(self.desk)
        self.exporter = Exporter(self.desk, lambda: self.segmenter.pending)
        self._writers = (self.segmenter, self.suggester, self.trainer, self.exporter)
        self._standing = Standing(self.desk, self.pool)
        self._closed = False
        self._slots: object = None
        self._chores.status_changed.connect(self.status_changed.emit)
        self.pool.current_changed.connect(self._show)
        self.pool.confirming.connect(self._confirming)
        self.pool.content_changed.connect(self._content_changed)
        self.annotator.saved.connect(self.pool.apply_revision)
        self.annotator.advanced.connect(self.pool.next)
        self.pool.relocated.connect(self.thumbnails.forget)
        self.suggester.suggested.connect(self._standing.suggested)
        self.suggester.scores_changed.connect(self._standing.read_scores)
        self.trainer.changed.connect(self._models_changed)

    @property
    def status(self) -> Status:
        """How far opening, adding or searching is."""
        return self._chores.status

    @property
    def running(self) -> bool:
        """Whether a project is being opened, or images are added or searched."""
        return self._chores.running

    def cancel(self) -> None:
        """Stop adding or searching soon; what was added stays."""
        self._chores.cancel()

    def new_project(
        self,
        folder: Path,
        images: Path | None = None,
        name: str | None = None,
        pixel_size: float | None = None,
        seed: int = 0,
        group_rule: str | None = None,
    ) -> None:
        """Make a project, add the images of a folder or a file, give roles, and open it.

        Parameters
        ----------
        folder
            ``NAME.qsa``; it must not be there yet.
        images
            None adds none.
        name
            For people; the folder's name if None.
        pixel_size
            In µm, for images that do not say their own.
        seed
            Of all that is drawn.
        group_rule
            A regular expression that is searched in the names of images of unknown patient;
            its first group names those that belong together.
        """

        def make(progress: Progress, cancelled: Cancelled) -> Made:
            return Made(
                *create(folder, images, name, pixel_size, seed, progress, cancelled, group_rule)
            )

        self._open(f"Making {folder.name}…", make)

    def new_sample_project(self, folder: Path) -> None:
        """Make a project of sample images, which are written beside it, and open it."""

        def make(progress: Progress, cancelled: Cancelled) -> Made:
            return Made(*create_samples(folder, progress, cancelled))

        self._open("Drawing sample images…", make)

    def open_project(self, folder: Path, read_only: bool = False, rescued: bool = True) -> None:
        """Open a project; the one that is open is closed once the other could be opened.

        Parameters
        ----------
        folder
            ``NAME.qsa``.
        read_only
            Also where somebody else has it.
        rescued
            Take up what could not be saved at the time, see `napari_qsa.session.rescue`.
        """
        project = self.desk.project
        if project is not None and Path(folder).absolute() == project.folder:
            # Its own lock would keep it out: it must be closed first.
            if project.read_only == read_only:
                return
            if not self.close_project():
                return

        def take(progress: Progress, cancelled: Cancelled) -> Made:
            project = Project.open(folder, read_only)
            try:
                return Made(project, said=tuple(take_up(project) if rescued else ()))
            except BaseException:
                project.close()
                raise

        self._open(f"Opening {Path(folder).name}…", take)

    def close_project(self) -> bool:
        """Save what was painted and close the project; waits for it.

        Returns
        -------
        bool
            False if what was painted could not be saved; the project stays open then.
        """
        project = self.desk.project
        if project is None:
            return True
        end = time.monotonic() + CLOSING_SECONDS
        if not self.annotator.flush(CLOSING_SECONDS):
            message = f"{project.folder} stays open: what you painted could not be saved yet."
            self.desk.fail(PART, ProjectError(message))
            return False
        if not self._leave(project, end):
            self.desk.fail(
                PART,
                ProjectError(
                    f"{project.folder} is closed, but not all was written in time: wait a moment "
                    "before you open it again."
                ),
            )
        return True

    def close(self) -> None:
        """Close the project and let go of all threads and processes; twice does nothing.

        What was painted and cannot be saved is copied to another place, which a failure names.
        """
        if self._closed:
            return
        self._closed = True
        project = self.desk.project
        if project is not None:
            end = time.monotonic() + CLOSING_SECONDS
            if not self.annotator.flush(SAVING_SHARE * CLOSING_SECONDS):
                self.annotator.rescue(RESCUING_SHARE * CLOSING_SECONDS)
            self._leave(project, end)
        self.annotator.stop()
        self._chores.cancel()
        for part in (*self._writers, self.thumbnails, self._hashing):
            part.close()
        self.desk.close()

    def _leave(self, project: Project, end: float) -> bool:
        """Give the project free once every part has written what it has to write.

        Returns
        -------
        bool
            Whether all was written by the time `end`.
        """
        self._chores.cancel()
        self._hashing.stop()
        self.annotator.close()
        self.desk.put_project(None)  # what runs for it stops now, and its results are kept
        written = [
            part.flush(max(end - time.monotonic(), 0.0))
            for part in (self.desk.background, *self._writers)
        ]
        self.desk.disk.do(project.close)
        return self.desk.disk.flush(max(end - time.monotonic(), 0.0)) and all(written)

    def _open(self, message: str, make: Callable[[Progress, Cancelled], Made]) -> None:
        self._chores.do("project", message, make, self._opened)

    def _opened(self, made: Made) -> Status:
        project, added = made.project, made.added
        if self._closed or not self.close_project():
            project.close()
            return Status(State.CANCELLED, f"{project.folder.name} was not opened.")
        self.desk.put_project(project)
        self._hashing.start()
        for sentence in made.said:
            self.desk.failed.emit(Failure(sentence, part=RESCUE))
        if added is not None:
            self.pool.images_added.emit(added)
            return told(self.desk, added)
        return Status(State.DONE, f"{project.facts.name} is open.", 1.0)

    def _show(self, image_id: str | None) -> None:
        if image_id is None:
            self.annotator.close()
        else:
            self.annotator.open(image_id)

    def _confirming(self, image_id: str) -> None:
        # Saved and closed first: its strokes belong to what the file was.
        if self.annotator.current is not None and self.annotator.current.image_id == image_id:
            self.annotator.close()

    def _content_changed(self, image_id: str) -> None:
        self.thumbnails.forget([image_id])
        if image_id == self.pool.current:
            self.annotator.open(image_id)

    def _models_changed(self) -> None:
        """Show what the models in use say, if others are in use than before."""
        project = self.desk.project
        before, self._slots = self._slots, None if project is None else project.facts.slots
        if project is not None and before is not None and before != self._slots:
            self._standing.model_changed()
            self.segmenter.look_for_models()
