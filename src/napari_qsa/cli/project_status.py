"""How far a project is: as a document for programs, and in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_qsa.cli.console import emit, note, say
from napari_qsa.cli.project_images import row_document
from napari_qsa.errors import QsaError
from napari_qsa.evaluation.layout import text_table
from napari_qsa.project import Project
from napari_qsa.project.facts import SLOTS
from napari_qsa.session.model_list import card_of_model, model_in_use
from napari_qsa.session.rescue import waiting
from napari_qsa.session.rows import Row
from napari_qsa.session.run_watch import RESUMABLE, run_infos
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting

ANNOTATIONS = ("accepted", "draft", "none")
ROLES = ("train", "validation", "excluded")


def show(room: "Sitting", as_json: bool, images: bool) -> None:
    """Write how far the open project is, and what is wrong with it on standard error.

    Parameters
    ----------
    room
        With the project.
    as_json
        As one document.
    images
        With a table of the images, which a document always has.
    """
    room.settle()
    room.stop_at_failures()
    found = room.ask(lambda: document(room.project, room.workbench.pool.rows))
    if as_json:
        emit(found)
    else:
        say(text(found, images))
        for problem in found["problems"]:
            note(problem)


def document(project: Project, rows: Sequence[Row]) -> dict[str, Any]:
    """Gather what there is to know; reads files.

    Parameters
    ----------
    project, rows
        The rows have been looked at.
    """
    facts = project.facts
    states: Counter[str] = Counter(row.annotation for row in rows)
    roles: Counter[str | None] = Counter(row.role for row in rows)
    presence = Counter(row.presence for row in rows)
    unknown = [row.id for row in rows if project.pixel_size_of(row.id) is None]
    asked = [row for row in rows if row.asked_for and row.annotation != "accepted"]
    return {
        "project": project.folder,
        "name": facts.name,
        "id": facts.id,
        "created": facts.created,
        "seed": facts.seed,
        "pixel_size_um": facts.pixel_size,
        "pixel_size_unknown": len(unknown),
        "pixel_size_assumed_um": _assumed(project) if unknown else None,
        "round": project.round,
        "counts": {
            "images": len(rows),
            **{state: states[state] for state in ANNOTATIONS},
            **{role: roles[role] for role in ROLES},
            "missing": presence["missing"],
            "changed": presence["changed"],
        },
        "asked_for": {
            "annotate": [row.id for row in asked if row.asked_for == "annotate"],
            "validate": [row.id for row in asked if row.asked_for == "validate"],
        },
        "models": {slot: model_in_use(project, slot) for slot in SLOTS},
        "runs": [
            {
                "id": run.id,
                "created": run.created,
                "state": run.status,
                "fraction": run.fraction,
                "images": run.images + run.validation,
            }
            for run in run_infos(project)
        ],
        "images": [row_document(project, row) for row in rows],
        "problems": [
            *project.problems(),
            *(waiting(project, found) for found in project.rescued()),
        ],
    }


def text(found: Mapping[str, Any], images: bool) -> str:
    """Write it for people, with a table of the images if wanted."""
    counts, asked = found["counts"], found["asked_for"]
    lines = {
        "project": f"{found['name']}, {found['project']}",
        "images": str(counts["images"]),
        "annotations": _counted(counts, ANNOTATIONS),
        "roles": _counted(counts, ROLES),
        "files": _counted(counts, ("missing", "changed")),
        "pixel size": _pixel_size(found),
        "round": _round(found["round"], asked),
        "suggests": found["models"]["suggestive"],
        "segments": found["models"]["segmentation"],
        "training": _training(found),
    }
    width = max(map(len, lines))
    parts = ["\n".join(f"{key.ljust(width)}  {value}" for key, value in lines.items() if value)]
    if images and found["images"]:
        columns = ["name", "id", "annotation", "role", "asked_for", "glands", "presence"]
        rows = [{key: row[key] for key in columns} for row in found["images"]]
        parts.append(text_table(rows, columns))
    return "\n\n".join(parts)


def _counted(counts: Mapping[str, int], names: Sequence[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in names if counts[name])


def _pixel_size(found: Mapping[str, Any]) -> str:
    """Say what is known of it, and where something is assumed what can be done about it."""
    known, unknown = found["pixel_size_um"], found["pixel_size_unknown"]
    if known is not None:
        return f"{known:g} µm where an image does not say its own"
    if not unknown:
        return ""
    assumed = found["pixel_size_assumed_um"]
    size = "that of the model's training images"
    if assumed is not None:
        size = f"{assumed:g} µm, {size},"
    return (
        f"unknown of {counted(unknown, 'image')}: {size} is assumed; set it by `napari-qsa project "
        f"set {found['project']} --pixel-size UM`"
    )


def _assumed(project: Project) -> float | None:
    """Tell the pixel size (µm) that the model in use takes an image to have; None in doubt."""
    try:
        return card_of_model(project, model_in_use(project, "segmentation")).source_pixel_size
    except QsaError:  # whoever uses the model is told that its file cannot be read
        return None


def _training(found: Mapping[str, Any]) -> str:
    """List the runs, and say how to go on with one that was stopped."""
    runs = found["runs"]
    words = [
        f"{run['id']} ({run['state']}"
        + (f" at {run['fraction']:.0%})" if run["state"] in (*RESUMABLE, "running") else ")")
        for run in runs
    ]
    text = ", ".join(words)
    if runs and runs[-1]["state"] in RESUMABLE:
        text += f"; `napari-qsa train {found['project']} --resume` goes on"
    return text


def _round(number: int, asked: Mapping[str, list[str]]) -> str:
    if not number:
        return ""
    annotate, validate = (len(asked[of]) for of in ("annotate", "validate"))
    wait = form(annotate + validate, "waits", "wait")
    images = counted(annotate, "image")
    return f"{number}; {images} to annotate and {validate} to validate on {wait}"
