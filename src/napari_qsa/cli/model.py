"""``napari-qsa model``: which models a project has, and which it uses."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_qsa.cli.console import emit, finish, note, say, size
from napari_qsa.cli.options import JsonOption, ProjectArgument, require_choice

if TYPE_CHECKING:
    from napari_qsa.cli.sitting import Sitting
    from napari_qsa.project import Project
    from napari_qsa.project.facts import Slot

SLOTS: "tuple[Slot, ...]" = ("suggestive", "segmentation")


def list_models(folder: ProjectArgument, as_json: JsonOption = False) -> None:
    """List the models that a project can use: its own, and the shipped ones.

    Example:
      napari-qsa model list glands.qsa
    """
    from napari_qsa.cli.sitting import opened
    from napari_qsa.session import model_list

    with opened(folder, read_only=True) as room:
        project = room.project
        models, problems = room.ask(lambda: model_list.list_models(project))
        slots = {slot: model_list.model_in_use(project, slot) for slot in SLOTS}
    for problem in problems:
        note(f"Error: {problem}")
    if as_json:
        emit({"models": [asdict(model) for model in models], "slots": slots})
    else:
        from napari_qsa.evaluation.layout import text_table

        columns = {"key": "key", "role": "role", "when": "trained", "members": "networks"}
        rows = [
            {
                **{title: getattr(model, name) for name, title in columns.items()},
                "size": size(model.bytes),
                "in use": model.in_use,
            }
            for model in models
        ]
        say(text_table(rows) if rows else "There is no model.")
    finish(bool(problems))


def use(
    folder: ProjectArgument,
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A key of `model list`, or an ensemble file."),
    ] = None,
    slot: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="suggestive|segmentation",
            help="What it is used for.  [default: what it was trained for]",
        ),
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Use the model again that was used before; needs --for.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Use a model from now on, to suggest images or to segment them.

    A file is copied into the project. What was predicted by another model is kept, so going
    back gives the same predictions again.

    Example:
      napari-qsa model use glands.qsa mine.safetensors
      napari-qsa model use glands.qsa --back --for segmentation
    """
    if slot is not None:
        require_choice("--for", slot, SLOTS)
    if back == (model is not None):
        raise typer.BadParameter("give one of the two.", param_hint="'MODEL', '--back'")
    if back and slot is None:
        raise typer.BadParameter("it needs --for.", param_hint="'--back'")
    from napari_qsa.cli.sitting import opened

    with opened(folder, "training") as room:
        project = room.project
        if model is None:
            used, key = _go_back(room, _slot(slot or ""))
        else:
            used, key = room.ask(lambda: _put(project, model, slot))
    if as_json:
        emit({"slot": used, "model": key})
    else:
        say(f"{key} is used for {used} from now on.")


def _put(project: "Project", model: str, slot: str | None) -> "tuple[Slot, str]":
    from napari_qsa.session.model_list import card_of_model

    key = model
    if model not in project.models() and Path(model).is_file():
        key = project.add_model(model)
    wanted = _slot(slot or card_of_model(project, key).role)
    project.use_model(wanted, key)
    return wanted, key


def _go_back(room: "Sitting", slot: "Slot") -> "tuple[Slot, str]":
    from napari_qsa.session.model_list import model_in_use

    trainer = room.workbench.trainer
    trainer.back(slot)
    trainer.flush()
    room.ask(lambda: None)  # after what the trainer had to say
    room.stop_at_failures()
    return slot, model_in_use(room.project, slot)


def _slot(text: str) -> "Slot":
    """Narrow a text to the name of a slot; the project refuses any other."""
    return "suggestive" if text == "suggestive" else "segmentation"
