"""``napari-qsa export``."""

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.options import JsonOption, ProjectArgument, require_choice
from napari_qsa.errors import QsaError
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.session.exporter import Exported

SETS = ("accepted", "segmented")
FORMATS = ("tiff16", "tiff32", "png", "bmp")


def export(
    folder: ProjectArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the files.  [default: 'NAME export' beside]"
        ),
    ] = None,
    what: Annotated[
        str,
        typer.Option(
            "--what",
            metavar="SET",
            help="All accepted annotations, or all that is segmented; no excluded images.",
        ),
    ] = "accepted",
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="Of this image the newest annotation, else what is segmented; may be repeated.",
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="tiff16, tiff32, png, or bmp as in GlaS.")
    ] = "tiff16",
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Write NAME_uncertainty.tif too.")
    ] = False,
    table: Annotated[
        bool, typer.Option("--table/--no-table", help="Write NAME_glands.csv: a row a gland.")
    ] = True,
    region: Annotated[
        bool, typer.Option("--region", help="Write NAME_region.tif too: what was reviewed.")
    ] = False,
    volumes: Annotated[
        bool,
        typer.Option(
            "--volumes",
            help="Write STEM_labels.nii.gz too, for each NIfTI volume: its slices put together.",
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="KEY", help="Whose predictions.  [default: in use]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the masks of a project as files that other programs read.

    Excluded images are written only where they are named by --image.
    Labels are NAME_labels.tif or .png, or NAME_anno.bmp; export.csv lists them. Files of an
    earlier export are replaced, any other file never is. The project may be open in a window
    meanwhile: it is only read.

    Example:
      napari-qsa export glands.qsa --out masks --format bmp
      napari-qsa export glands.qsa --image 'case3*' --uncertainty
    """
    require_choice("--what", what, SETS)
    require_choice("--format", form, FORMATS)
    from napari_qsa.cli.project_images import find_images
    from napari_qsa.cli.sitting import opened

    found: list[Exported] = []
    with opened(folder, "export", read_only=True) as room:
        project = room.project
        ids = find_images(project, image or [])
        place = out or project.folder.with_name(f"{project.folder.stem} export")
        exporter = room.workbench.exporter
        exporter.exported.connect(found.append)
        exporter.export(
            cast(Any, "selection" if image else what),
            place,
            cast(Any, form),
            uncertainty,
            table,
            region,
            ids,
            model,
            volumes,
        )
        status = room.work(exporter, "Exporting")
        if not found:
            room.stop_at_failures()
            raise QsaError(status.message)
        failed = room.tell_failures()
    rows = found[0].rows
    done = [row for row in rows if not row.error]
    if as_json:
        emit(
            {
                "project": project.folder,
                "out": place,
                "images": [asdict(row) for row in done],
                "excluded": found[0].excluded,
                "failed": [asdict(row) for row in rows if row.error],
                "volumes": found[0].volumes,
            }
        )
    else:
        from napari_qsa.evaluation.layout import text_table

        if done:
            say(text_table([vars(row) for row in done], ["labels", "source", "glands"]))
        say(status.message)
        alike = groupby(sorted(done, key=lambda row: row.notes), key=lambda row: row.notes)
        for text, group in alike:
            names = [row.name for row in group]
            if text:  # once for all that it is true of
                note(f"{names[0] if len(names) == 1 else counted(len(names), 'image')}: {text}")
    finish(failed)
