"""New images join a project: once each, with a group, and with a role once roles are given."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from napari_qsa.errors import ImageError
from napari_qsa.images import Dataset, Item, sha256
from napari_qsa.images.folder import stem_of
from napari_qsa.project.groups import group_of
from napari_qsa.project.layout import Layout
from napari_qsa.project.probe import Probe, probe, sampled_hash, sees_all
from napari_qsa.project.records import ImageRecord, new_id
from napari_qsa.project.references import (
    Cancelled,
    Progress,
    path_of,
    place_of,
    presence,
    stored_path,
)
from napari_qsa.project.roles import with_roles
from napari_qsa.project.state import State
from napari_qsa.wording import counted, form


@dataclass(frozen=True)
class Added:
    """What became of images that were to be added.

    Attributes
    ----------
    ids : tuple of str
        The new ones.
    problems : tuple of str
        A sentence for each that cannot be used, or needs attention.
    known : tuple of str
        Those that are in the project already: the ids they have there.
    notes : tuple of str
        Sentences about what is no problem, see `Dataset.notes`.
    """

    ids: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def add(state: State, dataset: Dataset, progress: Progress, cancelled: Cancelled) -> Added:
    """Add what is new of a data set; files are looked at before the project is held."""
    with state.writing():
        pass  # a project that cannot be changed is refused before the work, not after it
    found, problems = examine(dataset, progress, cancelled)
    with state.writing():
        new, complaints, there = registered(
            state.layout, state.records, found, state.facts.group_rule
        )
        if new and state.facts.shares is not None:
            known = {**state.records, **{record.id: record for record in new}}
            roled = {r.id: r for r in with_roles(known, state.facts.shares, state.facts.seed)}
            new = [roled.get(record.id, record) for record in new]
        if new:
            state.put_records(new)
    return Added(tuple(record.id for record in new), (*problems, *complaints), tuple(there))


def examine(
    dataset: Dataset, progress: Progress, cancelled: Cancelled
) -> tuple[list[tuple[Item, Probe]], list[str]]:
    """Look at the files of a data set, and write a sentence for each that cannot be used."""
    found: list[tuple[Item, Probe]] = []
    problems: list[str] = []
    for place, item in enumerate(dataset.items):
        if cancelled():
            left = len(dataset.items) - place
            was = form(left, "was", "were")
            problems.append(f"{counted(left, 'image')} {was} left out: it was cancelled.")
            break
        try:
            seen = probe(item.image, item.page)
        except ImageError as error:
            if str(error) not in problems:  # one for all the pages of a file
                problems.append(str(error))
        else:
            known = item.pixel_size or dataset.pixel_size
            if known is not None:
                seen = replace(seen, pixel_size=known)
            found.append((item, seen))
        progress(place + 1, len(dataset.items))
    return found, problems


def registered(
    layout: Layout,
    records: Mapping[str, ImageRecord],
    found: Sequence[tuple[Item, Probe]],
    rule: str | None,
) -> tuple[list[ImageRecord], list[str], list[str]]:
    """Make the records of new images; a file or a content that is there already gets none.

    Returns
    -------
    list of ImageRecord
    list of str
        A sentence for each that is there and needs attention.
    list of str
        The ids of those that are there.
    """
    everything = dict(records)
    places = {(place_of(path_of(layout, r)), r.page): r for r in records.values()}
    contents: dict[tuple[str, int | None], list[ImageRecord]] = defaultdict(list)
    for record in records.values():
        contents[record.sampled_hash, record.page].append(record)
    new: list[ImageRecord] = []
    problems: list[str] = []
    known: list[str] = []
    for item, seen in found:
        place = (place_of(seen.path), seen.page)
        twins = contents[seen.sampled_hash, seen.page]
        twin = places.get(place) or next((r for r in twins if _same(layout, r, seen)), None)
        if twin is not None:
            known.append(twin.id)
            problems += _attention(layout, twin, seen)
            continue
        stem = stem_of(seen.path)
        if seen.page is not None:
            stem += f"-p{seen.page + 1:04d}"
        image_id = new_id(stem, seen.sampled_hash, everything)
        record = ImageRecord(
            id=image_id,
            name=item.name,
            path=stored_path(layout, seen.path),
            page=seen.page,
            size=seen.size,
            mtime_ns=seen.mtime_ns,
            sampled_hash=seen.sampled_hash,
            sha256=None,
            width=seen.width,
            height=seen.height,
            pixel_size=seen.pixel_size,
            group=group_of(image_id, item.name, item.patient, seen.page, seen.sampled_hash, rule),
            grade=item.grade,
        )
        everything[image_id] = places[place] = record
        twins.append(record)
        new.append(record)
    return new, problems, known


def _attention(layout: Layout, twin: ImageRecord, seen: Probe) -> list[str]:
    """Write a sentence where an image that is there already is not as it was."""
    known = f"{seen.path} was not added: it is in the project as {twin.name} ({twin.id})"
    if twin.sampled_hash != seen.sampled_hash:
        return [f"{known}, and has changed since; confirm the change there."]
    if presence(layout, twin, quick=True) == "missing":
        return [f"{known}, whose file is missing; relocate that image."]
    return []


def _same(layout: Layout, record: ImageRecord, seen: Probe) -> bool:
    """Tell whether contents of one sampled hash are the same; in doubt they are."""
    if sees_all(seen.size):
        return True
    try:
        if record.sha256 is not None:
            return record.sha256 == sha256(seen.path)
        path = path_of(layout, record)
        if sampled_hash(path) != record.sampled_hash:
            return True
        return sha256(path) == sha256(seen.path)
    except OSError:
        return True
