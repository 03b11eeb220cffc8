"""What the options of ``napari-qsa train`` mean, and whether they go together."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_qsa.cli.options import is_given

if TYPE_CHECKING:
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.ensemble.training.run import TrainingRun

PRETRAINABLE = ("efficient_fcn",)

TUNABLE = (
    "batch",
    "crop",
    "learning_rate",
    "stage_rate",
    "encoder_rate",
    "weight_decay",
    "ema",
    "float_share",
    "stain",
    "separator_reach",
    "separator_weight",
    "border_weight",
)
"""Options of a training that have no flag of their own."""


def network_of(context: typer.Context, start: str) -> tuple[str, dict[str, Any]]:
    """Give the network of an ensemble to start from, which the command line must not name too."""
    from napari_qsa.ensemble import shipped
    from napari_qsa.ensemble.card import read_card

    for flag in ("network", "network_option", "pretrained"):
        if is_given(context, flag):
            raise typer.BadParameter(
                "the ensemble to start from says which network.",
                param_hint=f"'--{flag.replace('_', '-')}', '--start'",
            )
    card = read_card(shipped.resolve(start))
    return card.network, dict(card.network_options)


def network_options_of(network: str, pairs: list[str], pretrained: bool | None) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are numbers, true, false, or else text."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name and sign):
            raise typer.BadParameter(
                f"{pair!r} is not NAME=VALUE.", param_hint="'--network-option'"
            )
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    if network in PRETRAINABLE:
        options.setdefault("pretrained", pretrained is not False)
    elif pretrained:
        raise typer.BadParameter(
            f"{network} has no pretrained weights.", param_hint="'--pretrained'"
        )
    return options


def require_schemes(weights: str, activations: str) -> None:
    """End with a usage error unless both are names; ``napari-qsa schemes`` lists them."""
    from napari_qsa.errors import QsaError
    from napari_qsa.quantization import activation_scheme, weight_scheme

    try:
        weight_scheme(weights)
    except QsaError as error:
        raise typer.BadParameter(str(error), param_hint="'--weights'") from error
    try:
        activation_scheme(activations)
    except QsaError as error:
        raise typer.BadParameter(str(error), param_hint="'--activations'") from error


def layers_of(pairs: list[str]) -> dict[str, str]:
    """Read WHICH=SCHEMES pairs; a network without such a layer says so when it is trained."""
    layers: dict[str, str] = {}
    for pair in pairs:
        which, sign, schemes = pair.partition("=")
        if not (which and sign and schemes):
            raise typer.BadParameter(
                f"{pair!r} is not WHICH=SCHEMES, such as last=float.", param_hint="'--layer'"
            )
        layers[which] = schemes
    return layers


def settings_of(pairs: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs of the options in `TUNABLE`."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in TUNABLE:
            raise typer.BadParameter(
                f"{name!r} is none of {', '.join(TUNABLE)}.", param_hint="'--set'"
            )
        try:
            settings[name] = int(value) if name in ("batch", "crop") else float(value)
        except ValueError:
            raise typer.BadParameter(
                f"{pair!r} is not {name}=NUMBER.", param_hint="'--set'"
            ) from None
    return settings


def resumed(
    context: typer.Context,
    folder: Path,
    data: Path,
    part: str,
    options: "TrainingOptions",
    settings: dict[str, Any],
) -> "TrainingRun":
    """Open the run to be resumed; what the command line says of it must be true."""
    from napari_qsa.ensemble.training.run import TrainingRun

    current = TrainingRun.open(folder)
    flags = {
        "role": "role",
        "network": "network",
        "network_option": "network_options",
        "pretrained": "network_options",
        "members": "members",
        "weights": "weights",
        "activations": "activations",
        "layer": "layers",
        "folds": "folds",
        "fold": "fold",
        "iterations": "iterations",
        "seed": "seed",
        "threads": "threads",
        "pixel_size": "source_pixel_size",
        "start": "start",
    }
    given = {flag for flag in flags if is_given(context, flag)}
    pairs = {f"--{f.replace('_', '-')}": flags[f] for f in given}
    wrong = [
        flag
        for flag, name in pairs.items()
        if getattr(options, name) != getattr(current.options, name)
    ]
    if any(getattr(current.options, name) != value for name, value in settings.items()):
        wrong.append("--set")
    if is_given(context, "part") and part != current.part:
        wrong.append("--part")
    if data.resolve() != current.data:
        raise typer.BadParameter(
            f"the run in {folder} trains on {current.data}: give that, or start a new run.",
            param_hint="'DATA'",
        )
    if wrong:
        raise typer.BadParameter(
            f"the run in {folder} began with another value: leave it out, or start a new run.",
            param_hint=", ".join(f"'{flag}'" for flag in sorted(wrong)),
        )
    return current


def as_in(
    source: Path, options: "TrainingOptions", minutes: float | None, iterations: int | None
) -> "TrainingOptions":
    """Take as many iterations as the run whose float phase is taken over."""
    from napari_qsa.ensemble.training.run import TrainingRun

    if minutes is not None:
        raise typer.BadParameter(
            "a run that starts from another has its iterations.", param_hint="'--minutes'"
        )
    if iterations is not None:
        return options
    return replace(options, iterations=TrainingRun.open(source).options.iterations)
