"""``napari-qsa suggest``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_qsa.cli.console import bar, emit, finish, note, say
from napari_qsa.cli.options import (
    SUGGESTIVE,
    DeviceOption,
    EngineOption,
    EnsembleOption,
    JsonOption,
    PartOption,
    PixelSizeOption,
    TtaOption,
    is_project,
    refuse_given,
    require_choice,
)
from napari_qsa.cli.project_suggest import COLUMNS, FOLDERS_ONLY, suggest_in_project
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.session.query import Suggestion


def suggest(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The pool of images, or a project.")
    ],
    ensemble: EnsembleOption = SUGGESTIVE,
    k: Annotated[int, typer.Option("-k", metavar="K", min=1, help="Images to suggest.")] = 8,
    candidates: Annotated[
        int,
        typer.Option(
            "--candidates", metavar="K", min=1, help="Most uncertain images to choose among."
        ),
    ] = 16,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            metavar="NAME",
            help="suggestive, representative, uncertainty, entropy, bald, coreset, badge, "
            "class_stratified, foreground_random or random; see docs/methods.md.",
        ),
    ] = "suggestive",
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotated",
            metavar="FILE",
            help="Text file with a name or path a line: exactly these images are annotated. "
            "Without it, those with labels are.",
        ),
    ] = None,
    ignore_labels: Annotated[
        bool, typer.Option("--ignore-labels", help="Without a list, none is annotated.")
    ] = False,
    count_annotated: Annotated[
        bool,
        typer.Option(
            "--count-annotated/--paper",
            help="Whether what is annotated counts as covered; the paper does not.",
        ),
    ] = True,
    part: PartOption = "all",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="S",
            min=0,
            help="Of what a strategy draws at random.  [default: 0, or the project's]",
        ),
    ] = None,
    he_glands: Annotated[
        bool,
        typer.Option(
            "--he-glands",
            help="The project's images are glands in H&E: the shipped ensemble's uncertainty "
            "counts from the start.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="CSV", help="Write the ranking here too.")
    ] = None,
    tta: TtaOption = False,
    pixel_size: PixelSizeOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Say which images to annotate next, and why.

    Every image is predicted; the most uncertain are the candidates, and those of them are picked
    that best stand for all images without annotation (suggestive annotation). --strategy takes
    another way to choose; docs/methods.md has a paragraph on each. Images that have a label
    file count as annotated; --annotated gives a list instead.

    Of a project the model in use scores what it has not scored yet, and a round begins: it asks
    for K images, and for some more to validate on.

    Example:
      napari-qsa suggest slides/ -k 8 --annotated done.txt --json
      napari-qsa suggest glands.qsa -k 8
    """
    from napari_qsa.ensemble.engines import ENGINES
    from napari_qsa.suggestion import goes_by_uncertainty, strategy_names

    require_choice("--engine", engine, ENGINES)
    require_choice("--strategy", strategy, strategy_names())
    if is_project(folder):
        refuse_given(context, FOLDERS_ONLY, "a project knows this itself: leave it out.")
        suggest_in_project(folder, k, candidates, strategy, he_glands, seed, out, as_json)
        return
    refuse_given(context, ["he_glands"], "it is for a project.")
    from napari_qsa.images import open_dataset
    from napari_qsa.session import query
    from napari_qsa.session.annotated import annotated_names, require_work
    from napari_qsa.session.doubts import alone, few, seen, strange

    dataset = open_dataset(folder).part(part)
    for text in dataset.notes:
        note(text)
    names = annotated_names(dataset, annotated, ignore_labels)
    require_work(dataset, names)
    options = query.QueryOptions(k, candidates, strategy, count_annotated, seed or 0)
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.source import assumption

    with bar("Predicting") as shown:
        shown.update(0.0, "loading the ensemble")
        predictor = Ensemble.load(ensemble, engine, device)
        scored, failed = query.score_pool(dataset, predictor, pixel_size, tta, shown.update)
    for failure in failed:
        note(f"Error: {failure.error}")
    if assumed := sum(each.pixel_size_assumed for each in scored):
        note(assumption(assumed, len(scored), predictor.card.source_pixel_size))
    waiting = [each.item for each in scored if each.item.name not in names]
    card = predictor.card
    for text in (*alone(card, strategy), *seen(card, waiting), *few(len(names), strategy)):
        note(text)
    foreign = strange(card, (item.volume_pixel_size() for item in waiting))
    if foreign and goes_by_uncertainty(strategy):
        note(f"{foreign}; --strategy representative goes without it.")
    answer = query.suggest(scored, names, options, failed)
    rows = [_row(suggestion) for suggestion in answer.suggestions]
    if strategy == "suggestive" and k < len(rows) <= candidates:
        note(
            f"All {len(rows)} images are candidates, so uncertainty decides nothing: give fewer "
            "with --candidates."
        )
    if out is not None:
        from napari_qsa.formats import write_csv

        write_csv(out, rows)
    if as_json:
        emit(
            {
                "ensemble": ensemble,
                "strategy": strategy,
                "k": k,
                "candidates": candidates,
                "picks": [row["name"] for row in rows if row["picked"]],
                "images": rows,
                "annotated": answer.annotated,
                "coverage_before": answer.coverage_before,
                "coverage_after": answer.coverage_after,
                "failed": [{"file": each.file, "error": each.error} for each in failed],
            }
        )
    else:
        from napari_qsa.evaluation.layout import text_table

        say(text_table(rows, COLUMNS))
        known = len(answer.annotated)
        count, do = form(known, "counts", "count"), form(len(rows), "does", "do")
        say(f"{counted(known, 'image')} {count} as annotated, {len(rows)} {do} not.")
    finish(bool(failed))


def _row(suggestion: "Suggestion") -> dict[str, Any]:
    from napari_qsa.session.reasons import NAMES

    item = suggestion.item
    return {
        "rank": suggestion.rank,
        "name": item.name,
        "file": str(item.image),
        "page": None if item.page is None else item.page + 1,
        "picked": suggestion.picked,
        "candidate": suggestion.candidate,
        "uncertainty": suggestion.uncertainty,
        "gain": suggestion.gain,
        "represents": suggestion.represents,
        "decided_by": NAMES[suggestion.decided_by],
        "score": suggestion.score,
        "why": suggestion.why,
    }
