"""``napari-qsa ablate``."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from napari_qsa.cli.console import bar, emit, note, say
from napari_qsa.cli.options import DataArgument, JsonOption, refused
from napari_qsa.cli.train_options import network_options_of, require_network, require_schemes
from napari_qsa.images.pixel_size import LARGEST_OF_VOLUMES

Number = TypeVar("Number", int, float)

BITS = "float-restarts,inq2,inq3,inq4,inq5,inq7"


def ablate(
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder of the runs; called again, it goes on."),
    ],
    suggestive: Annotated[
        str, typer.Option("--suggestive", metavar="LIST", help="Weight schemes, with commas.")
    ] = BITS,
    segmentation: Annotated[
        str, typer.Option("--segmentation", metavar="LIST", help="Weight schemes, with commas.")
    ] = BITS,
    against: Annotated[
        str, typer.Option("--against", metavar="LIST", help="Schemes that the other side has.")
    ] = "float-restarts,inq7",
    members: Annotated[
        str, typer.Option("--members", metavar="LIST", help="Numbers of segmentation networks.")
    ] = "1,5",
    suggestive_members: Annotated[
        int, typer.Option("--suggestive-members", metavar="M", min=2, help="Suggestive networks.")
    ] = 5,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Repetitions: seeds 0 to N - 1.")
    ] = 2,
    part: Annotated[str, typer.Option("--part", metavar="PART", help="Of the data.")] = "train",
    folds: Annotated[
        int, typer.Option("--folds", metavar="N", min=2, help="Folds of patients.")
    ] = 5,
    fold: Annotated[
        int, typer.Option("--fold", metavar="F", min=0, help="The fold that is held out.")
    ] = 0,
    start: Annotated[
        int, typer.Option("--start", metavar="N", min=1, help="Images annotated at the start.")
    ] = 8,
    add: Annotated[
        int, typer.Option("--add", metavar="N", min=1, help="Images picked by suggestion.")
    ] = 16,
    candidates: Annotated[
        int,
        typer.Option(
            "--candidates", metavar="K", min=1, help="The most uncertain ones it picks among."
        ),
    ] = 32,
    network: Annotated[
        str, typer.Option("--network", metavar="N", help="Of both sides.")
    ] = "efficient_fcn",
    network_option: Annotated[
        list[str] | None,
        typer.Option(
            "--network-option", metavar="NAME=VALUE", help="Such as width=8; may be repeated."
        ),
    ] = None,
    portions: Annotated[
        str | None,
        typer.Option(
            "--portions",
            metavar="LIST",
            help="Accumulated shares of the weights at each stage, of every scheme alike.  "
            "[default: those of inq4]",
        ),
    ] = None,
    activations: Annotated[
        str, typer.Option("--activations", metavar="SCHEME", help="Of both sides.")
    ] = "float",
    iterations: Annotated[
        int, typer.Option("--iterations", metavar="N", min=1, help="Of every network.")
    ] = 400,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", min=1, help="Crops in an iteration.")
    ] = 4,
    crop: Annotated[
        int, typer.Option("--crop", metavar="PX", min=32, help="Side of a crop on the grid.")
    ] = 96,
    grid: Annotated[
        float, typer.Option("--grid", metavar="UM", min=0.01, help="µm of a pixel of the grid.")
    ] = 2.48,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            "--pixel-size",
            metavar="UM",
            min=0.01,
            max=LARGEST_OF_VOLUMES,
            help="µm of a pixel of all images; without it, what the images say.",
        ),
    ] = None,
    float_share: Annotated[
        float,
        typer.Option("--float-share", metavar="X", help="Of the iterations, before the stages."),
    ] = 0.6,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="DIR", help="Of the page.  [default: DIR/report]"),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="D", help="cpu, cuda, cuda:1, mps, ...")
    ] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Compare bit widths of suggestive and segmentation networks, as Xu et al. (CVPR 2018) do.

    Suggestive networks of a scheme are trained on a random start and pick more images; the
    segmentation networks of another are trained on these and scored on patients never seen. The
    charts: bits of the suggestive networks, of one segmentation network, of five; the other
    side has each scheme of --against. All schemes have equal portions and iterations, and
    float-restarts is the same schedule with nothing quantized.

    Example:
      napari-qsa ablate glas/ --out ablation --seeds 2
      napari-qsa ablate glas/ --out ablation --suggestive float-restarts,inq4,q0.4 --members 1
    """
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.quantization.inq import inq_portions
    from napari_qsa.simulation.ablation import AblationOptions
    from napari_qsa.simulation.ablation_report import write_report
    from napari_qsa.simulation.ablation_results import document
    from napari_qsa.simulation.ablation_run import Ablation
    from napari_qsa.simulation.study import write_json

    sides = {"--suggestive": suggestive, "--segmentation": segmentation, "--against": against}
    schemes = {flag: _names(text) for flag, text in sides.items()}
    for flag, names in schemes.items():
        for name in names:
            require_schemes(name, activations, flag)
    network_options = network_options_of(network, network_option or [], None)
    require_network(network, network_options)
    counts = tuple(dict.fromkeys(_numbers("--members", members, int)))
    if min(counts) < 1:
        raise typer.BadParameter("give numbers of at least 1.", param_hint="'--members'")
    shares = inq_portions(4) if portions is None else _numbers("--portions", portions, float)
    with refused("--portions"):
        TrainingOptions(portions=shares)
    with refused():
        options = AblationOptions(
            suggestive=schemes["--suggestive"],
            segmentation=schemes["--segmentation"],
            against=schemes["--against"],
            members=counts,
            suggestive_members=suggestive_members,
            seeds=seeds,
            folds=folds,
            fold=fold,
            start=start,
            add=add,
            candidates=candidates,
            portions=shares,
            network=network,
            network_options=network_options,
            activations=activations,
            iterations=iterations,
            batch=batch,
            crop=crop,
            pixel_size=grid,
            source_pixel_size=pixel_size,
            float_share=float_share,
        )
        options.training("suggestive", options.suggestive[0], 0)
    ablation = Ablation.open(out, data, options, part, device)
    try:
        with bar("Ablating") as shown:
            results = ablation.run(lambda done, total, about: shown.update(done / total, about))
    except KeyboardInterrupt:
        note(f"Stopped; what is done is kept in {out}: the same command goes on with it.")
        raise
    values = document(options, results)
    page = write_report(report or out / "report", values)
    write_json(page.parent / "ablation.json", values)
    if as_json:
        emit({"report": page, "cells": values["cells"]})
    else:
        say(f"{page}: {len(results)} cells in {len(options.charts)} charts.")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    try:
        return tuple(kind(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of numbers, such as 1,5.", param_hint=f"'{option}'"
        ) from None
