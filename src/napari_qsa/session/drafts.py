"""An image opened for annotation, and what of it is not on the disk yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError, ProjectError, QsaError
from napari_qsa.images import Image, read_image
from napari_qsa.project import Project, Revision
from napari_qsa.session.findings import NOTHING, Finding, find
from napari_qsa.session.slices import Slices, slices_of

_TRIES = 5
"""Copies that are made while somebody paints, before one is taken as it is."""


@dataclass(frozen=True)
class Opened:
    """One image opened for annotation; its arrays are made anew for each opening.

    Attributes
    ----------
    image_id : str
    image : Image
        With the pixel size that holds for it.
    glands : (H, W) uint16 or uint32
        0 outside, else a gland's number. Painted into in place.
    region : (H, W) uint8
        0 not reviewed, 1 reviewed, 2 don't know. Painted into in place.
    revision : Revision or None
        What `glands` and `region` were read from; None for a new annotation.
    read_only : bool
        Whether nothing can be saved.
    image_hash : str
        Sampled hash of the file that was opened.
    notes : tuple of str
        Sentences the user should read.
    slices : Slices or None
        Of a page of a stack or volume: the whole file, to be looked at.
    """

    image_id: str
    image: Image
    glands: NDArray[Any]
    region: NDArray[np.uint8]
    revision: Revision | None
    read_only: bool
    image_hash: str
    notes: tuple[str, ...] = ()
    slices: Slices | None = None


@dataclass(frozen=True)
class Saving:
    """Whether what was painted is on the disk.

    Attributes
    ----------
    state
        ``"clean"``: nothing was painted; ``"dirty"``: something waits to be saved;
        ``"failed"``: it could not be saved, is kept, and is tried again.
    saved_at : float or None
        When it was saved last: seconds since 1970.
    message : str
        Of a failure: what was wrong and what to do.
    """

    state: Literal["clean", "dirty", "saving", "saved", "failed"] = "clean"
    saved_at: float | None = None
    message: str = ""


@dataclass(eq=False)
class Draft:
    """An opened image with the count of its changes.

    Attributes
    ----------
    project, opened
        Where it is saved, and its arrays.
    edits : int
        How often it was changed.
    sent : int
        How many of these changes are on their way to the disk.
    saved : int
        How many are there; written in the lane as soon as they are.
    saved_at : float or None
        When it was saved last: seconds since 1970.
    message : str
        Why the last save failed; empty if it did not.
    told : str
        The last failure the user was told of, so that each is told once.
    copied : int
        How many changes are in a copy outside the project, see `napari_qsa.project.rescue`.
    copy : Path or None
        Where that copy is.
    """

    project: Project
    opened: Opened
    edits: int = 0
    sent: int = 0
    saved: int = 0
    saved_at: float | None = None
    message: str = ""
    told: str = ""
    copied: int = 0
    copy: Path | None = None
    _parent: int | None = field(init=False)
    _key: str = field(init=False, default_factory=partial(token_hex, 4))
    _copying: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        """Note what it is made from."""
        revision = self.opened.revision
        self._parent = None if revision is None else revision.revision

    @property
    def dirty(self) -> bool:
        """Whether there are changes that are not on the disk."""
        return self.saved < self.edits

    def save(self, seen: int) -> Revision | None:
        """Write the first `seen` changes, and those that came since; called in the lane."""
        if self.saved >= seen:
            return None
        with self._sending():
            glands, region, seen = self._copy(seen)
            facts = self.project.save_draft(
                self.opened.image_id, glands, region, image_hash=self.opened.image_hash
            )
        self._is_saved(facts, seen)
        return facts

    def rescue(self) -> Path | None:
        """Write a copy of all changes outside the project, for any thread; None if it cannot be.

        What was copied already is not copied again.
        """
        with self._copying:
            if self.copied < self.edits and self.dirty:
                glands, region, seen = self._copy(self.edits)
                try:
                    self.copy = self.project.rescue(
                        self.opened.image_id,
                        glands,
                        region,
                        self.opened.image_hash,
                        self._parent,
                        self._key,
                    )
                except QsaError:
                    return None
                self.copied = seen
            return self.copy

    def _is_saved(self, facts: Revision, seen: int) -> None:
        """Note that changes are on the disk: a copy of them is no longer needed."""
        self.saved, self._parent = max(self.saved, seen), facts.revision
        with self._copying:
            if self.copy is not None and self.copied <= self.saved:
                self.project.forget_rescued(self.opened.image_id, self._key)
                self.copy, self.copied = None, 0

    def accept(
        self, seen: int, keep_region: bool, strict: bool
    ) -> tuple[list[Finding], Revision | None, NDArray[np.uint8]]:
        """Write an accepted revision, unless it is `strict` and something was found.

        Where nothing at all is marked, none is written.
        Besides, 1 is given where the pixels count as reviewed only because all of them do.
        """
        with self._sending():
            glands, region, seen = self._copy(seen)
            unmarked = (region == 0).astype(np.uint8)
            findings = find(glands, self.opened.image.pixel_size)
            if not (glands.any() or region.any()):
                findings = [NOTHING]
            if findings and (strict or findings == [NOTHING]):
                self.sent = self.saved
                return findings, None, unmarked
            facts = self._same(glands, region, keep_region) or self.project.accept(
                self.opened.image_id,
                glands,
                region,
                keep_region=keep_region,
                image_hash=self.opened.image_hash,
            )
        self._is_saved(facts, seen)
        return findings, facts, unmarked

    @contextmanager
    def _sending(self) -> Iterator[None]:
        """Note at once where it fails, before the owner hears of it: it is to be sent again.

        It is copied to another place meanwhile, so that it outlives this process.
        """
        try:
            yield
        except BaseException as error:
            self.sent = self.saved
            copy = self.rescue()
            if copy is not None and isinstance(error, QsaError):
                raise ProjectError(
                    f"{error} Until then a copy is kept in {copy.parent}."
                ) from error
            raise

    def _copy(self, seen: int) -> tuple[NDArray[Any], NDArray[np.uint8], int]:
        """Copy both arrays as they are between two changes, and tell how many there were."""
        for _ in range(_TRIES):
            before = self.edits
            glands, region = self.opened.glands.copy(), self.opened.region.copy()
            if self.edits == before:
                return glands, region, before
        return glands, region, seen

    def _same(
        self, glands: NDArray[Any], region: NDArray[np.uint8], keep_region: bool
    ) -> Revision | None:
        """Give the accepted revision that holds the same already, so that none is added."""
        if self.project.summary(self.opened.image_id).status != "accepted":
            return None
        former = self.project.read(self.opened.image_id)
        wanted = region if keep_region else np.maximum(region, 1)
        same = np.array_equal(former.glands, glands) and np.array_equal(former.region, wanted)
        return former.facts if same else None


def open_image(project: Project, image_id: str) -> Opened:
    """Read an image and the newest revision of its annotation.

    Raises
    ------
    QsaError
        If its file is missing, is another one now, or cannot be read.
    """
    record = project.image(image_id)
    path = project.path_of(image_id)
    presence = project.check_images([image_id])[image_id]
    if presence == "missing":
        raise ProjectError(
            f"{path} is missing: put the file back, or search the folder it was moved to."
        )
    if presence == "changed":
        raise ProjectError(
            f"{path} is not the file that was added: put that one back, or confirm that the "
            "image has changed; it is annotated anew then."
        )
    image = read_image(path, record.page)
    if image.pixels.shape[:2] != record.shape:
        raise ImageError(
            f"{path} has another size than when it was added: put that file back, or confirm that "
            "the image has changed."
        )
    image = replace(image, pixel_size=project.pixel_size_of(image_id))
    summary = project.summary(image_id)
    glands: NDArray[Any] = np.zeros(record.shape, np.uint16)
    region = np.zeros(record.shape, np.uint8)
    revision = None
    if summary.newest is not None:
        found = project.read(image_id, summary.newest)
        glands, region, revision = _own(found.glands), _own(found.region), found.facts
    return Opened(
        image_id,
        image,
        glands,
        region,
        revision,
        project.read_only,
        record.sampled_hash,
        summary.problems,
        slices_of(project, image_id, image),
    )


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Make sure an array can be painted into."""
    return np.require(array, requirements=["C", "W", "O"])
