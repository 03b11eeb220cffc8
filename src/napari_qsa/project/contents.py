"""What the images' files hold: whole hashes in the background, and changes the user confirms."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from napari_qsa.errors import ProjectError
from napari_qsa.images import sha256
from napari_qsa.project.groups import regrouped
from napari_qsa.project.layout import Layout
from napari_qsa.project.probe import probe, sampled_hash
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.references import Cancelled, Progress, path_of
from napari_qsa.project.state import State

_BATCH = 500
"""Images hashed between two writes: so much is lost where the work is cut off."""


def whole_hash(path: Path, record: ImageRecord) -> str | None:
    """Hash a whole file; None if it is not the recorded content, or is being written."""
    try:
        before = path.stat()
        if sampled_hash(path) != record.sampled_hash:
            return None
        digest = sha256(path)
        after = path.stat()
    except OSError:  # missing now: another time
        return None
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return digest if same else None


def whole_hashes(
    layout: Layout, records: Iterable[ImageRecord], progress: Progress, cancelled: Cancelled
) -> dict[str, str]:
    """Hash the files of some images, each file once; what cannot be hashed is left out."""
    found: dict[str, str] = {}
    hashes: dict[tuple[Path, str], str | None] = {}
    records = list(records)
    for place, record in enumerate(records):
        if cancelled():
            break
        path = path_of(layout, record)
        key = (path, record.sampled_hash)
        if key not in hashes:
            hashes[key] = whole_hash(path, record)
        digest = hashes[key]
        if digest is not None:
            found[record.id] = digest
        progress(place + 1, len(records))
    return found


def hash_images(state: State, progress: Progress, cancelled: Cancelled) -> int:
    """Record the whole hash of each image that has none yet, and tell of how many."""
    with state.writing():
        waiting = [record for record in state.records.values() if record.sha256 is None]
    count = 0
    for start in range(0, len(waiting), _BATCH):
        batch = waiting[start : start + _BATCH]
        report = _shifted(progress, start, len(waiting))
        found = whole_hashes(state.layout, batch, report, cancelled)
        with state.writing():
            # Only the hash is taken over: all else may have changed meanwhile.
            new = [
                replace(state.records[record.id], sha256=found[record.id])
                for record in batch
                if record.id in found
                and state.records[record.id].sampled_hash == record.sampled_hash
            ]
            if new:
                state.put_records(new)
        count += len(new)
        if cancelled():
            break
    return count


def _shifted(progress: Progress, start: int, total: int) -> Progress:
    return lambda done, _: progress(start + done, total)


def confirm_changed(state: State, image_id: str) -> ImageRecord:
    """Take the file of an image as it is now for the image.

    Its revisions stay, and are used only where the user restores one.

    Raises
    ------
    QsaError
        If the file cannot be used, or is another image of the project by now.
    """
    with state.writing():
        record = state.record(image_id)
        seen = probe(path_of(state.layout, record), record.page)
        twins = [
            other
            for other in state.records.values()
            if (other.sampled_hash, other.page) == (seen.sampled_hash, seen.page)
            and other.id != image_id
        ]
        if twins:
            raise ProjectError(
                f"{seen.path} holds the same as {twins[0].name} ({twins[0].id}) now: put the "
                f"image {record.name} back, or exclude it."
            )
        same = seen.sampled_hash == record.sampled_hash
        new = replace(
            record,
            size=seen.size,
            mtime_ns=seen.mtime_ns,
            sampled_hash=seen.sampled_hash,
            sha256=record.sha256 if same else None,
            width=seen.width,
            height=seen.height,
            pixel_size=record.pixel_size if seen.pixel_size is None else seen.pixel_size,
        )
        new = replace(new, group=regrouped(new, state.facts.group_rule))
        state.put_records([new])
        return new
