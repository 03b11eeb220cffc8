"""``napari-qsa project set``: what holds for a project as a whole."""

import typer

from napari_qsa.cli.console import note
from napari_qsa.cli.options import (
    GroupPatternOption,
    JsonOption,
    ProjectArgument,
    ProjectPixelSizeOption,
)


def set_facts(
    folder: ProjectArgument,
    pixel_size: ProjectPixelSizeOption = None,
    group_pattern: GroupPatternOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set what holds for a project as a whole.

    Another pixel size makes earlier scores and predictions of the images it is for void: they
    are made anew when they are asked for. Another pattern changes no role that was given; where
    a group is split between training and validation then, that is said.

    Example:
      napari-qsa project set glands.qsa --pixel-size 0.5
      napari-qsa project set glands.qsa --group-pattern '^(case[0-9]+)'
    """
    if pixel_size is None and group_pattern is None:
        raise typer.BadParameter("say what to set.", param_hint="'--pixel-size', '--group-pattern'")
    from napari_qsa.cli.project_status import show
    from napari_qsa.cli.sitting import opened

    with opened(folder) as room:
        project = room.project
        if pixel_size is not None:
            room.ask(lambda: project.set_pixel_size(pixel_size))
        if group_pattern is not None:
            assigned = room.ask(lambda: project.set_group_rule(group_pattern))
            for warning in assigned.warnings:
                note(f"Warning: {warning}")
        show(room, as_json, images=False)
