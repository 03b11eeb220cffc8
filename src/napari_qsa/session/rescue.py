"""What could not be saved in a project: copied to another place, and taken up again."""

from collections.abc import Sequence
from pathlib import Path

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.project import Project
from napari_qsa.project.rescue import Rescued
from napari_qsa.session.dispatch import Post
from napari_qsa.session.drafts import Draft
from napari_qsa.session.lane import Lane

PART = "rescue"
"""Of the failures that say what became of copies: for information, also where all is well."""


def copy_all(post: Post, drafts: Sequence[Draft], timeout: float) -> list[Path | None]:
    """Copy drafts in a thread of their own, as the one that saves them may hang.

    Returns
    -------
    list
        For each draft the file with all its changes; None where there is none within `timeout` s.
    """
    if not drafts:
        return []
    lane = Lane(post, "qsa-rescue")
    for draft in drafts:
        lane.do(draft.rescue)
    lane.flush(timeout)
    lane.close()
    return [draft.copy if draft.copied >= draft.edits else None for draft in drafts]


def lost(draft: Draft, copy: Path | None) -> ProjectError:
    """Say what becomes of changes that could not be saved before the end."""
    name = draft.project.image(draft.opened.image_id).name
    what = f"What you painted on {name} could not be saved in {draft.project.folder}"
    if copy is None:
        return ProjectError(
            f"{what}, nor a copy elsewhere: it is lost; make room on the disks before you go on."
        )
    return ProjectError(
        f"{what}: a copy is in {copy}, and is taken up when the project is opened again."
    )


def take_up(project: Project) -> list[str]:
    """Save copies as drafts where nothing else was saved since; for a thread of its own.

    Returns
    -------
    list of str
        A sentence for each copy.
    """
    if project.read_only:
        return []
    project.clean_rescued()
    said = []
    for found in project.rescued():
        if not project.fits(found):
            said.append(waiting(project, found))
            continue
        try:
            facts = project.take_rescued(found)
        except QsaError as error:
            said.append(f"{waiting(project, found)} It could not be taken up: {error}")
        else:
            said.append(
                f"What was painted on {found.name} and could not be saved at the time "
                f"({found.facts.when[:16].replace('T', ' ')} UTC) is its newest draft now "
                f"(revision {facts.revision}): look at it."
            )
    return said


def waiting(project: Project, found: Rescued) -> str:
    """Say that there is a copy, and what can be done with it."""
    return (
        f"What was painted on {found.name} until {found.facts.when[:16].replace('T', ' ')} UTC "
        f"could not be saved, and is kept in {found.path.with_suffix('.tif')}: "
        f"`napari-qsa project rescue {project.folder}` takes it up as a draft, or removes it."
    )
