"""``napari-qsa simulate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_qsa.cli.console import bar, emit, finish, note, say
from napari_qsa.cli.options import JsonOption, is_given, refused
from napari_qsa.cli.simulate_study import open_study, plan_of
from napari_qsa.cli.train_options import network_options_of, require_network, require_schemes
from napari_qsa.images.pixel_size import LARGEST_OF_VOLUMES

if TYPE_CHECKING:
    from napari_qsa.simulation.arms import Arm


def simulate(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Labelled images, as for train; a study that is there knows its own.",
        ),
    ] = None,
    study: Annotated[
        Path, typer.Option("--study", metavar="DIR", help="Folder of the study; made if missing.")
    ] = Path("study"),
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="What ranks the pool.")
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            "--weights", metavar="SCHEME", help="Of the suggestive FCNs, with --strategy."
        ),
    ] = "float",
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="[NAME=]STRATEGY[:WEIGHTS]",
            help="Several arms in one go; may be repeated.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full/--no-full", help="Full supervision too, once a seed.")
    ] = True,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=0, help="Repetitions: seeds 0 to N-1.")
    ] = 5,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="R", min=1, max=49, help="Trainings of an arm.")
    ] = 5,
    start: Annotated[
        int, typer.Option("--start", metavar="N", min=1, help="Random images of the first round.")
    ] = 8,
    add: Annotated[
        int, typer.Option("--add", metavar="K", min=1, help="Images added in each later round.")
    ] = 8,
    candidates: Annotated[
        int, typer.Option("--candidates", metavar="K", min=1, help="As for suggest.")
    ] = 16,
    count_annotated: Annotated[
        bool, typer.Option("--count-annotated/--paper", help="As for suggest.")
    ] = False,
    budget_minutes: Annotated[
        float | None,
        typer.Option(
            "--budget-minutes",
            metavar="M",
            min=0.1,
            help="Of one core for one arm and seed; turned into iterations once a study.",
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option("--iterations", metavar="N", min=1, help="Of each suggestive member."),
    ] = None,
    segmentation_iterations: Annotated[
        int | None,
        typer.Option(
            "--segmentation-iterations",
            metavar="N",
            min=1,
            help="Of each segmentation member.  [default: three times --iterations]",
        ),
    ] = None,
    members: Annotated[
        int, typer.Option("--members", metavar="M", min=2, help="Suggestive FCNs.")
    ] = 3,
    segmentation_members: Annotated[
        int, typer.Option("--segmentation-members", metavar="M", min=1, help="Segmentation FCNs.")
    ] = 1,
    segmentation_weights: Annotated[
        str,
        typer.Option(
            "--segmentation-weights", metavar="SCHEME", help="The same for all arms of a study."
        ),
    ] = "float",
    activations: Annotated[
        str, typer.Option("--activations", metavar="SCHEME", help="Of all FCNs.")
    ] = "float",
    network: Annotated[
        str, typer.Option("--network", metavar="N", help="Of all FCNs.")
    ] = "efficient_fcn",
    network_option: Annotated[
        list[str] | None,
        typer.Option("--network-option", metavar="NAME=VALUE", help="Such as width=16."),
    ] = None,
    grid: Annotated[
        float,
        typer.Option("--grid", metavar="UM", min=0.01, help="µm of a pixel the networks see."),
    ] = 2.48,
    crop: Annotated[
        int, typer.Option("--crop", metavar="N", min=32, help="Side of a crop on that grid.")
    ] = 96,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", min=1, help="Crops in an iteration.")
    ] = 4,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", metavar="R", min=1e-6, help="Peak rate.")
    ] = 2e-3,
    stain: Annotated[
        float, typer.Option("--stain", metavar="S", min=0.0, help="Strength of stain augmentation.")
    ] = 0.3,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            "--pixel-size",
            metavar="UM",
            min=0.01,
            max=LARGEST_OF_VOLUMES,
            help="Of all images, in µm.",
        ),
    ] = None,
    part: Annotated[
        str, typer.Option("--part", metavar="PART", help="Of the data, as for train.")
    ] = "train",
    folds: Annotated[
        int, typer.Option("--folds", metavar="N", min=2, help="Folds of patients.")
    ] = 5,
    fold: Annotated[
        int, typer.Option("--fold", metavar="F", min=0, help="Scored, and never in the pool.")
    ] = 0,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", min=1, help="Runs side by side, one thread each."),
    ] = 1,
    report: Annotated[
        bool, typer.Option("--report", help="Do no run; write the report of what there is.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Play the annotation loop through on labelled images, and compare ways to choose them.

    Each arm begins with the same random images; the labels are the annotator. In each round
    suggestive FCNs of the arm's scheme rank the pool, and segmentation FCNs, the same in all
    arms, are trained and scored on patients that are never in the pool. What is finished stays
    finished: the same command goes on after a stop, and other commands add arms and seeds to
    the study. The report with its curves is written at the end, and by --report at any time.

    Example:
      napari-qsa simulate glas/ --study qsa --strategy suggestive --weights inq4 --seeds 5
      napari-qsa simulate glas/ --study qsa --arm random --arm SA=suggestive:float --workers 2
      napari-qsa simulate --study qsa --report
    """
    from napari_qsa.simulation.arms import FULL, parse_arm

    with refused("--arm"):
        arms = [parse_arm(text) for text in arm or []]
    if strategy is not None:
        with refused("--strategy", "--weights"):
            arms.append(parse_arm(f"{strategy}:{weights}"))
    elif is_given(context, "weights"):
        raise typer.BadParameter("it goes with --strategy.", param_hint="'--weights'")
    names = {each.name: each for each in arms}
    if len(names) != len(arms):
        raise typer.BadParameter("two arms have one name.", param_hint="'--arm'")
    if report:
        if arms:
            raise typer.BadParameter("it does no run.", param_hint="'--report'")
        _write_report(study, as_json)
        return
    if budget_minutes is not None and (iterations or segmentation_iterations):
        raise typer.BadParameter(
            "give one of the two.", param_hint="'--budget-minutes', '--iterations'"
        )
    wanted = {
        "rounds": rounds,
        "start": start,
        "add": add,
        "candidates": candidates,
        "count_annotated": count_annotated,
        "folds": folds,
        "fold": fold,
    }
    require_schemes(segmentation_weights, activations, "--segmentation-weights")
    network_options = network_options_of(network, network_option or ["width=16"], None)
    require_network(network, network_options)
    common = {
        "network": network,
        "network_options": network_options,
        "activations": activations,
        "pixel_size": grid,
        "source_pixel_size": pixel_size,
        "crop": crop,
        "batch": batch,
        "learning_rate": learning_rate,
        "stage_rate": round(0.3 * learning_rate, 12),
        "stain": stain,
    }
    plan = plan_of(wanted, common, members, segmentation_members, segmentation_weights)
    current = open_study(
        context, data, study, part, plan, iterations, segmentation_iterations, budget_minutes
    )
    for each in arms:
        current.add_arm(each)
    chosen: list[Arm] = arms or list(current.arms())
    from napari_qsa.simulation.working import work

    try:
        with bar("Simulating") as shown:
            outcome = work(
                current,
                [each.name for each in chosen] + ([FULL] if full else []),
                range(seeds),
                workers,
                shown.update,
            )
    except KeyboardInterrupt:
        note(f"Stopped; what is done is kept in {study}: the same command goes on with it.")
        raise
    for text in outcome.failed:
        note(f"Error: {text}")
    for text in outcome.busy:
        note(f"{text}: another process is at it.")
    _write_report(study, as_json)
    finish(bool(outcome.failed))


def _write_report(folder: Path, as_json: bool) -> None:
    from napari_qsa.simulation.report import write_report

    page, facts = write_report(folder)
    if as_json:
        emit(facts)
    else:
        say(f"The report is {page}.")
