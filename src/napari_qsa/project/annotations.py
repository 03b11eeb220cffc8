"""The revisions of each image: append-only, read with suspicion."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError
from napari_qsa.project import clock, revisions, store
from napari_qsa.project.index import Row
from napari_qsa.project.lock import this_host, this_user
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.revisions import Annotation, Revision, RevisionState
from napari_qsa.project.state import State

Status = Literal["none", "draft", "accepted"]


@dataclass(frozen=True)
class Summary:
    """How far the annotation of one image is.

    Attributes
    ----------
    status : {"none", "draft", "accepted"}
        Of the newest sound revision: a draft on top of an accepted one makes it a draft.
    newest : int or None
        The newest sound revision.
    accepted : int or None
        The newest sound one that was accepted: what training uses.
    glands : int
        In the newest.
    problems : tuple of str
        A sentence for each revision that had to be passed over on the way to these two.
    """

    status: Status = "none"
    newest: int | None = None
    accepted: int | None = None
    glands: int = 0
    problems: tuple[str, ...] = ()


def save(
    state: State,
    image_id: str,
    glands: NDArray[Any],
    region: NDArray[Any],
    author: str | None,
    status: RevisionState,
    parent: int | None = None,
    image_hash: str | None = None,
) -> Revision:
    """Append a revision; once this returns it survives a power cut.

    Parameters
    ----------
    image_hash
        Sampled hash of the image that was annotated; None is the one of now. A draft of an
        image that is another one by now is kept, and not used for that.

    Raises
    ------
    QsaError
        If the pixels do not fit the image, cannot be written, or are to be accepted for an image
        that is another one by now.
    """
    record = state.record(image_id)
    shape = record.shape if image_hash is None else _shape(glands)
    glands, region = revisions.as_pixels(glands, region, shape, image_id)
    data = revisions.encode(glands, region)
    with state.writing():
        record = state.record(image_id)  # it may have been confirmed as another one meanwhile
        other = image_hash is not None and image_hash != record.sampled_hash
        if other and status == "accepted":
            raise ProjectError(
                f"{record.name} ({image_id}) was changed while it was annotated: open it again "
                "before you accept it; what you painted is kept in its history."
            )
        if not other:
            revisions.as_pixels(glands, region, record.shape, image_id)
        folder = state.layout.annotation(image_id)
        store.make_folder(folder)
        store.remove_leftovers(folder)
        _, highest = revisions.numbers(os.listdir(folder))
        if parent is None:
            parent = summaries(state, [image_id])[image_id].newest
        facts = Revision(
            image=image_id,
            revision=highest + 1,
            state=status,
            author=this_user() if author is None else author,
            host=this_host(),
            when=clock.stamp(),
            image_hash=image_hash or record.sampled_hash,
            shape=shape,
            glands=int(np.count_nonzero(np.unique(glands))),
            parent=parent,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        revisions.commit(folder, facts, data)
        return facts


def _shape(pixels: NDArray[Any]) -> tuple[int, int]:
    height, width = (*pixels.shape, 0, 0)[:2]
    return height, width


def reviewed(region: NDArray[Any]) -> NDArray[Any]:
    """Turn what was not reviewed into reviewed; what the user does not know stays so."""
    return np.where(region == revisions.NOT_REVIEWED, revisions.REVIEWED, region)


def read(state: State, image_id: str, revision: int | None) -> Annotation:
    """Read a revision, or the newest sound one of the image as it is.

    Raises
    ------
    ProjectError
        If there is none, or the one asked for is damaged.
    """
    record = state.record(image_id)
    folder = state.layout.annotation(image_id)
    if revision is None:
        revision = summaries(state, [image_id])[image_id].newest
    if revision is None:
        raise ProjectError(f"{record.name} ({image_id}) has no annotation: annotate it first.")
    try:
        facts = revisions.read_facts(folder, revision)
    except FileNotFoundError:
        raise ProjectError(
            f"{record.name} ({image_id}) has no revision {revision}: choose one of its history."
        ) from None
    return revisions.decode(folder, facts, revisions.read_data(folder, facts))


def history(state: State, image_id: str) -> tuple[list[Revision], list[str]]:
    """Read the facts of all sound revisions, oldest first, and a sentence for each damaged one."""
    state.record(image_id)
    folder = state.layout.annotation(image_id)
    sound: list[Revision] = []
    problems: list[str] = []
    committed, _ = revisions.numbers(_names(folder))
    for number in reversed(committed):
        facts = _sound(folder, number, problems)
        if facts is not None:
            sound.append(facts)
    return sound, problems


def summaries(state: State, image_ids: Iterable[str]) -> dict[str, Summary]:
    """Sum up the annotations of some images, from the index where it is up to date."""
    image_ids = list(image_ids)
    known = state.index.read(image_ids)
    found: dict[str, Summary] = {}
    fresh: dict[str, Row] = {}
    for image_id in image_ids:
        record = state.record(image_id)
        folder = state.layout.annotation(image_id)
        fingerprint = _fingerprint(folder, record)
        if fingerprint is None:
            found[image_id] = Summary()
            continue
        row = known.get(image_id)
        if row is not None and row.fingerprint == fingerprint:
            found[image_id] = _from_text(row.text)
        else:
            found[image_id] = summary = _summarize(folder, record)
            fresh[image_id] = Row(fingerprint, json.dumps(asdict(summary)))
    state.index.write(fresh)
    return found


def _summarize(folder: Path, record: ImageRecord) -> Summary:
    newest: Revision | None = None
    problems: list[str] = []
    others = 0
    committed, _ = revisions.numbers(_names(folder))
    for number in committed:
        facts = _sound(folder, number, problems, only_accepted=newest is not None)
        if facts is None:
            continue
        if facts.image_hash != record.sampled_hash:
            others += 1
            continue
        newest = newest or facts
        if facts.state == "accepted":
            return _summary(newest, facts.revision, problems, others, record)
    return _summary(newest, None, problems, others, record)


def _summary(
    newest: Revision | None,
    accepted: int | None,
    problems: list[str],
    others: int,
    record: ImageRecord,
) -> Summary:
    if others:
        problems.append(
            f"{record.name} ({record.id}) was changed after it was annotated: {others} of its "
            "revisions are kept and not used; look at them and restore the one that still fits."
        )
    if newest is None:
        return Summary(problems=tuple(problems))
    return Summary(newest.state, newest.revision, accepted, newest.glands, tuple(problems))


def _sound(
    folder: Path, number: int, problems: list[str], only_accepted: bool = False
) -> Revision | None:
    """Read and check a revision; a damaged one adds a sentence, one thinned meanwhile does not."""
    try:
        facts = revisions.read_facts(folder, number)
        if only_accepted and facts.state != "accepted":
            return None
        revisions.read_data(folder, facts)
    except FileNotFoundError:
        return None
    except ProjectError as error:
        if revisions.json_path(folder, number).exists():
            problems.append(str(error))
        return None
    return facts


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _fingerprint(folder: Path, record: ImageRecord) -> str | None:
    """Sum up what tells that a folder has changed, without opening a file; None if it is empty."""
    seen = []
    for name in sorted(_names(folder)):
        if not name.startswith("."):
            try:
                facts = os.stat(folder / name)
            except FileNotFoundError:  # thinned meanwhile
                continue
            seen.append((name, facts.st_size, facts.st_mtime_ns))
    if not seen:
        return None
    text = json.dumps([record.sampled_hash, record.name, str(folder), seen])
    return hashlib.sha256(text.encode()).hexdigest()


def _from_text(text: str) -> Summary:
    values = json.loads(text)
    return Summary(**(values | {"problems": tuple(values["problems"])}))
