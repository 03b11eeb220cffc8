"""``napari-qsa train`` on a project: start, watch, stop, go on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_qsa.cli.console import bar, duration, emit, finish, note, say
from napari_qsa.cli.interrupts import exit_status, terminable
from napari_qsa.cli.options import flag_of, is_given
from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting
    from napari_qsa.session.trainer import (
        ModelComparison,
        ProjectTrainingOptions,
        RunInfo,
        Trainer,
    )

PART = "training"
OPTIONS = ("minutes", "iterations", "members", "weights", "activations", "seed", "workers")
"""Options of a training that a project takes; all else its models in use say."""
RESUMABLE = ("interrupted", "failed")


def train_project(
    context: typer.Context, folder: Path, given: dict[str, Any], as_json: bool
) -> None:
    """Train on a project, or tell of a training, as the flags say."""
    from napari_qsa.session.trainer import ProjectTrainingOptions

    modes = {flag for flag in ("status", "cancel", "resume") if context.params[flag]}
    _require_allowed(context, modes)
    if {"minutes", "iterations"} <= given.keys():
        raise typer.BadParameter("give one of the two.", param_hint="'--minutes', '--iterations'")
    if "status" in modes:
        status(folder, as_json)
    elif "cancel" in modes:
        cancel(folder, as_json)
    else:
        background, adopt = context.params["background"], context.params["adopt"]
        if background and adopt:
            raise typer.BadParameter(
                "the result is not there yet: adopt it later.", param_hint="'--adopt'"
            )
        options = ProjectTrainingOptions(
            **given, from_scratch=context.params["from_scratch"], keep_running=background
        )
        resume = context.params["resume"]
        start(folder, options, resume, background, adopt, as_json)


def _require_allowed(context: typer.Context, modes: set[str]) -> None:
    """End with a usage error where an option does not go with a project, or with a mode."""
    anew = (*OPTIONS, "from_scratch", "background", "adopt")
    mode = next(iter(sorted(modes)), None)
    allowed = {None: anew, "resume": ("background", "adopt")}.get(mode, ())
    wrong = [
        flag_of(context, name)
        for name in context.params
        if is_given(context, name) and name not in {"data", "as_json", mode, *allowed}
    ]
    if not wrong:
        return
    if mode is None:
        takes = ", ".join(flag_of(context, name) for name in anew)
        reason = f"a training on a project takes {takes}; the models in use say all else."
    elif allowed:
        reason = f"{flag_of(context, mode)} goes with --background and --adopt only."
    else:
        reason = f"{flag_of(context, mode)} goes with no other option."
    raise typer.BadParameter(reason, param_hint=", ".join(f"'{flag}'" for flag in wrong))


def start(
    folder: Path,
    options: "ProjectTrainingOptions",
    resume: bool,
    background: bool,
    adopt: bool,
    as_json: bool,
) -> None:
    """Train a project's models, or go on with the last run, and wait for the end.

    Raises
    ------
    QsaError
        If it cannot be started, or fails.
    """
    with _opened(folder) as room:
        trainer = room.workbench.trainer
        if resume:
            trainer.resume(_last(trainer, RESUMABLE).id)
        else:
            trainer.start(options)
        room.until(lambda: trainer.under_way or not trainer.running)
        room.stop_at_failures()
        run_id = str(trainer.shown)
        if background:
            _told(folder, _run(trainer, run_id), None, as_json)
            return
        _wait(room, folder)
        room.stop_at_failures()
        if adopt and _run(trainer, run_id).status == "finished":
            trainer.adopt(run_id)
            room.until(lambda: _run(trainer, run_id).status == "adopted" or bool(room.failures))
            room.stop_at_failures()
        ended = _run(trainer, run_id)
        _told(folder, ended, trainer.comparison(run_id), as_json)
        finish(failed=ended.status in RESUMABLE)  # it was stopped from elsewhere, or killed


def status(folder: Path, as_json: bool) -> None:
    """Tell how far the last run is; the project may be open elsewhere."""
    with _opened(folder, read_only=True) as room:
        trainer = room.workbench.trainer
        if not trainer.runs():
            raise TrainingError(f"{folder} has no training run: start one with train.")
        run = trainer.runs()[-1]
        _told(folder, run, trainer.comparison(run.id), as_json)


def cancel(folder: Path, as_json: bool) -> None:
    """Stop the training that runs, whoever started it; what is trained is kept."""
    with _opened(folder, read_only=True) as room:
        trainer = room.workbench.trainer
        if not trainer.running:
            raise TrainingError(f"{folder} is not being trained: there is nothing to stop.")
        run_id = str(trainer.shown)
        trainer.cancel()
        room.until(lambda: not trainer.running)
        _told(folder, _run(trainer, run_id), trainer.comparison(run_id), as_json)


def _opened(folder: Path, read_only: bool = False) -> Any:
    from contextlib import contextmanager

    from napari_qsa.cli.sitting import opened

    @contextmanager
    def entered() -> Any:
        with opened(folder, PART, read_only=read_only) as room:
            room.until(lambda: room.workbench.trainer.looked or bool(room.failures))
            room.stop_at_failures()
            yield room

    return entered()


def _wait(room: "Sitting", folder: Path) -> None:
    trainer = room.workbench.trainer
    with terminable(), bar("Training") as shown:

        def done() -> bool:
            left = next((r.seconds_left for r in trainer.runs() if r.status == "running"), None)
            shown.update(trainer.status.fraction or 0.0, trainer.status.message, left)
            return not trainer.running

        try:
            room.until(done)
        except KeyboardInterrupt as stop:
            trainer.cancel()
            room.until(lambda: not trainer.running)
            note(
                "Stopped; what is trained is kept: "
                f"`napari-qsa train {folder} --resume` goes on with it."
            )
            raise typer.Exit(exit_status(stop)) from None


def _last(trainer: "Trainer", wanted: tuple[str, ...]) -> "RunInfo":
    found = [run for run in trainer.runs() if run.status in wanted]
    if not found:
        raise TrainingError("No training of this project was stopped: leave out --resume.")
    return found[-1]


def _run(trainer: "Trainer", run_id: str) -> "RunInfo":
    found = next((run for run in trainer.runs() if run.id == run_id), None)
    if found is None:
        raise QsaError(f"The run {run_id} is gone: look into the folder runs of the project.")
    return found


def _told(
    folder: Path, run: "RunInfo", comparison: "ModelComparison | None", as_json: bool
) -> None:
    if as_json:
        emit(_document(run, comparison))
        return
    images = f"{counted(run.images, 'image')}, {run.validation} to validate on"
    say(f"Run {run.id}: {run.status}, {run.fraction:.0%} ({images}).")
    if run.message:
        say(run.message)
    if run.status in RESUMABLE:
        say(f"`napari-qsa train {folder} --resume` goes on with it.")
    if run.seconds_left is not None:
        say(f"About {duration(run.seconds_left)} left.")
    if comparison is not None:
        say(in_words(comparison))


def in_words(comparison: "ModelComparison") -> str:
    """Write a comparison in a few sentences."""
    notes = " ".join(comparison.notes)
    if comparison.source == "none":
        return f"The new model could not be compared with the one in use. {notes}".strip()
    count = len(comparison.images)
    where = (
        counted(count, "validation image")
        if comparison.source == "validation"
        else f"{counted(count, 'image')}, each by networks that never saw it"
    )
    return (
        f"Object Dice on {where}: {comparison.current:.3f} now, "
        f"{comparison.new:.3f} new; difference {comparison.difference:+.3f} "
        f"({comparison.low:+.3f} to {comparison.high:+.3f}): {comparison.verdict}. {notes}"
    ).strip()


def _document(run: "RunInfo", comparison: "ModelComparison | None") -> Mapping[str, Any]:
    return {
        "run": run.id,
        "status": run.status,
        "message": run.message,
        "fraction": run.fraction,
        "seconds_left": run.seconds_left,
        "images": run.images,
        "validation": run.validation,
        "options": dict(run.options),
        "comparison": None if comparison is None else comparison.to_json(),
    }
