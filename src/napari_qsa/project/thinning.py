"""Drafts thin out with time; what was accepted stays for ever."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from napari_qsa.errors import ProjectError
from napari_qsa.formats import sync_folder
from napari_qsa.project import clock, revisions
from napari_qsa.project.annotations import history
from napari_qsa.project.revisions import Revision
from napari_qsa.project.state import State

NEWEST = 5
"""Drafts that are kept whatever their age."""

HOURLY = timedelta(days=1)
"""So long the newest draft of each hour is kept; of each day after that."""


def superfluous(found: Sequence[Revision], now: datetime) -> list[int]:
    """Choose the drafts that need not be kept.

    Parameters
    ----------
    found
        The sound revisions of one image, oldest first.
    now
        Hours and days are those of UTC.

    Returns
    -------
    list of int
        Their numbers; never that of the newest revision, so that no number is given twice.
    """
    kept: set[int] = {facts.revision for facts in found[-1:]}
    drafts = [facts for facts in reversed(found) if facts.state == "draft"]
    kept.update(facts.revision for facts in drafts[:NEWEST])
    spans: set[str] = set()
    for facts in drafts:
        when = clock.parse(facts.when)
        hour = "T%H" if now - when <= HOURLY else ""
        span = when.strftime(f"%Y-%m-%d{hour}")
        if span not in spans:
            spans.add(span)
            kept.add(facts.revision)
    return [facts.revision for facts in drafts if facts.revision not in kept]


def thin_drafts(state: State, image_ids: Iterable[str]) -> int:
    """Remove superfluous drafts, and tell how many; what is damaged is left alone."""
    removed = 0
    for image_id in image_ids:
        with state.writing():
            found, _ = history(state, image_id)
            numbers = superfluous(found, clock.now())
            if numbers:
                _remove(state.layout.annotation(image_id), numbers)
            removed += len(numbers)
    return removed


def _remove(folder: Path, numbers: Sequence[int]) -> None:
    # Facts first: pixels alone are no revision, facts alone would be a damaged one.
    try:
        for place in (revisions.json_path, revisions.tif_path):
            for number in numbers:
                place(folder, number).unlink(missing_ok=True)
            sync_folder(folder)
    except OSError as error:
        raise ProjectError(
            f"A draft in {folder} cannot be removed ({error.strerror}): close it in other "
            "programs, and check permissions."
        ) from error
