"""``napari-qsa train``."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_qsa.cli.console import bar, duration, emit, note, say, size
from napari_qsa.cli.interrupts import exit_status, terminable
from napari_qsa.cli.options import (
    DataArgument,
    DeviceOption,
    JsonOption,
    is_given,
    is_project,
    refused,
    require_choice,
)
from napari_qsa.cli.train_options import (
    TUNABLE,
    as_in,
    layers_of,
    network_of,
    network_options_of,
    require_network,
    require_schemes,
    resumed,
    settings_of,
)
from napari_qsa.cli.train_project import OPTIONS, train_project
from napari_qsa.images.pixel_size import LARGEST_OF_VOLUMES
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.jobs.training_progress import TrainingProgress

ROLES = ("segmentation", "suggestive")
NETWORKS = (
    "efficient_fcn",
    "unet",
    "suggestive_fcn",
    "unet_fixed_point",
    "dcan",
    "multichannel",
)
OF_PROJECTS = ("status", "cancel", "background", "from_scratch", "adopt")


def train(
    context: typer.Context,
    data: DataArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The ensemble file to make; of a folder it is needed."
        ),
    ] = None,
    role: Annotated[
        str, typer.Option("--role", metavar="suggestive|segmentation", help="What it is for.")
    ] = "segmentation",
    network: Annotated[
        str, typer.Option("--network", metavar="N", help=f"One of {', '.join(NETWORKS)}.")
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
            "--weights", metavar="SCHEME", help="Such as inq4 or float; see napari-qsa schemes."
        ),
    ] = "inq4",
    activations: Annotated[
        str, typer.Option("--activations", metavar="SCHEME", help="Such as u8 or float; likewise.")
    ] = "u8",
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            metavar="WHICH=SCHEMES",
            help="Schemes of some layers, such as first=float/float; may be repeated.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help=f"One of {', '.join(TUNABLE)}; may be repeated.",
        ),
    ] = None,
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
            max=LARGEST_OF_VOLUMES,
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
    status: Annotated[
        bool, typer.Option("--status", help="Of a project: tell how far the training is.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Of a project: stop the training that runs.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Of a project: start it and do not wait.")
    ] = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Of a project: not from the models in use.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Of a project: use the new models from now on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a quantized ensemble on images with labels.

    Each member trains on a bootstrap of the images, or with --folds without one fold of
    patients. What is trained is kept in the folder of the run: a run that was stopped, even
    by a power cut, goes on with --resume and, on the CPU, ends bit-identical to one that was
    not. FILE is written at the end only, and an earlier one stays until then.

    Of a project, both models are trained on its accepted annotations, by default for 10 minutes
    and from the models in use, and the new segmentation model is compared with the one in use.

    Example:
      napari-qsa train glands.qsa --minutes 20 --adopt
      napari-qsa train glas/ --out mine.safetensors --minutes 60
      napari-qsa train glas/ --out folds.safetensors --folds 5 --iterations 3000
      napari-qsa train mine/ --out mine.safetensors --start glas-segmentation --minutes 30
      napari-qsa train glas/ --out mine.safetensors --resume
    """
    if is_project(data):
        given = {name: context.params[name] for name in OPTIONS if is_given(context, name)}
        train_project(context, data, given, as_json)
        return
    for flag in OF_PROJECTS:
        if is_given(context, flag):
            raise typer.BadParameter(
                f"{data} is no project.", param_hint=f"'--{flag.replace('_', '-')}'"
            )
    if out is None:
        raise typer.BadParameter("say which file to make.", param_hint="'--out'")
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
        network, network_options = network_of(context, start)
        start = located(start)
    else:
        network_options = network_options_of(network, network_option or [], pretrained)
    from napari_qsa.ensemble.training.options import TrainingOptions
    from napari_qsa.session import training

    require_schemes(weights, activations)
    layers = layers_of(layer or [])
    if network_option or layers:
        layers = require_network(network, network_options, layers)
    training.check_target(out)
    options = TrainingOptions(
        role=cast(Any, role),
        network=network,
        network_options=network_options,
        weights=weights,
        activations=activations,
        layers=layers,
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
    settings = settings_of(setting or [])
    with refused("--set"):
        options = replace(options, **settings)
    folder = run or training.run_folder(out)
    if resume:
        current = resumed(context, folder, data, part, options, settings)
    else:
        if start_from is not None:
            options = as_in(start_from, options, minutes, iterations)
        current = training.begin_run(
            folder, data, part, options, minutes, workers, device, tell=note
        )
    try:
        with terminable(), bar("Training") as shown:

            def tell(progress: "TrainingProgress") -> None:
                shown.update(progress.fraction, _about(progress), progress.seconds_left)

            ensemble = training.finish_run(current, out, workers, device, start_from, tell)
    except KeyboardInterrupt as stop:
        note(f"Stopped; what is trained is kept in {folder}: --resume goes on with it.")
        raise typer.Exit(exit_status(stop)) from None
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
            f"{out} ({size(out.stat().st_size)}): {counted(ensemble.card.members, 'member')}, "
            f"{counted(current.options.iterations, 'iteration')} each, in {duration(seconds)}."
        )
        say(f"{folder} holds checkpoints and events; it is not needed to use the ensemble.")


def _about(progress: "TrainingProgress") -> str:
    """Say what the members at work are doing."""
    busy = [m for m in progress.members if m.phase and not m.finished]
    return "; ".join(
        f"member {m.member}: {m.phase}" + ("" if m.loss is None else f", loss {m.loss:.3f}")
        for m in busy
    )
