"""``napari-qsa images``: what a command line calls the images of a project, and their roles."""

from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_qsa.cli.console import emit, finish, note, say
from napari_qsa.cli.options import JsonOption, ProjectArgument, require_choice
from napari_qsa.errors import QsaError
from napari_qsa.wording import counted, form

if TYPE_CHECKING:
    from napari_qsa.project import Project
    from napari_qsa.session.rows import Row

ROLES = ("train", "validation", "excluded")
_SIGNS = "*?["

ImagesArgument = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE...", help="Names or ids; a quoted 'case3*' takes several."),
]
ImageArgument = Annotated[
    str, typer.Argument(metavar="IMAGE", help="Its name, or its id where names repeat.")
]


def set_role(
    folder: ProjectArgument,
    images: ImagesArgument,
    role: Annotated[
        str,
        typer.Option("--role", metavar="ROLE", help="train, validation or excluded."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Give images a role that no rule changes.

    Training uses the images of role train; validation images only measure how good a model is;
    excluded ones are left alone. Roles are given to all images when a project is made, by
    whole patients where they are known.

    Example:
      napari-qsa images set glands.qsa 'case3*' --role validation
    """
    require_choice("--role", role, ROLES)
    from napari_qsa.cli.sitting import opened

    with opened(folder) as room:
        pool = room.workbench.pool
        ids = find_images(room.project, images)
        before = {image_id: pool.row(image_id).role for image_id in ids}
        pool.set_role(ids, cast(Any, role))
        room.ask(lambda: None)  # answered after the roles were written
        rows = [pool.row(image_id) for image_id in ids]
        if any(row.role != role for row in rows):
            room.stop_at_failures()
        warnings = [failure.message for failure in room.failures]
        room.failures.clear()
    changed = [row.id for row in rows if before[row.id] != role]
    if as_json:
        emit({"role": role, "images": ids, "changed": changed, "warnings": warnings})
    else:
        have = form(len(changed), "has", "have")
        say(f"{len(changed)} of {counted(len(ids), 'image')} {have} a new role: {role}.")
    for warning in warnings:
        note(warning)
    finish(False)


def find_images(project: "Project", wanted: list[str]) -> list[str]:
    """Give the ids of images that are named by id, by name, or by a pattern such as ``case3*``.

    Raises
    ------
    QsaError
        If there is none, or a name is that of several images.
    """
    records = project.images
    found: list[str] = []
    for text in wanted:
        same = [text] if text in records else [r.id for r in records.values() if r.name == text]
        if not same and any(sign in text for sign in _SIGNS):
            found += _matching(project, text)
        elif len(same) == 1:
            found += same
        elif same:
            raise QsaError(
                f"{len(same)} images of {project.folder} are called {text!r}: give an id, one of "
                f"{', '.join(same)}."
            )
        else:
            raise _unknown(project, text)
    return list(dict.fromkeys(found))


def find_image(project: "Project", wanted: str) -> str:
    """Give the id of one image.

    Raises
    ------
    QsaError
        If there is none, or there are several.
    """
    found = find_images(project, [wanted])
    if len(found) > 1:
        raise QsaError(f"{wanted!r} are {len(found)} images: give one.")
    return found[0]


def row_document(project: "Project", row: "Row") -> dict[str, Any]:
    """Give what a program may want to know of an image; pages count from 1."""
    values = asdict(row)
    values["page"] = None if row.page is None else row.page + 1
    return values | {"file": project.path_of(row.id)}


def _matching(project: "Project", pattern: str) -> list[str]:
    found = [
        record.id
        for record in project.images.values()
        if fnmatchcase(record.name, pattern) or fnmatchcase(record.id, pattern)
    ]
    if not found:
        raise _unknown(project, pattern)
    return found


def _unknown(project: "Project", text: str) -> QsaError:
    return QsaError(
        f"There is no image {text!r} in {project.folder}: `napari-qsa project status DIR --images` "
        "lists them."
    )
