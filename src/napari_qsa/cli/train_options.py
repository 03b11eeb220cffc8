"""What the options of ``napari-qsa train`` mean, and whether they go together."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_qsa.cli.options import flag_of, is_given, refused

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


def require_schemes(weights: str, activations: str, flag: str = "--weights") -> None:
    """End with a usage error unless both are names; ``napari-qsa schemes`` lists them."""
    from napari_qsa.quantization import activation_scheme, weight_scheme

    with refused(flag):
        weight_scheme(weights)
    with refused("--activations"):
        activation_scheme(activations)


def require_network(
    network: str, options: dict[str, Any], layers: dict[str, str] | None = None
) -> dict[str, str]:
    """End with a usage error unless there is such a network, with such layers; it is built.

    Returns
    -------
    dict
        The layers, the first and the last by name, as a run records them.
    """
    from napari_qsa.networks import build_network
    from napari_qsa.quantization import exceptions_of, prepare, with_names

    with refused("--network", "--network-option"):
        values = {"pretrained": False} if options.get("pretrained") is True else {}  # not needed
        built = build_network(network, **options | values)
    with refused("--layer"):
        exceptions_of(prepare(built), layers or {})
    return with_names(built, layers or {})


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
    before = current.options
    wrong = {
        flag_of(context, flag): getattr(before, name)
        for flag, name in flags.items()
        if is_given(context, flag) and getattr(options, name) != getattr(before, name)
    }
    other = [name for name, value in settings.items() if getattr(before, name) != value]
    if other:
        wrong["--set"] = {name: getattr(before, name) for name in other}
    if is_given(context, "part") and part != current.part:
        wrong["--part"] = current.part
    if data.resolve() != current.data:
        raise typer.BadParameter(
            f"the run in {folder} trains on {current.data}: give that, or start a new run.",
            param_hint="'DATA'",
        )
    if wrong:
        raise began_otherwise(f"the run in {folder}", wrong, "run")
    return current


def began_otherwise(what: str, before: Mapping[str, Any], noun: str) -> typer.BadParameter:
    """Say with which values of some options something began."""
    values = ", ".join(f"{flag} {_written(value)}" for flag, value in before.items())
    return typer.BadParameter(
        f"{what} began with {values}: leave it out, or start a new {noun}.",
        param_hint=", ".join(f"'{flag}'" for flag in before),
    )


def _written(value: Any) -> str:
    """Write a value about as the command line has it."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={json.dumps(each)}" for key, each in value.items()) or "(none)"
    return "(none)" if value is None else str(value)


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
