"""``napari-qsa segment`` on a project: predictions are kept with it, as by the window's button."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.project_images import find_images
from napari_qsa.errors import QsaError
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting
    from napari_qsa.project import Project

FOLDERS_ONLY = ("device", "engine", "pixel_size", "min_confidence")
"""Options of the command that mean nothing here: the project knows these things."""


def segment_in_project(
    folder: Path,
    out: Path | None,
    images: list[str],
    model: str | None,
    tta: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Segment what is not segmented yet, and say what was found; write it if wanted."""
    from napari_qsa.cli.sitting import opened
    from napari_qsa.session.model_list import model_in_use
    from napari_qsa.session.state import State

    with opened(folder, "segmentation", "export") as room:
        project = room.project
        key = model or model_in_use(project, "segmentation")
        ids = find_images(project, images) if images else _present(room)
        room.failures.clear()  # of opening: whatever matters to this is told again
        segmenter = room.workbench.segmenter
        new: list[str] = []
        segmenter.predicted.connect(new.append)
        segmenter.segment(ids, key, tta, again)
        status = room.work(segmenter, "Segmenting")
        if status.state is not State.DONE:
            room.stop_at_failures()
            raise QsaError(status.message)
        failed = [failure.message for failure in room.failures]
        failed_at_all = room.tell_failures()
        rows = room.ask(lambda: _rows(project, key, ids))
        if out is not None and rows:
            room.workbench.exporter.export("segmented", out, uncertainty=True, model=key)
            room.work(room.workbench.exporter, "Writing")
            failed += [failure.message for failure in room.failures]
            failed_at_all |= room.tell_failures()
    if as_json:
        emit(
            {
                "project": project.folder,
                "model": key,
                "out": out,
                "images": rows,
                "new": new,
                "failed": failed,
            }
        )
    else:
        from napari_qsa.evaluation.layout import text_table

        columns = {
            "name": "name",
            "glands": "glands",
            "gland_area_share": "gland area",
            "mean_uncertainty": "uncertainty",
        }
        if rows:
            say(text_table([{title: row[c] for c, title in columns.items()} for row in rows]))
        say(f"{len(rows)} of {len(ids)} are segmented by {key}, {len(new)} of them now.")
        if out is not None:
            say(f"All that it has segmented is in {out}.")
    for text in {text: None for row in rows for text in row["notes"]}:
        note(text)
    finish(failed_at_all)


def _present(room: "Sitting") -> list[str]:
    """Give the images that can be segmented: those that are there and not excluded."""
    rows = room.workbench.pool.rows
    missing = sum(row.presence != "present" and row.role != "excluded" for row in rows)
    if missing:
        are = form(missing, "is", "are")
        note(f"{counted(missing, 'image')} {are} missing or changed and {are} left out.")
    return [row.id for row in rows if row.presence == "present" and row.role != "excluded"]


def _rows(project: "Project", key: str, ids: list[str]) -> list[dict[str, Any]]:
    """Sum up what a model has predicted, by the rules that are set for it."""
    from napari_qsa.session.model_list import card_of_model
    from napari_qsa.session.proposals import labelled, read_rules

    card, rules = card_of_model(project, key), read_rules(project, key)
    rows = []
    for image_id in ids:
        stored = project.read_prediction(key, image_id)
        if stored is None:
            continue
        labels = labelled(stored, card, rules)
        rows.append(
            {
                "id": image_id,
                "name": project.image(image_id).name,
                "glands": int(np.count_nonzero(np.unique(labels))),
                "gland_area_share": float((labels > 0).mean()),
                "mean_uncertainty": float(stored.uncertainty.mean(dtype=np.float64)),
                "pixel_size_um": stored.pixel_size,
                "pixel_size_assumed": project.pixel_size_of(image_id) is None,
                "notes": stored.notes,
            }
        )
    return rows
