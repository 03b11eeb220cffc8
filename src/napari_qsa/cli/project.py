"""``napari-qsa project``: make one, see how far it is, add images, and what comes next."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.options import (
    GroupPatternOption,
    JsonOption,
    ProjectArgument,
    ProjectPixelSizeOption,
)
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting
    from napari_qsa.project import Added
    from napari_qsa.session.painted import Painted

AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-labels",
        help="Take labels beside the images as accepted annotations of images that have none.",
    ),
]


def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to make, called NAME.qsa.")
    ],
    images: Annotated[
        Path | None, typer.Argument(metavar="IMAGES", help="A folder of images, or one file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="For people.  [default: NAME]")
    ] = None,
    pixel_size: ProjectPixelSizeOption = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="S", min=0, help="Of all that is drawn.  [default: 0]"),
    ] = None,
    group_pattern: GroupPatternOption = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Draw sample images beside the project and use them.")
    ] = False,
    accept_labels: AcceptOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a project of the images in a folder.

    Images stay where they are; the project refers to them. Each gets a role: most train, and
    15 to 25 % validate, by whole patients where they are known. Files that cannot be used are
    named on standard error and left out.

    Example:
      napari-qsa project new glands.qsa slides/ --pixel-size 0.5
      napari-qsa project new glands.qsa slides/ --group-pattern '^(case[0-9]+)'
      napari-qsa project new try.qsa --samples
    """
    given = {
        "IMAGES": images,
        "--name": name,
        "--pixel-size": pixel_size,
        "--seed": seed,
        "--group-pattern": group_pattern,
    }
    if samples and (wrong := [flag for flag, value in given.items() if value is not None]):
        raise typer.BadParameter(
            "sample images have their own.",
            param_hint=", ".join(f"'{flag}'" for flag in (*wrong, "--samples")),
        )
    if accept_labels and images is None:
        raise typer.BadParameter("it needs IMAGES.", param_hint="'--accept-labels'")
    from napari_qsa.cli import project_status
    from napari_qsa.cli.sitting import sitting
    from napari_qsa.errors import QsaError

    if images is not None and not images.exists():
        raise QsaError(f"{images} does not exist: give a folder of images, or a file.")
    with sitting() as room:
        workbench = room.workbench
        found = _listen(room)
        if samples:
            workbench.new_sample_project(folder)
        else:
            workbench.new_project(folder, images, name, pixel_size, seed or 0, group_pattern)
        room.work(workbench, "Making the project")
        if workbench.desk.project is None:
            room.stop_at_failures()
        failed = room.tell_failures()
        failed |= images is not None and not _some(found)
        _warn(found)
        if accept_labels and images is not None:
            failed |= _tell(_accept(room, [images]))
        project_status.show(room, as_json, images=False)
        finish(failed)


def status(
    folder: ProjectArgument,
    images: Annotated[
        bool, typer.Option("--images", help="List the images too; --json always does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how far a project is.

    The project may be open in a window meanwhile: it is only read.

    Example:
      napari-qsa project status glands.qsa --images
    """
    from napari_qsa.cli import project_status
    from napari_qsa.cli.sitting import opened

    with opened(folder, read_only=True) as room:
        project_status.show(room, as_json, images)


def import_images(
    folder: ProjectArgument,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE|FOLDER...", help="PNG, JPEG, TIFF, BMP or NIfTI."),
    ],
    accept_labels: AcceptOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add images to a project.

    What is there already is not added again. Files that cannot be used are named on standard
    error and left out; it is an error only where no other is given. How label files are found
    is in the guide: such as slide_anno.bmp or slide_labels.tif beside slide.png, or in a folder
    labels.

    Example:
      napari-qsa project import glands.qsa more_slides/ --accept-labels
    """
    from napari_qsa.cli.sitting import opened

    with opened(folder) as room:
        found = _listen(room)
        room.workbench.pool.add_images(images)
        room.work(room.workbench, "Adding images")
        failed = room.tell_failures()
        failed |= not _some(found)
        _warn(found)
        added = [image_id for each in found for image_id in each.ids]
        known = [image_id for each in found for image_id in each.known]
        painted = _accept(room, images) if accept_labels else None
        failed |= _tell(painted)
        if as_json:
            emit(
                {
                    "project": room.project.folder,
                    "added": added,
                    "known": len(known),
                    "left_out": [problem for each in found for problem in each.problems],
                    "accepted": [] if painted is None else [r.image for r in painted.accepted],
                    "kept": [] if painted is None else painted.kept,
                }
            )
        else:
            there = f", {len(known)} there already" if known else ""
            say(f"{counted(len(added), 'image')} added{there}.")
        finish(failed)


def next_image(folder: ProjectArgument, as_json: JsonOption = False) -> None:
    """Say which image to annotate next.

    Those that the last round asks for come first, then the others.

    Example:
      napari-qsa project next glands.qsa --json
    """
    from napari_qsa.cli.project_images import row_document
    from napari_qsa.cli.sitting import opened
    from napari_qsa.session.rows import waits

    with opened(folder, read_only=True) as room:
        pool = room.workbench.pool
        waiting = [pool.row(image_id) for image_id in pool.order if waits(pool.row(image_id))]
        failed = room.tell_failures()
        row = waiting[0] if waiting else None
        if as_json:
            found = None if row is None else row_document(room.project, row)
            emit({"next": found, "waiting": len(waiting)})
        elif row is None:
            say("No image waits for an annotation.")
        else:
            words = {"annotate": "asked for", "validate": "asked for to validate", None: "waits"}
            about = f" in round {row.round}" if row.asked_for else f", role {row.role}"
            why = f" ({row.why})" if row.why else ""
            say(f"{row.name}: {words[row.asked_for]}{about}{why}")
            say(f"id {row.id}, annotation: {row.annotation}")
            say(f"{room.project.path_of(row.id)}")
            wait = form(len(waiting), "waits", "wait")
            note(f"{counted(len(waiting), 'image')} {wait} in all.")
        finish(failed)


def _accept(room: "Sitting", paths: list[Path]) -> "Painted":
    from napari_qsa.session.painted import accept_beside

    project = room.project

    def work(progress: Any, cancelled: Any) -> "Painted":
        return accept_beside(project, paths, progress, cancelled)

    found = room.ask_long("annotation", "Accepting labels", work)
    for revision in found.accepted:
        room.workbench.pool.apply_revision(revision)
    return found


def _tell(found: "Painted | None") -> bool:
    """Say what became of label files; True if some could not be used."""
    if found is None:
        return False
    for problem in found.problems:
        note(f"Error: {problem}")
    taken = len(found.accepted)
    have = form(taken, "has an accepted annotation", "have accepted annotations")
    note(f"{counted(taken, 'image')} {have} now, from label files.")
    if found.kept:
        kept = len(found.kept)
        keep = form(kept, "keeps the annotation that it has", "keep the annotations that they have")
        note(f"{counted(kept, 'image')} {keep}.")
    return bool(found.problems)


def _listen(room: "Sitting") -> "list[Added]":
    """Give a list that will hold what became of images that are added."""
    found: list[Added] = []
    room.workbench.pool.images_added.connect(found.append)
    return found


def _some(found: "list[Added]") -> bool:
    """Tell whether any image is there now."""
    return any(each.ids or each.known for each in found)


def _warn(found: "list[Added]") -> None:
    """Name each file that was left out: an error only if there is no other."""
    head = "Warning" if _some(found) else "Error"
    for problem in (problem for each in found for problem in each.problems):
        note(f"{head}: {problem}")
    for text in (text for each in found for text in each.notes):
        note(text)
