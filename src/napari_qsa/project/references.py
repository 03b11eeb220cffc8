"""Images are references: knowing them again when they move or change."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from napari_qsa.errors import ProjectError
from napari_qsa.images import sha256
from napari_qsa.images.files import has_known_name
from napari_qsa.project.layout import Layout
from napari_qsa.project.probe import sampled_hash
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.state import State

Presence = Literal["present", "missing", "changed"]
Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


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
        file for file in folder.rglob("*") if has_known_name(file) and _size(file) in sizes
    )
    found: dict[str, list[Path]] = defaultdict(list)
    for place, file in enumerate(files):
        if cancelled():
            break
        try:
            digest = sampled_hash(file)
            for record in missing:
                if record.sampled_hash == digest and _may_be(record, file):
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
            same = sampled_hash(path) == record.sampled_hash and _may_be(record, path)
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


def relocate(state: State, mapping: Mapping[str, str | Path]) -> None:
    """Refer to other files of the same content, see `relocated`."""
    with state.writing():
        for image_id in mapping:
            state.record(image_id)
        new = relocated(state.layout, state.records, mapping)
        if new:
            state.put_records(new)


def refuse_shared_files(layout: Layout, records: Iterable[ImageRecord]) -> None:
    """Raise a ProjectError if two records are of one file and page."""
    seen: dict[tuple[str, int | None], ImageRecord] = {}
    for record in records:
        path = path_of(layout, record)
        first = seen.setdefault((place_of(path), record.page), record)
        if first is not record:
            raise ProjectError(
                f"{path} would be two images, {first.id} and {record.id}: choose another file for "
                "one of them; nothing was changed."
            )


def _may_be(record: ImageRecord, path: Path) -> bool:
    """Compare whole hashes, which takes long on slides, where the image's is known."""
    return record.sha256 is None or record.sha256 == sha256(path)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:  # it went away, or is out of reach
        return None


def place_of(path: Path) -> str:
    """Give the same text for all paths to one file."""
    return os.path.normcase(os.path.realpath(path))
