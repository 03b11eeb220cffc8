"""Labels that were painted elsewhere become accepted annotations of a project."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError, QsaError
from napari_qsa.images import Item, count_pages, open_images, read_labels
from napari_qsa.project import Project, Revision
from napari_qsa.session.chores import Cancelled, Progress
from napari_qsa.session.drafts import Opened
from napari_qsa.wording import counted


@dataclass(frozen=True)
class Painted:
    """What became of label files.

    Attributes
    ----------
    accepted : tuple of Revision
    kept : tuple of str
        Ids of images whose own annotation was left as it is.
    problems : tuple of str
        A sentence for each file that could not be used.
    """

    accepted: tuple[Revision, ...]
    kept: tuple[str, ...]
    problems: tuple[str, ...]


def read_painted(project: Project, image_id: str, path: Path) -> NDArray[np.int32]:
    """Read the labels of an image from a TIFF, PNG, BMP or NIfTI file, of several pages its own.

    Instances keep their numbers; of a mask every connected part is a gland.

    Raises
    ------
    ImageError
        If they are no labels, or not of the image.
    """
    record = project.image(image_id)
    page = record.page if record.page is not None and count_pages(path) > 1 else None
    return read_labels(path, record.shape, page)


def repaint(opened: Opened, labels: NDArray[Any], keep_region: bool = False) -> None:
    """Put labels in the place of what is annotated, in place.

    Parameters
    ----------
    opened
        The image; that it was edited is still to be told to its annotator.
    labels : (H, W) whole numbers
        They keep their numbers where these fit, else they are numbered from 1.
    keep_region
        Leave what is known of the region as it is; else nothing is known of it.

    Raises
    ------
    ImageError
        If there are more glands than can be numbered.
    """
    highest = np.iinfo(opened.glands.dtype).max
    if labels.max(initial=0) > highest:
        values, places = np.unique(labels, return_inverse=True)
        background = int(values[0] == 0)
        if len(values) - background > highest:
            raise ImageError(
                f"{len(values) - background} glands are too many for {opened.image_id}, which "
                f"takes {highest}: divide the image."
            )
        labels = places.reshape(labels.shape) + (1 - background)
    opened.glands[...] = labels
    if not keep_region:
        opened.region[...] = 0 if labels.any() else 1  # without glands it was looked at, too


def accept_beside(
    project: Project, paths: Sequence[Path], progress: Progress, cancelled: Cancelled
) -> Painted:
    """Accept the labels that lie beside the images of some files and folders.

    Only images without any annotation get them: nothing that was painted here is replaced.
    """
    places = {
        (os.path.realpath(project.path_of(record.id)), record.page): record.id
        for record in project.images.values()
    }
    items = open_images(paths).labelled().items
    found = [
        (places[place], item)
        for item in items
        if (place := (os.path.realpath(item.image), item.page)) in places
    ]
    accepted: list[Revision] = []
    kept: list[str] = []
    problems: list[str] = []
    for number, (image_id, item) in enumerate(found):
        if cancelled():
            problems.append(
                f"{counted(len(found) - number, 'annotation')} left out: it was cancelled."
            )
            break
        if project.summary(image_id).status != "none":
            kept.append(image_id)
        else:
            try:
                accepted.append(_accept(project, image_id, item))
            except QsaError as error:
                problems.append(str(error))
        progress(number + 1, len(found))
    return Painted(tuple(accepted), tuple(kept), tuple(problems))


def _accept(project: Project, image_id: str, item: Item) -> Revision:
    shape = project.image(image_id).shape
    return project.accept(image_id, item.read_labels(shape), np.zeros(shape, np.uint8))
