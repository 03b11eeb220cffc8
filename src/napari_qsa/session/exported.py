"""What is exported of one image of a project: which labels, and into which files."""

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError
from napari_qsa.formats import (
    LabelFormat,
    fit_numbers,
    save_labels,
    write_csv,
    write_labels,
    write_map,
)
from napari_qsa.formats.labels import SUFFIXES
from napari_qsa.images.predictions import ANNOTATION, PREDICTION, REPLACEABLE, marker_of
from napari_qsa.metrics.glands import Gland, gland_table
from napari_qsa.project import Project
from napari_qsa.project.predictions import Stored
from napari_qsa.session.model_list import card_of_model
from napari_qsa.session.proposals import labelled, read_rules
from napari_qsa.session.results import GLANDS, REGION, UNCERTAINTY, begins_with, refuse_foreign

Source = Literal["accepted", "draft", "prediction"]
Wanted = Literal["newest", "accepted", "prediction"]
TABLE = tuple(field.name for field in fields(Gland))
"""Columns of the table of glands."""


class NotSegmentedError(ProjectError):
    """An image has neither an annotation nor a prediction."""


@dataclass(frozen=True)
class Choice:
    """What is written of each image.

    Attributes
    ----------
    wanted : {"newest", "accepted", "prediction"}
        The newest annotation, else what the model predicted; or only one of these.
    form : {"tiff16", "tiff32", "png", "bmp"}
        Of the labels.
    uncertainty, table, region : bool
        Whether the model's uncertainty, a table of the glands, and what was reviewed are
        written too.
    model : str
        Whose predictions and uncertainty.
    """

    wanted: Wanted
    form: LabelFormat
    uncertainty: bool
    table: bool
    region: bool
    model: str


@dataclass(frozen=True)
class Row:
    """One row of the list of what was exported.

    Attributes
    ----------
    name : str
        What the files are named after.
    image : str
        Id of the image in the project.
    file, page
        Where the image is; pages are counted from 1.
    labels : str
        The file of labels.
    source : str
        ``accepted``, ``draft`` or ``prediction``.
    revision : int or None
        Of the annotation.
    model : str
        Of the prediction or the uncertainty; empty where there is none.
    width, height : int or None
        In pixels.
    pixel_size_um : float or None
        The one that areas are measured by.
    pixel_size_assumed : bool
        Whether it is only that of the model's training images, for want of a known one.
    glands : int or None
        How many there are.
    gland_area_share : float or None
        Share of the pixels that are gland.
    mean_uncertainty : float or None
        Over all pixels, 0 to 0.5.
    notes : str
        Sentences about what is missing or was changed.
    error : str
        Why nothing was written; empty where it was.
    """

    name: str
    image: str
    file: str
    page: int | None = None
    labels: str = ""
    source: str = ""
    revision: int | None = None
    model: str = ""
    width: int | None = None
    height: int | None = None
    pixel_size_um: float | None = None
    pixel_size_assumed: bool = False
    glands: int | None = None
    gland_area_share: float | None = None
    mean_uncertainty: float | None = None
    notes: str = ""
    error: str = ""

    def cells(self) -> dict[str, object]:
        """Give the row of the table: yes and no for what is a flag."""
        flag = "" if self.pixel_size_um is None else ("no", "yes")[self.pixel_size_assumed]
        return asdict(self) | {"pixel_size_assumed": flag}


def file_names(project: Project) -> dict[str, str]:
    """Give each image the name its files have: its own, or its id where an earlier one has it.

    Upper and lower case are taken as the same, as some systems do.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for image_id, record in project.images.items():
        name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", record.name).strip(". ") or image_id
        names[image_id] = image_id if name.casefold() in taken else name
        taken.add(names[image_id].casefold())
    return names


def empty_row(project: Project, image_id: str, name: str, error: str = "") -> Row:
    """Make the row of an image of which nothing is known yet, or nothing was written."""
    page = project.image(image_id).page
    path = str(project.path_of(image_id))
    return Row(name, image_id, path, None if page is None else page + 1, error=error)


def export_image(project: Project, image_id: str, name: str, folder: Path, choice: Choice) -> Row:
    """Write the files of one image; those of an earlier export are replaced, no other.

    An annotation takes the place of a prediction, never the other way round.

    Raises
    ------
    QsaError
        If there is nothing to export (`NotSegmentedError`), the format does not hold it, or a
        file cannot be written.
    """
    stored = project.read_prediction(choice.model, image_id)
    content = _content(project, image_id, stored, choice)
    labels = fit_numbers(content.labels, choice.form, project.image(image_id).name)
    notes = list(content.notes)
    if labels is not content.labels:
        notes.append("The glands were numbered anew, for the numbers did not fit.")
    known = project.pixel_size_of(image_id)
    used = known if known is not None else (stored.pixel_size if stored else None)
    uncertainty = stored.uncertainty if stored else None
    if uncertainty is None and (choice.uncertainty or choice.table):
        notes.append(f"There is no uncertainty: not segmented by {choice.model}.")
    if choice.table and used is None:
        notes.append("There are no areas in µm²: the pixel size is unknown.")
    files = _Files(folder, name, choice.form)
    mark = PREDICTION if content.source == "prediction" else ANNOTATION
    region = content.region if choice.region else None
    chosen_map = uncertainty if choice.uncertainty else None
    files.refuse(mark, chosen_map is not None, region is not None, choice.table)
    save_labels(files.labels, labels, choice.form, known, mark)
    if chosen_map is not None:
        write_map(files.uncertainty, chosen_map, known, PREDICTION)
    if region is not None:
        write_labels(files.region, region, known, ANNOTATION, 8)
    glands = int(np.count_nonzero(np.unique(labels)))
    if choice.table:
        table = gland_table(labels, used, uncertainty)
        write_csv(files.glands, [_row(gland) for gland in table], TABLE)
    return Row(
        **vars(empty_row(project, image_id, name))
        | {
            "labels": files.labels.name,
            "source": content.source,
            "revision": content.revision,
            "model": choice.model if stored else "",
            "width": labels.shape[1],
            "height": labels.shape[0],
            "pixel_size_um": used,
            "pixel_size_assumed": used is not None and known is None,
            "glands": glands,
            "gland_area_share": float((labels > 0).mean()),
            "mean_uncertainty": None
            if uncertainty is None
            else float(uncertainty.mean(dtype=np.float64)),
            "notes": " ".join(notes),
        }
    )


@dataclass(frozen=True, eq=False)
class _Content:
    labels: NDArray[Any]
    source: Source
    region: NDArray[np.uint8] | None = None
    revision: int | None = None
    notes: tuple[str, ...] = ()


def _content(project: Project, image_id: str, stored: Stored | None, choice: Choice) -> _Content:
    name = project.image(image_id).name
    if choice.wanted != "prediction":
        found = project.summary(image_id)
        number = found.accepted if choice.wanted == "accepted" else found.newest
        if number is not None:
            kept = project.read(image_id, number)
            source: Source = "accepted" if kept.facts.state == "accepted" else "draft"
            return _Content(kept.glands, source, kept.region, number)
        if choice.wanted == "accepted":
            raise ProjectError(f"{name} has no accepted annotation: accept it first.")
    if stored is None:
        raise NotSegmentedError(
            f"{name} is not annotated, and {choice.model} has not segmented it: segment it first."
        )
    rules = read_rules(project, choice.model)
    labels = labelled(stored, card_of_model(project, choice.model), rules)
    return _Content(labels, "prediction", notes=stored.notes)


class _Files:
    """The files of one image."""

    def __init__(self, folder: Path, name: str, form: LabelFormat) -> None:
        self.labels = folder / f"{name}{SUFFIXES[form]}"
        self.others = [folder / f"{name}{suffix}" for suffix in set(SUFFIXES.values())]
        self.uncertainty = folder / f"{name}{UNCERTAINTY}"
        self.region = folder / f"{name}{REGION}"
        self.glands = folder / f"{name}{GLANDS}"

    def refuse(self, mark: str, uncertainty: bool, region: bool, table: bool) -> None:
        """Raise an ImageError if one of them would replace what it must not."""
        if mark == PREDICTION:
            annotated = [file for file in self.others if marker_of(file) == ANNOTATION]
            refuse_foreign(annotated)  # its table, too, is that of the annotation
        refuse_foreign([self.labels], lambda file: marker_of(file) in REPLACEABLE)
        if uncertainty:
            refuse_foreign([self.uncertainty])
        if region:
            refuse_foreign([self.region], lambda file: marker_of(file) == ANNOTATION)
        if table:
            refuse_foreign([self.glands], begins_with(TABLE))


def _row(gland: Gland) -> dict[str, Any]:
    """Give a row of the table; of an area as many digits as a pixel size may have."""
    area = gland.area_um2
    return asdict(gland) | {"area_um2": None if area is None else float(f"{area:.6g}")}
