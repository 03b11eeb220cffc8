"""The exported slices of a volume, put together as one label volume."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_qsa.errors import QsaError
from napari_qsa.formats.nifti import as_smallest, write_label_volume
from napari_qsa.images import count_pages, read_labels
from napari_qsa.images.files import is_volume
from napari_qsa.images.folder import stem_of
from napari_qsa.images.nifti import from_stack, open_volume
from napari_qsa.images.predictions import ANNOTATION, PREDICTION, REPLACEABLE, marker_of
from napari_qsa.session.exported import Row
from napari_qsa.session.results import refuse_foreign
from napari_qsa.wording import counted, form

SUFFIX = "_labels.nii.gz"


def write_volumes(rows: Sequence[Row], folder: Path) -> tuple[list[Path], list[str]]:
    """Write ``STEM_labels.nii.gz`` for each NIfTI volume of which slices were exported.

    Slices that were not are empty. Objects keep the numbers they have in their slice. A volume with
    predicted slices takes the place of no volume of annotations.

    Parameters
    ----------
    rows
        What was exported into the folder.
    folder
        In which the volumes are written too.

    Returns
    -------
    files : list of Path
    problems : list of str
        A sentence for each volume that could not be written.
    """
    by_volume = _by_volume(rows)
    files: list[Path] = []
    problems: list[str] = []
    for volume, slices in by_volume.items():
        target = folder / f"{stem_of(volume)}{SUFFIX}"
        try:
            if target in files:
                raise QsaError(
                    f"{volume} has no label volume, for {target.name} is of another volume of "
                    "its name: export it into another folder."
                )
            _write(target, volume, slices, folder)
        except QsaError as error:
            problems.append(str(error))
        else:
            files.append(target)
    return files, problems


def what_is_empty(rows: Sequence[Row]) -> str:
    """Say how many slices of the label volumes are 0 for they were not exported; headers are read.

    Returns
    -------
    str
        Part of a sentence; nothing where all slices were exported.
    """
    by_volume = _by_volume(rows)
    if not by_volume:
        return "no label volume, for none of these is of a NIfTI volume"
    left = 0
    for volume, slices in by_volume.items():
        with contextlib.suppress(QsaError):  # the problems say so
            left += count_pages(volume) - len(slices)
    were = form(left, "was not exported and is", "were not exported and are")
    return f"{counted(left, 'slice')} of volumes {were} 0 there" if left > 0 else ""


def _by_volume(rows: Sequence[Row]) -> dict[Path, list[Row]]:
    found: dict[Path, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.error and row.page is not None and is_volume(Path(row.file)):
            found[Path(row.file)].append(row)
    return found


def _write(target: Path, volume: Path, slices: Sequence[Row], folder: Path) -> None:
    predicted = any(row.source == "prediction" for row in slices)
    mine = (PREDICTION,) if predicted else REPLACEABLE
    refuse_foreign([target], lambda file: marker_of(file) in mine)
    opened = open_volume(volume)
    pages, height, width = map(int, opened.stack.shape)
    labels = np.zeros((pages, height, width), np.int32)
    for row in slices:
        assert row.page is not None  # counted from 1, as in the table
        if row.page > pages:
            raise QsaError(
                f"{volume} has {pages} slices, but {row.labels} is of number {row.page}: put the "
                "volume back as it was."
            )
        found = read_labels(folder / row.labels, (height, width), instances=True)
        labels[row.page - 1] = found
    stored = from_stack(as_smallest(labels), opened.file.orientation, opened.options.plane)
    write_label_volume(target, stored, volume, PREDICTION if predicted else ANNOTATION)
