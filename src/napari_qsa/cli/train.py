"""``napari-qsa train``."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_qsa.cli.console import bar, duration, emit, note, say, size
from napari_qsa.cli.options import DataArgument, DeviceOption, JsonOption, require_choice

if TYPE_CHECKING:
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.ensemble.training.run import TrainingRun
    from napari_qsa.jobs.training_progress import TrainingProgress

ROLES = ("segmentation", "suggestive")
NETWORKS = ("efficient_fcn", "unet")
PRETRAINABLE = ("efficient_fcn",)
INTERRUPTED = 130


def train(
    context: typer.Context,
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ensemble file to make.")],
    role: Annotated[
        str, typer.Option("--role", metavar="suggestive|segmentation", help="What it is for.")
    ] = "segmentation",
    network: Annotated[
        str, typer.Option("--network", metavar="N", help="efficient_fcn or unet.")
    ] = "efficient_fcn",
    network_option: Annotated[
        list[str] | None,
        typer.Option(
            "--network-option", metavar="NAME=VALUE", help="Such as width=16; may be repeated."
        ),
    ] = None,
    pretrained: Annotated[
        bool | None,
        typer.Option(
            "--pretrained/--no-pretrained",
            help="Start efficient_fcn from ImageNet weights; by default it does.",
        ),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(
            "--members", metavar="M", min=1, max=64, help="Networks.  [default: 5, or one per fold]"
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            "--weights", metavar="SCHEME", help="float, float-restarts, inq4, inq5 or inq7."
        ),
    ] = "inq4",
    activations: Annotated[
        str, typer.Option("--activations", metavar="SCHEME", help="float, u8 or s8.")
    ] = "u8",
    part: Annotated[
        str,
        typer.Option(
            "--part", metavar="PART", help="Of the data; train is all where nothing is set aside."
        ),
    ] = "train",
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="N",
            min=2,
            max=64,
            help="Patient folds; member m trains without fold m.",
        ),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(
            "--fold",
            metavar="F",
            min=0,
            help="With --folds: every member trains without this fold.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="M",
            min=0.1,
            help="Time of the whole run; turned into iterations once, at its beginning.",
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option("--iterations", metavar="N", min=1, help="Of each member.  [default: 1600]"),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="Of every random draw.")
    ] = 0,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            "--pixel-size",
            metavar="UM",
            min=0.01,
            max=100.0,
            help="µm of a pixel of all images; without it, what the images say, else 0.62.",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, help="CPU threads of each member.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes.  [default: as many as there are cores]",
        ),
    ] = None,
    device: DeviceOption = "auto",
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="Folder of the run.  [default: FILE.run]"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was interrupted.")
    ] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--start-from",
            metavar="RUN",
            help="Take the float phase over from a run that differs in its schemes only.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="NAME|FILE",
            help="Fine-tune the members of this ensemble; sets the network.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a quantized ensemble on images with labels.

    Each member trains on a bootstrap of the images, or with --folds without one fold of
    patients. What is trained is kept in the folder of the run: a run that was stopped, even
    by a power cut, goes on with --resume and, on the CPU, ends bit-identical to one that was
    not. FILE is written at the end only, and an earlier one stays until then.

    Example:
      napari-qsa train glas/ --out mine.safetensors --minutes 60
      napari-qsa train glas/ --out folds.safetensors --folds 5 --iterations 3000
      napari-qsa train mine/ --out mine.safetensors --start glas-segmentation --minutes 30
      napari-qsa train glas/ --out mine.safetensors --resume
    """
    begun = time.monotonic()
    require_choice("--role", role, ROLES)
    require_choice("--network", network, NETWORKS)
    if minutes is not None and iterations is not None:
        raise typer.BadParameter("give one of the two.", param_hint="'--minutes', '--iterations'")
    if resume and minutes is not None:
        raise typer.BadParameter(
            "the run has its iterations: leave it out.", param_hint="'--minutes'"
        )
    if fold is not None and folds is None:
        raise typer.BadParameter("it needs --folds.", param_hint="'--fold'")
    if folds is not None and fold is None and members not in (None, folds):
        raise typer.BadParameter(
            f"{folds} folds make {folds} members.", param_hint="'--members', '--folds'"
        )
    from napari_qsa.ensemble.training.start import located

    if start is not None:
        network, network_options = _network_of(context, start)
        start = located(start)
    else:
        network_options = _network_options(network, network_option or [], pretrained)
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.quantization import ACTIVATION_SCHEMES, WEIGHT_SCHEMES
    from napari_qsa.session import training

    require_choice("--weights", weights, WEIGHT_SCHEMES)
    require_choice("--activations", activations, ACTIVATION_SCHEMES)
    training.check_target(out)
    options = TrainingOptions(
        role=cast(Any, role),
        network=network,
        network_options=network_options,
        weights=weights,
        activations=activations,
        members=members or (folds if folds is not None and fold is None else 5),
        folds=folds or 0,
        fold=fold,
        seed=seed,
        threads=threads,
        source_pixel_size=pixel_size,
        start=start,
    )
    if iterations is not None:
        options = replace(options, iterations=iterations)
    folder = run or training.run_folder(out)
    if resume:
        current = _resumed(context, folder, data, part, options)
    else:
        if start_from is not None:
            options = _as_in(start_from, options, minutes, iterations)
        current = training.begin_run(
            folder, data, part, options, minutes, workers, device, tell=note
        )
    try:
        with bar("Training") as shown:

            def tell(progress: "TrainingProgress") -> None:
                shown.update(progress.fraction, _about(progress), progress.seconds_left)

            ensemble = training.finish_run(current, out, workers, device, start_from, tell)
    except KeyboardInterrupt:
        note(f"Stopped; what is trained is kept in {folder}: --resume goes on with it.")
        raise typer.Exit(INTERRUPTED) from None
    seconds = time.monotonic() - begun
    if as_json:
        emit(
            {
                "file": out,
                "bytes": out.stat().st_size,
                "run": folder,
                "seconds": round(seconds, 1),
                "members": ensemble.card.members,
                "options": current.options.to_json(),
            }
        )
    else:
        say(
            f"{out} ({size(out.stat().st_size)}): {ensemble.card.members} members, "
            f"{current.options.iterations} iterations each, in {duration(seconds)}."
        )
        say(f"{folder} holds checkpoints and events; it is not needed to use the ensemble.")


def _network_of(context: typer.Context, start: str) -> tuple[str, dict[str, Any]]:
    """Give the network of an ensemble to start from, which the command line must not name too."""
    from napari_qsa.ensemble import shipped
    from napari_qsa.ensemble.card import read_card

    for flag in ("network", "network_option", "pretrained"):
        if _is_given(context, flag):
            raise typer.BadParameter(
                "the ensemble to start from says which network.",
                param_hint=f"'--{flag.replace('_', '-')}', '--start'",
            )
    card = read_card(shipped.resolve(start))
    return card.network, dict(card.network_options)


def _network_options(network: str, pairs: list[str], pretrained: bool | None) -> dict[str, Any]:
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


def _resumed(
    context: typer.Context, folder: Path, data: Path, part: str, options: "TrainingOptions"
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
        "folds": "folds",
        "fold": "fold",
        "iterations": "iterations",
        "seed": "seed",
        "threads": "threads",
        "pixel_size": "source_pixel_size",
        "start": "start",
    }
    given = {flag for flag in flags if _is_given(context, flag)}
    pairs = {f"--{f.replace('_', '-')}": flags[f] for f in given}
    wrong = [
        flag
        for flag, name in pairs.items()
        if getattr(options, name) != getattr(current.options, name)
    ]
    if _is_given(context, "part") and part != current.part:
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


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _as_in(
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


def _about(progress: "TrainingProgress") -> str:
    """Say what the members at work are doing."""
    busy = [m for m in progress.members if m.phase and not m.finished]
    return "; ".join(
        f"member {m.member}: {m.phase}" + ("" if m.loss is None else f", loss {m.loss:.3f}")
        for m in busy
    )
