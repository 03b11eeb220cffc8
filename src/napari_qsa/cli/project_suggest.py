"""``napari-qsa suggest`` on a project: a round is begun, as by the window's button."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.errors import QsaError
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.project import Project
    from napari_qsa.session.ranked import Pick

FOLDERS_ONLY = (
    *("ensemble", "annotated", "ignore_labels", "count_annotated", "part", "tta", "pixel_size"),
    *("device", "engine"),
)
"""Options of the command that mean nothing here: the project knows these things."""

COLUMNS = ("rank", "name", "picked", "uncertainty", "decided_by", "score", "why")
"""Of the table that is printed."""


def suggest_in_project(
    folder: Path,
    k: int,
    candidates: int,
    strategy: str,
    he_glands: bool,
    seed: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score what is not scored yet, rank, begin a round, and say what it asks for."""
    from napari_qsa.cli.sitting import opened

    with opened(folder, "suggestion") as room:
        project, suggester = room.project, room.workbench.suggester
        suggester.suggest(k, candidates, strategy, he_glands, seed)
        room.work(suggester, "Scoring")
        batch = suggester.batch
        if batch is None:
            room.stop_at_failures()
            raise QsaError(suggester.status.message)
        failed = [failure.message for failure in room.failures]
        rows = [_row(project, pick) for pick in batch.ranking]
        if out is not None:
            from napari_qsa.formats import write_csv

            write_csv(out, rows)
        names = {i: record.name for i, record in project.images.items()}
        room.tell_failures()
    for text in batch.notes:
        note(text)
    if as_json:
        emit(
            {
                "project": project.folder,
                "model": batch.model,
                "round": batch.round,
                "strategy": strategy,
                "k": k,
                "candidates": candidates,
                "cold_start": batch.cold_start,
                "picks": [pick.image_id for pick in batch.picks],
                "validate": batch.validate,
                "images": rows,
                "notes": batch.notes,
                "failed": failed,
            }
        )
    else:
        from napari_qsa.evaluation.layout import text_table

        if rows:
            say(text_table(rows, COLUMNS))
        say(f"Round {batch.round} asks for {counted(len(batch.picks), 'image')}.")
        if batch.validate:
            say(f"To validate on, annotate also: {', '.join(names[i] for i in batch.validate)}.")
    finish(bool(failed))


def _row(project: "Project", pick: "Pick") -> dict[str, Any]:
    from napari_qsa.session.reasons import NAMES

    record = project.image(pick.image_id)
    return {
        "rank": pick.rank,
        "id": pick.image_id,
        "name": record.name,
        "file": str(project.path_of(pick.image_id)),
        "page": None if record.page is None else record.page + 1,
        "picked": pick.picked,
        "uncertainty": pick.uncertainty,
        "represents": pick.represents,
        "decided_by": NAMES[pick.decided_by],
        "score": pick.score,
        "why": pick.why,
    }
