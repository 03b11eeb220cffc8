"""Arguments and options that several commands share."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

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
    Path, typer.Argument(metavar="DATA", help="A folder: GlaS as downloaded, or any other.")
]


def require_choice(option: str, value: str, choices: Iterable[str]) -> None:
    """End with a usage error unless an option has one of its values."""
    known = list(choices)
    if value not in known:
        raise typer.BadParameter(
            f"{value!r} is not one of {', '.join(known)}.", param_hint=f"'{option}'"
        )
