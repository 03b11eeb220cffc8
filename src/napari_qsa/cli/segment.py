"""``napari-qsa segment``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from napari_qsa.cli.console import bar, emit, finish, note, say
from napari_qsa.cli.options import (
    SEGMENTATION,
    DeviceOption,
    EngineOption,
    EnsembleOption,
    JsonOption,
    MinConfidenceOption,
    PixelSizeOption,
    TtaOption,
    is_given,
    is_project,
    refuse_given,
    require_choice,
    set_min_confidence,
)
from napari_qsa.cli.project_segment import FOLDERS_ONLY, segment_in_project


def segment(
    context: typer.Context,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE|FOLDER", help="PNG, JPEG, TIFF, BMP or NIfTI; or one project."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for the results; a project keeps them without one too.",
        ),
    ] = None,
    ensemble: EnsembleOption = SEGMENTATION,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    tta: TtaOption = False,
    pixel_size: PixelSizeOption = None,
    min_confidence: MinConfidenceOption = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="NAME", help="Of a project only this image; may be repeated."
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Of a project also what this model has segmented before."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Segment images and say where the ensemble is unsure.

    Writes NAME_labels.tif (instances), NAME_probability.tif and NAME_uncertainty.tif (float32)
    for each image or page of a stack, and summary.csv. A bad file is named and does not stop
    the others. Results of an earlier call are replaced, any other file never is.

    In a project the model in use, or the one that --ensemble names, segments what it has not
    segmented yet. The predictions are kept there; --out writes them as files too.

    Example:
      napari-qsa segment slides/ extra.png --out results --pixel-size 0.5
      napari-qsa segment glands.qsa --image slide_3
    """
    from napari_qsa.ensemble.engines import ENGINES

    require_choice("--engine", engine, ENGINES)
    if any(is_project(path) for path in images):
        if len(images) > 1:
            raise typer.BadParameter("give one project alone.", param_hint="'IMAGE|FOLDER'")
        refuse_given(context, FOLDERS_ONLY, "a project knows this itself: leave it out.")
        model = ensemble if is_given(context, "ensemble") else None
        segment_in_project(images[0], out, image or [], model, tta, again, as_json)
        return
    refuse_given(context, ["image", "again"], "it is for a project.")
    if out is None:
        raise typer.BadParameter("give a folder for the results.", param_hint="'--out'")
    from napari_qsa.images import open_images

    dataset = open_images(images)
    for text in dataset.notes:
        note(text)
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.source import assumption
    from napari_qsa.session.batch import SUMMARY, segment_batch

    with bar("Segmenting") as shown:
        shown.update(0.0, "loading the ensemble")
        predictor = Ensemble.load(ensemble, engine, device)
        set_min_confidence(predictor, min_confidence)
        rows = segment_batch(dataset, predictor, out, pixel_size, tta, shown.update)
    failed = [row for row in rows if row.error]
    for row in failed:
        note(f"Error: {row.error}")
    if assumed := sum(row.pixel_size_assumed for row in rows):
        note(assumption(assumed, len(rows), predictor.card.source_pixel_size))
    faint = sum(row.faint or 0 for row in rows)
    if faint and not as_json:  # the document has them for each image
        note(
            f"Objects left out because no member is sure of them: {faint} (confidence below "
            f"{predictor.card.instances.min_confidence:g}; --min-confidence 0 keeps all)."
        )
    if as_json:
        emit(
            {
                "ensemble": ensemble,
                "engine": predictor.engine,
                "device": predictor.device,
                "out": out,
                "summary": out / SUMMARY,
                "images": [asdict(row) for row in rows if not row.error],
                "failed": [asdict(row) for row in failed],
            }
        )
    else:
        from napari_qsa.evaluation.layout import text_table

        columns = {
            "name": "name",
            "glands": "glands",
            "faint": "left out",
            "gland_area_share": "gland area",
            "mean_uncertainty": "uncertainty",
            "seconds": "seconds",
        }
        found = [
            {title: getattr(row, key) for key, title in columns.items()}
            for row in rows
            if not row.error
        ]
        if found:
            say(text_table(found))
        say(f"{len(found)} of {len(rows)} segmented; results and {SUMMARY} are in {out}")
    finish(bool(failed))
