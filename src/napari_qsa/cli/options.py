"""Arguments and options that several commands share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_qsa.errors import QsaError
from napari_qsa.images.pixel_size import LARGEST_OF_VOLUMES

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
        max=LARGEST_OF_VOLUMES,
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
ProjectArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of a project, NAME.qsa.")
]

GroupPatternOption = Annotated[
    str | None,
    typer.Option(
        "--group-pattern",
        metavar="REGEX",
        help="Images of unknown patient belong together where its first group finds the same in "
        "their names, as '^(case[0-9]+)'.",
    ),
]
ProjectPixelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--pixel-size",
        metavar="UM",
        min=0.01,
        max=LARGEST_OF_VOLUMES,
        help="µm of a pixel, for images that do not say their own.",
    ),
]


def is_project(path: Path) -> bool:
    """Tell whether a path is the folder of a project."""
    return (path / "project.json").is_file()


def refuse_given(context: typer.Context, names: Iterable[str], reason: str) -> None:
    """End with a usage error where an option is on the command line that means nothing there."""
    given = [name for name in names if is_given(context, name)]
    if given:
        flags = ", ".join(f"'{flag_of(context, name)}'" for name in given)
        raise typer.BadParameter(reason, param_hint=flags)


def is_given(context: typer.Context, name: str) -> bool:
    """Tell whether a parameter is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def flag_of(context: typer.Context, name: str) -> str:
    """Give a parameter as it is written on the command line."""
    params = (each for each in context.command.params if each.name == name)
    return next((" / ".join([*each.opts, *each.secondary_opts]) for each in params), name)


@contextmanager
def refused(*flags: str) -> Iterator[None]:
    """End with a usage error of these options where what they say cannot be."""
    try:
        yield
    except QsaError as error:
        hint = ", ".join(f"'{flag}'" for flag in flags) or None
        raise typer.BadParameter(str(error), param_hint=hint) from error


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
