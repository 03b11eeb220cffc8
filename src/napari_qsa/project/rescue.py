"""Copies of what was painted and could not be saved in the project, kept in another place.

A copy is a TIFF file as of a revision, and the JSON file beside it that commits it. Both lie in
the user's data folder or, where that cannot be written either, in the folder for temporary files.
"""

import getpass
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.project import annotations, checks, clock, revisions, store
from napari_qsa.project.lock import this_host, this_user
from napari_qsa.project.revisions import Revision
from napari_qsa.project.state import State

VARIABLE = "NAPARI_QSA_RESCUE"
"""Environment variable with the folder for these copies, in place of the usual two."""

_NAME = re.compile(r"(.+)-(\d{4,})")


@dataclass(frozen=True)
class Rescued:
    """The facts about one copy.

    Attributes
    ----------
    path : Path
        Of its JSON file.
    folder : str
        Of the project, as it was called then.
    name : str
        Of the image, for people.
    facts : Revision
        As of the draft that it would have been; its number is 0, its parent the revision that
        was the newest one on the disk.
    """

    path: Path
    folder: str
    name: str
    facts: Revision


def keep(
    state: State,
    key: str,
    glands: NDArray[Any],
    region: NDArray[Any],
    image_id: str,
    image_hash: str,
    parent: int | None,
) -> Path:
    """Write a copy of an annotation, and remove the earlier ones of the same key.

    It waits for nothing that is written to the project: that may hang.

    Parameters
    ----------
    key
        Names what was opened once and is painted on; letters and digits.
    glands, region : (H, W) whole numbers
        See `napari_qsa.project.project.Project.save_draft`.
    image_hash
        Sampled hash of the image that they belong to.
    parent
        The newest revision of the image that is on the disk.

    Returns
    -------
    Path
        Of the TIFF file.

    Raises
    ------
    QsaError
        If it cannot be written anywhere, or is no annotation.
    """
    height, width = glands.shape
    glands, region = revisions.as_pixels(glands, region, (height, width), image_id)
    data = revisions.encode(glands, region)
    facts = Revision(
        image=image_id,
        revision=0,
        state="draft",
        author=this_user(),
        host=this_host(),
        when=clock.stamp(),
        image_hash=image_hash,
        shape=(height, width),
        glands=int(np.count_nonzero(np.unique(glands))),
        parent=parent,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    values = {
        "project": state.facts.id,
        "folder": str(state.layout.folder),
        "name": state.record(image_id).name,
        "copy": asdict(facts),
    }
    stem = f"{image_id}-{key}"
    errors: list[QsaError] = []
    for root in roots():
        folder = root / state.facts.id
        try:
            store.make_folder(folder)
            number = 1 + max((n for n, _ in _numbered(folder, stem)), default=0)
            tif = folder / f"{stem}-{number:04d}.tif"
            store.write_bytes(tif, data)
            store.write_document(tif.with_suffix(".json"), values)
        except QsaError as error:
            errors.append(error)
            continue
        forget(state, image_id, key, but=tif)
        return tif
    raise errors[0] if errors else ProjectError("There is no place for a copy: set a home folder.")


def forget(state: State, image_id: str, key: str, but: Path | None = None) -> None:
    """Remove the copies of a key: what they hold is saved."""
    for root in roots():
        folder = root / state.facts.id
        for _, path in _numbered(folder, f"{image_id}-{key}"):
            if but is None or path.with_suffix(".tif") != but:
                _remove(path)


def waiting(state: State) -> list[Rescued]:
    """List the sound copies for this project, the newest of each key, oldest first."""
    newest: dict[tuple[Path, str], tuple[int, Rescued]] = {}
    for root in roots():
        folder = root / state.facts.id
        for path in sorted(_listed(folder)):
            found, match = _read(path, state), _NAME.fullmatch(path.stem)
            if found is not None and match is not None:
                place = folder, match[1]
                if place not in newest or newest[place][0] < int(match[2]):
                    newest[place] = int(match[2]), found
    return sorted((found for _, found in newest.values()), key=lambda each: each.facts.when)


def fits(state: State, found: Rescued) -> bool:
    """Tell whether nothing was saved since: the image, its newest revision, and the folder.

    A project that was copied or moved has another folder: whether the strokes belong there is
    for the user to say.
    """
    record = state.records.get(found.facts.image)
    return (
        record is not None
        and record.sampled_hash == found.facts.image_hash
        and os.path.realpath(found.folder) == os.path.realpath(state.layout.folder)
        and annotations.summaries(state, [record.id])[record.id].newest == found.facts.parent
    )


def known(state: State, found: Rescued) -> bool:
    """Tell whether the same pixels are the newest revision already."""
    if found.facts.image not in state.records:
        return False
    newest = annotations.summaries(state, [found.facts.image])[found.facts.image].newest
    if newest is None:
        return False
    folder = state.layout.annotation(found.facts.image)
    return revisions.read_facts(folder, newest).sha256 == found.facts.sha256


def clean(state: State) -> None:
    """Remove the copies of what is in the project: of a process that was killed before it did."""
    for found in waiting(state):
        if known(state, found):
            discard(state, found)


def take(state: State, found: Rescued) -> Revision:
    """Append a copy as a draft, and remove it.

    Raises
    ------
    QsaError
        If it is damaged, or the draft cannot be written; the copy stays then.
    """
    tif, facts = found.path.with_suffix(".tif"), found.facts
    try:
        data = tif.read_bytes()
    except OSError as error:
        raise ProjectError(f"{tif} cannot be read ({error.strerror}).") from error
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise ProjectError(f"{tif} is damaged: its content is not what was saved.")
    pixels = revisions.decode_at(tif, facts, data)
    saved = annotations.save(
        state,
        facts.image,
        pixels.glands,
        pixels.region,
        facts.author,
        "draft",
        image_hash=facts.image_hash,
    )
    discard(state, found)
    return saved


def discard(state: State, found: Rescued) -> None:
    """Remove a copy, and the earlier ones of its key."""
    match = _NAME.fullmatch(found.path.stem)
    for _, path in _numbered(found.path.parent, match[1] if match else ""):
        _remove(path)


def roots() -> list[Path]:
    """List the folders in which copies are kept, the first choice first."""
    if chosen := os.environ.get(VARIABLE):
        return [Path(chosen)]
    found = [Path(tempfile.gettempdir()) / f"napari-qsa-{_user()}" / "rescue"]
    with suppress(RuntimeError):  # a user without a home
        found.insert(0, _data_folder(Path.home()) / "rescue")
    return found


def _data_folder(home: Path) -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    return Path(base) / "napari-qsa"


def _user() -> str:
    try:
        return re.sub(r"\W", "_", getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "user"


def _listed(folder: Path) -> Iterator[Path]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    yield from (folder / name for name in names if name.endswith(".json") and name[0] != ".")


def _numbered(folder: Path, stem: str) -> list[tuple[int, Path]]:
    found = []
    for path in _listed(folder):
        match = _NAME.fullmatch(path.stem)
        if match is not None and match[1] == stem:
            found.append((int(match[2]), path))
    return found


def _read(path: Path, state: State) -> Rescued | None:
    """Read a copy's facts; None if they are damaged or another project's."""
    try:
        values = store.read_document(path)
        texts = dict.fromkeys(("project", "folder", "name"), checks.is_text)
        found = checks.taken(values, texts)
        facts = revisions.facts_of(values.get("copy"))
    except (FileNotFoundError, ProjectError, ValueError):
        return None
    if found["project"] != state.facts.id:
        return None
    return Rescued(path, found["folder"], found["name"], facts)


def _remove(path: Path) -> None:
    """Remove the JSON file first: without it there is no copy."""
    with suppress(OSError):  # it is recognised as saved, or offered, the next time
        path.unlink(missing_ok=True)
        path.with_suffix(".tif").unlink(missing_ok=True)
