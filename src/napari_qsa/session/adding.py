"""Adding files and folders to the open project."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_qsa.errors import DatasetError, ProjectError, QsaError
from napari_qsa.images import GLAS_PIXEL_SIZE, Dataset, open_dataset, open_images
from napari_qsa.project import Added, Project
from napari_qsa.session.chores import Cancelled, Progress
from napari_qsa.session.desk import Desk, Failure
from napari_qsa.session.samples import write_samples
from napari_qsa.session.state import State, Status
from napari_qsa.wording import counted

PART = "images"
LEFT_OUT = "left out"
"""Part of the failures that name files which were not added; the others were."""


def added(
    project: Project, paths: Sequence[Path], progress: Progress, cancelled: Cancelled
) -> Added:
    """Add files and folders to a project; for a thread of its own."""
    return _added(project, open_images(paths), progress, cancelled)


def _added(project: Project, dataset: Dataset, progress: Progress, cancelled: Cancelled) -> Added:
    found = project.add_images(dataset, progress, cancelled)
    return replace(found, problems=(*dataset.problems, *found.problems), notes=dataset.notes)


def told(desk: Desk, found: Added) -> Status:
    """Say how many images were added, and tell everybody of those that were not."""
    message = f"{counted(len(found.ids), 'image')} added"
    if found.known:
        message += f", {len(found.known)} there already"
    if found.problems:
        message += f"; {counted(len(found.problems), 'problem')}: see the details"
        desk.failed.emit(Failure(f"{message}.", "\n".join(found.problems), LEFT_OUT))
    said = " ".join([f"{message}.", *found.notes])
    return Status(State.DONE, said, 1.0, "\n".join(found.problems))


def create(
    folder: Path,
    images: Path | None,
    name: str | None,
    pixel_size: float | None,
    seed: int,
    progress: Progress,
    cancelled: Cancelled,
    group_rule: str | None = None,
) -> tuple[Project, Added]:
    """Make a project, add images and give roles; for a thread of its own.

    Raises
    ------
    QsaError
        If there are no such images, or the project cannot be made; then none is left open.
    """
    dataset = None
    if images is not None:
        dataset = open_dataset(images) if images.is_dir() else open_images([images])
        if not dataset.items:  # refused before the project is made
            raise DatasetError(" ".join(dataset.problems))
    project = Project.create(folder, name or folder.stem, pixel_size, seed, group_rule)
    try:
        found = Added()
        if dataset is not None:
            found = _added(project, dataset, progress, cancelled)
        project.assign_roles()
    except BaseException:
        project.close()
        raise
    return project, found


def create_samples(folder: Path, progress: Progress, cancelled: Cancelled) -> tuple[Project, Added]:
    """Draw sample images beside a project that is made of them; for a thread of its own.

    A project of this name without images, left by an interrupted start, is filled.

    Raises
    ------
    QsaError
        If it was cancelled, and then there is no project yet, or a file cannot be written.
    """
    images = write_samples(folder.with_name(f"{folder.stem} images"), progress, cancelled)
    if cancelled():
        raise ProjectError(f"{folder.name} was not made: it was cancelled.")
    if not is_empty(folder):
        return create(
            folder, images, "Sample images", GLAS_PIXEL_SIZE, 0, lambda done, total: None, cancelled
        )
    project = Project.open(folder)
    try:
        found = added(project, [images], lambda done, total: None, cancelled)
        project.assign_roles()
    except BaseException:
        project.close()
        raise
    return project, found


def is_empty(folder: Path) -> bool:
    """Tell whether a folder is a sound project without images; for a thread of its own."""
    try:
        with Project.open(folder, read_only=True) as project:
            return not project.images
    except QsaError:  # there is none, or it says what is wrong with it when it is opened
        return False
