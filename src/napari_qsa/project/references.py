"""Images are references: adding them, and knowing them again when they move or change."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_qsa.errors import ImageError, ProjectError
from napari_qsa.images import Dataset, Item, sha256
from napari_qsa.images.files import EXTENSIONS
from napari_qsa.images.folder import stem_of
from napari_qsa.project.groups import group_of
from napari_qsa.project.layout import Layout
from napari_qsa.project.probe import Probe, probe, sampled_hash, sees_all
from napari_qsa.project.records import ImageRecord, new_id
from napari_qsa.project.state import State

Presence = Literal["present", "missing", "changed"]
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Added:
    """What became of images that were to be added.

    Attributes
    ----------
    ids : tuple of str
        The new ones.
    problems : tuple of str
        A sentence for each that was not added, or needs attention.
    """

    ids: tuple[str, ...]
    problems: tuple[str, ...]


def nothing(done: int, total: int) -> None:
    """Report to no one."""


def never() -> bool:
    """Go on to the end."""
    return False


def path_of(layout: Layout, record: ImageRecord) -> Path:
    """Give the absolute path of an image, wherever the project lies now."""
    return layout.folder.parent / record.path


def stored_path(layout: Layout, path: Path) -> str:
    """Write a path for the record: relative where the file lies below the project's parent."""
    absolute = Path(os.path.abspath(path))
    for file, base in (
        (absolute, layout.folder.parent),
        (Path(os.path.realpath(path)), Path(os.path.realpath(layout.folder.parent))),
    ):
        if file.is_relative_to(base):
            return file.relative_to(base).as_posix()
    return absolute.as_posix()


def add(state: State, dataset: Dataset, progress: Progress, cancelled: Cancelled) -> Added:
    """Add what is new of a data set; files are looked at before the project is held."""
    with state.writing():
        pass  # a project that cannot be changed is refused before the work, not after it
    found, problems = examine(dataset, progress, cancelled)
    with state.writing():
        new, complaints = registered(state.layout, state.records, found, state.facts.group_rule)
        if new:
            state.put_records(new)
    return Added(tuple(record.id for record in new), (*problems, *complaints))


def examine(
    dataset: Dataset, progress: Progress = nothing, cancelled: Cancelled = never
) -> tuple[list[tuple[Item, Probe]], list[str]]:
    """Look at the files of a data set, and write a sentence for each that cannot be used."""
    found: list[tuple[Item, Probe]] = []
    problems: list[str] = []
    for place, item in enumerate(dataset.items):
        if cancelled():
            problems.append(f"{len(dataset.items) - place} images were left out: it was cancelled.")
            break
        try:
            seen = probe(item.image, item.page)
        except ImageError as error:
            problems.append(str(error))
        else:
            if dataset.pixel_size is not None:
                seen = replace(seen, pixel_size=dataset.pixel_size)
            found.append((item, seen))
        progress(place + 1, len(dataset.items))
    return found, problems


def registered(
    layout: Layout,
    records: Mapping[str, ImageRecord],
    found: Sequence[tuple[Item, Probe]],
    rule: str | None,
) -> tuple[list[ImageRecord], list[str]]:
    """Make the records of new images; a file or a content that is there already gets none."""
    everything = dict(records)
    places = {(_place(path_of(layout, r)), r.page): r for r in records.values()}
    contents: dict[tuple[str, int | None], list[ImageRecord]] = defaultdict(list)
    for record in records.values():
        contents[record.sampled_hash, record.page].append(record)
    new: list[ImageRecord] = []
    problems: list[str] = []
    for item, seen in found:
        place = (_place(seen.path), seen.page)
        twins = contents[seen.sampled_hash, seen.page]
        twin = places.get(place) or next((r for r in twins if _same(layout, r, seen)), None)
        if twin is not None:
            problems.append(_already(layout, twin, seen))
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
    return new, problems


def presence(layout: Layout, record: ImageRecord, quick: bool) -> Presence:
    """Tell whether an image is where it was, and what it was.

    Parameters
    ----------
    layout, record
        Of the image.
    quick
        Whether equal size and time of change are enough; else its content is sampled.
    """
    path = path_of(layout, record)
    try:
        stat = path.stat()
        if stat.st_size != record.size:
            return "changed" if path.is_file() else "missing"
        if quick and stat.st_mtime_ns == record.mtime_ns:
            return "present"
        return "present" if sampled_hash(path) == record.sampled_hash else "changed"
    except OSError:  # gone, or not to be reached: either way it cannot be used now
        return "missing"


def find_moved(
    layout: Layout,
    records: Iterable[ImageRecord],
    folder: Path,
    progress: Progress = nothing,
    cancelled: Cancelled = never,
) -> dict[str, Path]:
    """Search a folder, and all below it, for images that are missing.

    Files are matched by size, then by sampled hash, then by the whole hash where it is known; of
    equal files one of the old name is preferred. What fits two images is offered for neither.
    """
    missing = [record for record in records if presence(layout, record, quick=True) == "missing"]
    sizes = {record.size for record in missing}
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in EXTENSIONS and _size(file) in sizes
    )
    found: dict[str, list[Path]] = defaultdict(list)
    for place, file in enumerate(files):
        if cancelled():
            break
        try:
            digest = sampled_hash(file)
            for record in missing:
                if record.sampled_hash == digest and record.sha256 in (None, sha256(file)):
                    found[record.id].append(file)
        except OSError:  # what cannot be read cannot be offered
            continue
        finally:
            progress(place + 1, len(files))
    offers: dict[str, Path] = {}
    takers: dict[tuple[Path, int | None], list[str]] = defaultdict(list)
    for record in missing:
        candidates = found.get(record.id)
        if candidates:
            name = Path(record.path).name
            offers[record.id] = min(candidates, key=lambda file: (file.name != name, file))
            takers[offers[record.id], record.page].append(record.id)
    doubtful = {image_id for ids in takers.values() if len(ids) > 1 for image_id in ids}
    return {image_id: file for image_id, file in offers.items() if image_id not in doubtful}


def relocated(
    layout: Layout, records: Mapping[str, ImageRecord], mapping: Mapping[str, str | Path]
) -> list[ImageRecord]:
    """Make the records that refer to other files of the same content.

    Raises
    ------
    ProjectError
        If a file is not the image, or would be two images; then none is changed.
    """
    after = dict(records)
    for image_id, target in mapping.items():
        record, path = after[image_id], Path(target)
        try:
            stat = path.stat()
            same = sampled_hash(path) == record.sampled_hash
            same = same and record.sha256 in (None, sha256(path))
        except OSError as error:
            raise ProjectError(
                f"{path} cannot be read ({error.strerror}): check it; nothing was changed."
            ) from error
        if not same:
            raise ProjectError(
                f"{path} is another image than {record.name} ({image_id}): choose the file that "
                "was moved; nothing was changed."
            )
        after[image_id] = replace(
            record, path=stored_path(layout, path), mtime_ns=stat.st_mtime_ns, size=stat.st_size
        )
    refuse_shared_files(layout, after.values())
    return [after[image_id] for image_id in mapping]


def refuse_shared_files(layout: Layout, records: Iterable[ImageRecord]) -> None:
    """Raise a ProjectError if two records are of one file and page."""
    seen: dict[tuple[str, int | None], ImageRecord] = {}
    for record in records:
        path = path_of(layout, record)
        first = seen.setdefault((_place(path), record.page), record)
        if first is not record:
            raise ProjectError(
                f"{path} would be two images, {first.id} and {record.id}: choose another file for "
                "one of them; nothing was changed."
            )


def _already(layout: Layout, twin: ImageRecord, seen: Probe) -> str:
    known = f"{seen.path} was not added: it is in the project as {twin.name} ({twin.id})"
    if twin.sampled_hash != seen.sampled_hash:
        return f"{known}, and has changed since; confirm the change there."
    if presence(layout, twin, quick=True) == "missing":
        return f"{known}, whose file is missing; relocate that image."
    return f"{known}."


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


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:  # it went away, or is out of reach
        return None


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
