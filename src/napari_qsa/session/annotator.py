"""The image that is being annotated: opened, saved by itself, accepted, never lost."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_qsa.errors import ProjectError
from napari_qsa.project import Revision
from napari_qsa.session.autosave import Autosave, Clock, ThreadClock
from napari_qsa.session.desk import Desk
from napari_qsa.session.drafts import Draft, Opened, Saving, open_image
from napari_qsa.session.findings import Finding, find
from napari_qsa.session.rescue import copy_all, lost
from napari_qsa.session.slices import Slices

__all__ = ["Annotator", "Finding", "Opened", "Saving"]

PART = "annotation"


class Annotator:
    """Opens one image at a time for annotation, and saves what is painted.

    The arrays of `Opened` belong to the layers, which paint into them in place. They are copied
    and written in the desk's lane; if they are changed meanwhile they are written again.
    Changes that cannot be written are kept in memory, also when another image is opened, and
    written as soon as that is possible.

    Parameters
    ----------
    desk
        With the project, and the lane that reads and writes.
    clock
        For the autosave; the real time if None.
    """

    opened = Signal(object)
    """`Opened`, or None when no image is open any more."""

    saving_changed = Signal(Saving)
    saved = Signal(Revision)
    """A draft or an accepted revision is on the disk."""

    accepted = Signal(str)
    """An image's annotation is accepted, and on the disk."""

    slice_read = Signal(int)
    """A neighbour of the opened slice can be seen, or cannot be read: a page, from 0."""

    advanced = Signal()
    """The user wants the next image now."""

    checked = Signal(object)
    """A list of `Finding`."""

    def __init__(self, desk: Desk, clock: Clock | None = None) -> None:
        self._desk = desk
        self._clock = clock or ThreadClock()
        self._autosave = Autosave(desk.post, self._clock, self._save_all)
        self._draft: Draft | None = None
        self._left: list[Draft] = []
        self._wanted: list[str] | None = None  # a new list for each reading
        self._saving = Saving()
        self._stopped = False

    @property
    def current(self) -> Opened | None:
        """What is open now."""
        return self._draft.opened if self._draft else None

    @property
    def saving(self) -> Saving:
        """Whether what was painted is on the disk."""
        return self._saving

    def open(self, image_id: str) -> None:
        """Open an image; what was painted in the one before is saved first."""
        if self._draft is not None and self._draft.opened.image_id == image_id:
            self._wanted = None  # the way back from an image that was not open yet
            return
        if self._wanted != [image_id]:
            self._read(image_id)

    def close(self) -> None:
        """Close the image; what was painted is saved."""
        self._wanted = None
        self._save_all()
        if self._draft is not None:
            self._put(None)

    def stop(self) -> None:
        """Try to save no more: the lane is about to be closed."""
        self._stopped = True
        self._autosave.stop()

    def edited(self) -> None:
        """Tell that the arrays were changed; they are saved soon."""
        draft = self._draft
        if draft is None:
            return
        draft.edits += 1
        if draft.opened.read_only:
            draft.message = (
                f"{draft.project.folder} is open read-only: what you paint is not kept; open it "
                "as its owner."
            )
        else:
            self._autosave.touch()
        self._tell()

    def save_now(self) -> None:
        """Save without waiting: the layer goes away, or the window is hidden."""
        self._save_all()

    def flush(self, timeout: float) -> bool:
        """Save, and wait until it is done; False if that failed or took longer (seconds)."""
        self._save_all()
        done = self._desk.disk.flush(timeout)
        return done and not any(self._unsaved())

    def rescue(self, timeout: float, tell: bool = True) -> list[Path | None]:
        """Copy what is not saved to another place; waits for `timeout` s.

        For the end, where the project's own disk fails or does not answer.

        Parameters
        ----------
        timeout
            In s.
        tell
            Whether a failure says where each copy is.

        Returns
        -------
        list
            For each image that is not saved its copy; None where there is none.
        """
        unsaved = self._unsaved()
        copies = copy_all(self._desk.post, unsaved, timeout)
        for draft, copy in zip(unsaved, copies, strict=True):
            if draft.dirty and tell:
                self._desk.fail(PART, lost(draft, copy))
        return copies

    def accept(
        self, keep_region: bool = False, then_next: bool = False, strict: bool = False
    ) -> None:
        """Accept the annotation as it is.

        Parameters
        ----------
        keep_region
            Leave what was not reviewed so; else all of it counts as reviewed from now on.
        then_next
            Go on to the next image when this one is on the disk.
        strict
            Only if the checks find nothing.
        """
        draft = self._draft
        if draft is None:
            return
        seen = draft.sent = draft.edits
        self._autosave.stop()
        self._desk.disk.do(
            partial(draft.accept, seen, keep_region, strict),
            partial(self._accepted, draft, keep_region, then_next),
            partial(self._not_saved, draft),
        )
        self._tell(busy=True)

    def restore(self, revision: int) -> None:
        """Go on with a former revision, as a new draft; the present state is kept as one too."""
        draft = self._draft
        if draft is None:
            return
        self._save_all()
        image_id, project = draft.opened.image_id, draft.project

        def restored(facts: Revision) -> None:
            self.saved.emit(facts)
            if self._draft is draft:
                self._read(image_id)

        self._desk.do(PART, partial(project.restore, image_id, revision), restored)

    def history(self, image_id: str, then: Callable[[list[Revision]], object]) -> None:
        """Have `then` called with all sound revisions of an image, oldest first."""
        project = self._desk.project
        if project is not None:
            self._desk.do(PART, partial(project.history, image_id), then)

    def check(self) -> None:
        """Look for glands in several pieces and for specks; `checked` tells."""
        if self._draft is not None:
            opened = self._draft.opened
            self._desk.do(
                PART,
                lambda: find(opened.glands.copy(), opened.image.pixel_size),
                self.checked.emit,
            )

    def look_at_slice(self, page: int) -> None:
        """Read a page of the opened file and those around it, if need be; `slice_read` tells."""
        slices = None if self._draft is None else self._draft.opened.slices
        if slices is None:
            return
        for wanted in slices.ask(page):
            self._desk.do(
                PART, partial(slices.read, wanted), partial(self._slice_read, slices, wanted)
            )

    def _slice_read(self, slices: Slices, page: int, news: bool) -> None:
        if news and self._draft is not None and self._draft.opened.slices is slices:
            self.slice_read.emit(page)

    def _read(self, image_id: str) -> None:
        project = self._desk.project
        if project is None:
            self._desk.fail(PART, ProjectError("No project is open: open one, or make one."))
            return
        self._save_all()
        wanted = self._wanted = [image_id]

        def read() -> Opened | None:
            # Of images that were passed over quickly only the last one is read.
            return open_image(project, image_id) if self._wanted is wanted else None

        def done(opened: Opened | None) -> None:
            if self._wanted is wanted and opened is not None:
                self._wanted = None
                self._put(self._again(Draft(project, opened)))

        def failed(error: BaseException) -> None:
            if self._wanted is wanted:
                self._wanted = None
                self._put(None)
            self._desk.fail(PART, error)

        self._desk.disk.do(read, done, failed)

    def _again(self, draft: Draft) -> Draft:
        """Go on with what of this image could not be saved, rather than with what was."""
        for left in [*self._left, *([self._draft] if self._draft else [])]:
            mine, theirs = draft.opened, left.opened
            same = (mine.image_id, mine.image_hash) == (theirs.image_id, theirs.image_hash)
            if same and left.dirty and left.project is draft.project:
                if left is self._draft:
                    self._draft = None
                else:
                    self._left.remove(left)
                return left
        return draft

    def _put(self, draft: Draft | None) -> None:
        """Change which image is open; changes since the last save go on being saved."""
        before, self._draft = self._draft, draft
        if before is not None and before.dirty and not before.opened.read_only:
            self._left.append(before)
            self._send(before)
        if before is not None and not before.opened.read_only:
            thin = partial(before.project.thin_drafts, [before.opened.image_id])
            self._desk.do(PART, thin)
        self._tell()
        self.opened.emit(None if draft is None else draft.opened)

    def _unsaved(self) -> list[Draft]:
        drafts = [*self._left, *([self._draft] if self._draft else [])]
        return [draft for draft in drafts if draft.dirty and not draft.opened.read_only]

    def _save_all(self) -> None:
        self._autosave.stop()
        for draft in self._unsaved():
            self._send(draft)
        self._tell()

    def _send(self, draft: Draft) -> None:
        """Have a draft written, unless all of it is on its way already."""
        if not self._stopped and (draft.sent < draft.edits or draft.message):
            draft.sent, draft.message = draft.edits, ""
            self._desk.disk.do(
                partial(draft.save, draft.edits),
                partial(self._written, draft),
                partial(self._not_saved, draft),
            )

    def _written(self, draft: Draft, facts: Revision | None) -> None:
        if draft in self._left and not draft.dirty:
            self._left.remove(draft)
        draft.told = ""
        if facts is not None:
            draft.saved_at = self._clock.wall()
            if facts.image_hash == draft.project.image(facts.image).sampled_hash:
                self.saved.emit(facts)  # what is of a former file is kept, and not used
        self._tell()

    def _not_saved(self, draft: Draft, error: BaseException) -> None:
        failure = self._desk.failure(PART, error)
        if failure.message != draft.told:
            self._desk.failed.emit(failure)
        draft.told = failure.message
        if draft.dirty:
            draft.message = failure.message
            self._autosave.retry()
        self._tell()

    def _accepted(
        self,
        draft: Draft,
        keep_region: bool,
        then_next: bool,
        answer: tuple[list[Finding], Revision | None, NDArray[np.uint8]],
    ) -> None:
        findings, facts, unmarked = answer
        if findings:
            self.checked.emit(findings)
        if facts is None:
            self._save_all()
            return
        draft.message = ""
        if not keep_region:  # in place, as the layer has it; the file says so already
            region = draft.opened.region
            np.maximum(region, unmarked, out=region)  # what was taken back meanwhile stays so
        self._written(draft, facts)
        self.accepted.emit(facts.image)
        if then_next and self._draft is draft:
            self.advanced.emit()

    def _tell(self, busy: bool = False) -> None:
        """Say whether all is on the disk, if that is news."""
        drafts = [*self._left, *([self._draft] if self._draft else [])]
        message = next((draft.message for draft in drafts if draft.message), "")
        saved_at = self._draft.saved_at if self._draft else None
        if message:
            saving = Saving("failed", saved_at, message)
        elif busy or any(draft.saved < draft.sent for draft in drafts):
            saving = Saving("saving", saved_at)
        elif any(draft.dirty for draft in drafts):
            saving = Saving("dirty", saved_at)
        else:
            saving = Saving("clean" if saved_at is None else "saved", saved_at)
        if saving != self._saving:
            self._saving = saving
            self.saving_changed.emit(saving)
