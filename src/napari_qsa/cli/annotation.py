"""``napari-qsa annotation``: accept what was painted, list revisions, go back to one."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.options import JsonOption, ProjectArgument
from napari_qsa.cli.project_images import ImageArgument, find_image
from napari_qsa.errors import QsaError
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting
    from napari_qsa.project import Revision
    from napari_qsa.session.findings import Finding


def accept(
    folder: ProjectArgument,
    image: ImageArgument,
    labels: Annotated[
        Path | None,
        typer.Argument(
            metavar="LABELS",
            help="A TIFF, PNG, BMP or NIfTI file painted elsewhere; without it the draft.",
        ),
    ] = None,
    keep_region: Annotated[
        bool,
        typer.Option(
            "--keep-region", help="Leave unreviewed what is; else all of it counts as reviewed."
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Only if no gland is in several pieces and none a speck."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Accept the annotation of an image.

    LABELS takes the place of what is annotated: 0 is background and each other value a gland;
    in a mask of one value every connected part is a gland. Of a stack or volume it takes the page
    or slice of the image. Former revisions are kept. With
    --strict what was not accepted is kept as a draft, and the exit status is 1.

    Example:
      napari-qsa annotation accept glands.qsa slide_3 slide_3_anno.bmp
    """
    from napari_qsa.cli.sitting import opened
    from napari_qsa.session.painted import read_painted, repaint

    with opened(folder) as room:
        project = room.project
        image_id = find_image(project, image)
        before = room.ask(lambda: project.summary(image_id))
        if labels is None and before.newest is None:
            raise QsaError(
                f"{image} has no draft: paint it in the window, or give the file of its labels."
            )
        painted = (
            None if labels is None else room.ask(lambda: read_painted(project, image_id, labels))
        )
        annotator = room.workbench.annotator
        accepted: list[str] = []
        findings: list[Finding] = []
        annotator.accepted.connect(accepted.append)
        annotator.checked.connect(findings.extend)
        opened_image = _open(room, image_id)
        if painted is not None:
            repaint(opened_image, painted, keep_region)
            annotator.edited()
        annotator.accept(keep_region, strict=strict)
        room.until(lambda: bool(accepted or room.failures or _refused(findings, strict)))
        room.stop_at_failures()
        annotator.save_now()
        facts = room.ask(lambda: project.history(image_id))[-1]
        room.stop_at_failures()
    is_new = facts.revision != before.newest
    if as_json:
        emit(
            {
                "image": image_id,
                "accepted": bool(accepted),
                "new": is_new,
                "revision": _document(facts),
                "findings": [asdict(finding) for finding in findings],
            }
        )
    elif accepted:
        how = "accepted" if is_new else "accepted already"
        say(f"{image}: {counted(facts.glands, 'gland')}, {how} as revision {facts.revision}.")
    else:
        say(f"{image}: not accepted; revision {facts.revision} is a draft of it.")
    for finding in findings:
        row, column = finding.place
        note(f"{finding.text} (row {row:.0f}, column {column:.0f})")
    finish(not accepted)


def _refused(findings: "Sequence[Finding]", strict: bool) -> bool:
    """Tell whether what was found keeps an annotation from being accepted."""
    return any(strict or finding.kind == "nothing" for finding in findings)


def history(folder: ProjectArgument, image: ImageArgument, as_json: JsonOption = False) -> None:
    """List the revisions of an image's annotation, oldest first.

    Accepted revisions are kept for ever; of the drafts the older ones thin out.

    Example:
      napari-qsa annotation history glands.qsa slide_3
    """
    from napari_qsa.cli.sitting import opened

    with opened(folder, read_only=True) as room:
        image_id = find_image(room.project, image)
        found: list[list[Revision]] = []
        room.workbench.annotator.history(image_id, found.append)
        room.until(lambda: bool(found or room.failures))
        room.stop_at_failures()
    rows = [_document(facts) for facts in found[0]]
    if as_json:
        emit({"image": image_id, "revisions": rows})
        return
    from napari_qsa.evaluation.layout import text_table

    if rows:
        say(text_table(rows, ["revision", "state", "when", "author", "glands", "parent"]))
    else:
        say(f"{image} has no annotation.")


def restore(
    folder: ProjectArgument,
    image: ImageArgument,
    revision: Annotated[
        int, typer.Argument(metavar="REVISION", min=1, help="Its number in the history.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Go on with a former revision of an annotation.

    It becomes a new draft, which is to be accepted; nothing is lost.

    Example:
      napari-qsa annotation restore glands.qsa slide_3 2
    """
    from napari_qsa.cli.sitting import opened

    with opened(folder) as room:
        image_id = find_image(room.project, image)
        annotator = room.workbench.annotator
        saved: list[Revision] = []
        _open(room, image_id)
        annotator.saved.connect(saved.append)
        annotator.restore(revision)
        room.until(lambda: bool(saved or room.failures))
        room.stop_at_failures()
    (facts,) = saved
    if as_json:
        emit({"image": image_id, "revision": _document(facts)})
    else:
        say(
            f"{image}: revision {revision} is draft {facts.revision} now, with "
            f"{counted(facts.glands, 'gland')}; annotation accept accepts it."
        )


def _open(room: "Sitting", image_id: str) -> Any:
    """Open an image for annotation."""
    annotator = room.workbench.annotator
    room.workbench.pool.open(image_id)
    room.until(lambda: annotator.current is not None or bool(room.failures))
    room.stop_at_failures()
    return annotator.current


def _document(facts: "Revision") -> dict[str, Any]:
    """Give the facts of a revision; its sums and its shape are the files' own business."""
    values = asdict(facts)
    return {
        name: values[name]
        for name in ("revision", "state", "when", "author", "host", "glands", "parent", "sha256")
    }
