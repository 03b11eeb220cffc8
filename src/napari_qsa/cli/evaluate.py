"""``napari-qsa evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from napari_qsa.cli.console import bar, emit, finish, note, say
from napari_qsa.cli.options import (
    DataArgument,
    DeviceOption,
    EngineOption,
    JsonOption,
    PartOption,
    PixelSizeOption,
    TtaOption,
    require_choice,
)


def evaluate(
    data: DataArgument,
    ensemble: Annotated[
        str | None,
        typer.Option("--ensemble", metavar="NAME|FILE", help="A shipped ensemble, or a file."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="DIR",
            help="NAME_labels.tif (or .png, .bmp) of each image, made by anybody.",
        ),
    ] = None,
    part: PartOption = "all",
    tta: TtaOption = False,
    pixel_size: PixelSizeOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    images: Annotated[
        bool, typer.Option("--images", help="Show the scores of each image too, worst first.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables as Markdown.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score an ensemble, or given labels, on labelled images.

    F1, object Dice and object Hausdorff distance as in the GlaS challenge, and pixel Dice: pooled
    over all glands, and as the mean over the images, which is another figure; by part and grade.
    Images that a cross-validated ensemble was trained on are scored out of fold, by the one
    member that never saw their patient; images that any other ensemble was trained on are
    marked as seen.

    Example:
      napari-qsa evaluate glas/ --ensemble glas-segmentation --part train
      napari-qsa evaluate glas/ --predictions results/ --part testA --json
    """
    from napari_qsa.ensemble.engines import ENGINES

    require_choice("--engine", engine, ENGINES)
    if (ensemble is None) == (predictions is None):
        raise typer.BadParameter("give one of the two.", param_hint="'--ensemble', '--predictions'")
    from napari_qsa.evaluation import layout, tables
    from napari_qsa.evaluation.results import worst
    from napari_qsa.evaluation.runs import Failure, evaluate_ensemble, evaluate_predictions
    from napari_qsa.images import open_dataset

    dataset = open_dataset(data).part(part)
    for text in dataset.notes:
        note(text)
    with bar("Evaluating") as shown:

        def tell(done: int, total: int, name: str) -> None:
            shown.update(done / total, name)

        if ensemble is not None:
            from napari_qsa.ensemble.ensemble import Ensemble

            shown.update(0.0, "loading the ensemble")
            loaded = Ensemble.load(ensemble, engine, device)
            found = evaluate_ensemble(dataset, loaded, pixel_size, tta, tell)
        else:
            assert predictions is not None
            found = evaluate_predictions(dataset, predictions, tell)
    failed = [*(Failure("", problem) for problem in dataset.problems), *found.failures]
    for failure in failed:
        note(f"Error: {failure.error}")
    if as_json:
        emit(
            {
                "data": data,
                "part": part,
                "ensemble": ensemble,
                "predictions": predictions,
                "notes": found.notes,
                "summaries": [tables.summary_json(each) for each in found.summaries],
                "images": [tables.image_row(result) for result in found.results],
                "failed": [{"name": each.name, "error": each.error} for each in failed],
            }
        )
    else:
        table = layout.markdown_table if markdown else layout.text_table
        if found.results:
            say(table(tables.summary_rows(found.summaries)))
            for name, value in tables.uncertainty_facts(found.summaries[0]):
                say(f"{name}: {value:.3f}")
        for text in found.notes:
            say(text)
        if images:
            rows = [tables.image_row(each) for each in worst(found.results, len(found.results))]
            say("\n" + table(rows, list(tables.IMAGE_COLUMNS)))
    finish(bool(failed))
