"""How far a project is: as a document for programs, and in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from napari_qsa.cli.project_images import row_document
from napari_qsa.evaluation.layout import text_table
from napari_qsa.project import Project
from napari_qsa.project.facts import SLOTS
from napari_qsa.session.model_list import model_in_use
from napari_qsa.session.rescue import waiting
from napari_qsa.session.rows import Row

ANNOTATIONS = ("accepted", "draft", "none")
ROLES = ("train", "validation", "excluded")


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
    asked = [row for row in rows if row.asked_for and row.annotation != "accepted"]
    return {
        "project": project.folder,
        "name": facts.name,
        "id": facts.id,
        "created": facts.created,
        "seed": facts.seed,
        "pixel_size_um": facts.pixel_size,
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
            {"id": run.id, "created": run.created, "state": run.state, "images": len(run.inputs)}
            for run in project.runs()
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
    known = found["pixel_size_um"]
    lines = {
        "project": f"{found['name']}, {found['project']}",
        "images": str(counts["images"]),
        "annotations": _counted(counts, ANNOTATIONS),
        "roles": _counted(counts, ROLES),
        "files": _counted(counts, ("missing", "changed")),
        "pixel size": "" if known is None else f"{known:g} µm where an image does not say its own",
        "round": _round(found["round"], asked),
        "suggests": found["models"]["suggestive"],
        "segments": found["models"]["segmentation"],
        "training": ", ".join(f"{run['id']} ({run['state']})" for run in found["runs"]),
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


def _round(number: int, asked: Mapping[str, list[str]]) -> str:
    if not number:
        return ""
    waiting = len(asked["annotate"]), len(asked["validate"])
    return f"{number}; {waiting[0]} images to annotate and {waiting[1]} to validate on wait"
