"""Arguments and options that several commands share."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble

SEGMENTATION = "glas-segmentation"
SUGGESTIVE = "glas-suggestive"

EnsembleOption = Annotated[
    str, typer.Option("--ensemble", metavar="NAME|FILE", help="A shipped ensemble, or a file.")
]
PixelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--pixel-size",
        metavar="UM",
        min=0.01,
        max=100.0,
        help="µm of a pixel of all images; without it, what the images say, "
        "else that of the ensemble's training images.",
    ),
]
TtaOption = Annotated[
    bool, typer.Option("--tta", help="Average over flips and turns: slower, a little better.")
]
MinConfidenceOption = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Leave out objects that no network is sure of: 0 keeps all; without it, what the "
        "ensemble's file says.",
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:1, mps, ...")
]
EngineOption = Annotated[
    str, typer.Option("--engine", metavar="auto|torch", help="What runs the networks.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
PartOption = Annotated[
    str,
    typer.Option(
        "--part", metavar="PART", help="Of the data: train, testA, testB, a subfolder, or all."
    ),
]
DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder: GlaS as downloaded, or images with NAME_labels.* or NAME_anno.* beside.",
    ),
]


def require_choice(option: str, value: str, choices: Iterable[str]) -> None:
    """End with a usage error unless an option has one of its values."""
    known = list(choices)
    if value not in known:
        raise typer.BadParameter(
            f"{value!r} is not one of {', '.join(known)}.", param_hint=f"'{option}'"
        )


def set_min_confidence(predictor: "Ensemble", value: float | None) -> None:
    """Let an ensemble keep objects of another confidence than its file says."""
    if value is not None:
        options = replace(predictor.card.instances, min_confidence=value)
        predictor.card = replace(predictor.card, instances=options)
