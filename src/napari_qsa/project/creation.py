"""Making the folder of a new project, and taking hold of one."""

import os
import uuid
from contextlib import ExitStack
from pathlib import Path

from napari_qsa.errors import ProjectError
from napari_qsa.project import checks, clock, records, store
from napari_qsa.project.facts import Facts, write_facts
from napari_qsa.project.groups import check_rule
from napari_qsa.project.layout import SUFFIX, Layout
from napari_qsa.project.lock import owning


def create(
    stack: ExitStack,
    layout: Layout,
    name: str,
    pixel_size: float | None,
    seed: int,
    group_rule: str | None,
) -> None:
    """Make a project and hold its lock until `stack` is closed.

    ``project.json`` is written last: a folder without it is no project yet, and what a creation
    left that was cut off is taken over by the next.

    Raises
    ------
    QsaError
        If the folder is in use for something else, or cannot be written.
    """
    folder = layout.folder
    check_rule(group_rule)
    if not checks.or_none(checks.is_positive)(pixel_size) or not checks.is_count(seed):
        raise ProjectError(
            f"A project cannot have a pixel size of {pixel_size} µm and the seed {seed}: give a "
            "number above 0, and a whole number of at least 0."
        )
    if folder.suffix != SUFFIX or not name.strip():
        raise ProjectError(
            f"{folder} cannot be made a project: call the folder NAME{SUFFIX} and give it a name."
        )
    if not folder.parent.is_dir():
        raise ProjectError(
            f"{folder} cannot be made: there is no folder {folder.parent}; make it first."
        )
    _refuse_used(layout)
    store.make_folder(folder)
    stack.enter_context(owning(folder, layout.lock))
    _refuse_used(layout)  # another may have been quicker
    store.remove_leftovers(folder)
    records.write_records(layout.images, ())
    facts = Facts(
        id=str(uuid.uuid4()),
        name=name,
        created=clock.stamp(),
        pixel_size=pixel_size,
        group_rule=group_rule,
        seed=seed,
    )
    write_facts(layout.project, facts)


def own(stack: ExitStack, layout: Layout) -> None:
    """Hold the lock of a project until `stack` is closed, and clean up after killed owners.

    Raises
    ------
    ProjectLocked
        If another holds it.
    ProjectError
        If there is no project.
    """
    if not layout.project.is_file():
        raise ProjectError(
            f"{layout.folder} is no project: it holds no {layout.project.name}; make a new "
            "project, or choose another folder."
        )
    stack.enter_context(owning(layout.folder, layout.lock))
    for folder in (layout.folder, layout.models):
        store.remove_leftovers(folder)


def _refuse_used(layout: Layout) -> None:
    folder: Path = layout.folder
    if layout.project.exists():
        raise ProjectError(f"{folder} is a project already: open it, or choose another name.")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ProjectError(f"{folder} is a file: choose another name.")
    strange = [
        name
        for name in os.listdir(folder)
        if name not in (layout.lock.name, layout.images.name) and not store.is_leftover(name)
    ]
    if strange or (layout.images.exists() and records.read_records(layout.images)):
        raise ProjectError(f"{folder} is not empty: choose another name for the project.")
