"""``napari-qsa project rescue``: what was painted and could not be saved in the project."""

from functools import partial
from typing import Annotated

import typer

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.options import JsonOption, ProjectArgument


def rescue(
    folder: ProjectArgument,
    take: Annotated[
        bool,
        typer.Option("--take", help="Save each copy as the newest draft; what was stays, too."),
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Remove the copies.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was painted and could not be saved in the project, and what to do with it.

    Where the project's disk fails while somebody paints, a copy is kept in the user's data
    folder. When the project is opened again it becomes a draft by itself, unless something else
    was saved of that image since, the image is another one, or the project was moved: then you
    decide.

    Example:
      napari-qsa project rescue glands.qsa --take
    """
    if take and discard:
        raise typer.BadParameter("give one of the two.", param_hint="'--take', '--discard'")
    from napari_qsa.cli.sitting import opened
    from napari_qsa.errors import QsaError

    with opened(folder, read_only=not (take or discard), rescued=False) as room:
        project = room.project
        done, failed = [], False
        for found in room.ask(project.rescued):
            entry = {
                "image": found.facts.image,
                "name": found.name,
                "when": found.facts.when,
                "file": found.path.with_suffix(".tif"),
                "fits": room.ask(partial(project.fits, found)),
                "revision": None,
            }
            try:
                if take:
                    facts = room.ask(partial(project.take_rescued, found))
                    entry["revision"] = facts.revision
                elif discard:
                    room.ask(partial(project.discard_rescued, found))
            except QsaError as error:
                note(f"Error: {entry['file']}: {error}")
                failed = True
            done.append(entry)
        if as_json:
            emit({"project": project.folder, "copies": done})
        else:
            for entry in done:
                became = f", now revision {entry['revision']}" if entry["revision"] else ""
                became = ", removed" if discard else became
                say(f"{entry['name']}, {entry['when']}: {entry['file']}{became}")
            if not done:
                say("Nothing is kept that is not in the project.")
        finish(failed)
