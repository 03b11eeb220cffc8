"""Export masks, maps and tables of a project into a folder."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from psygnal import Signal

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.formats import LABEL_FORMATS, LabelFormat, write_csv
from napari_qsa.images.files import is_volume
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.errands import Unusable, images
from napari_qsa.session.exported import (
    Choice,
    NotSegmentedError,
    Row,
    Wanted,
    empty_row,
    export_image,
    file_names,
)
from napari_qsa.session.model_list import model_in_use
from napari_qsa.session.part import Part
from napari_qsa.session.results import begins_with, make_folder, refuse_foreign
from napari_qsa.session.state import State
from napari_qsa.wording import counted, form

__all__ = ["Exported", "Exporter", "Row"]

PART = "export"
SUMMARY = "export.csv"
"""The list of what the last export into a folder wrote, or could not write."""
COLUMNS = tuple(Row.__dataclass_fields__)
What = Literal["this", "selection", "accepted", "segmented"]
WANTED: dict[What, Wanted] = {
    "this": "newest",
    "selection": "newest",
    "accepted": "accepted",
    "segmented": "prediction",
}
"""Which labels of an image are meant."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    folder : Path
    rows : tuple of Row
        One for each image, in the project's order.
    volumes : tuple of Path
        Label volumes, where they were wanted.
    problems : tuple of str
        A sentence for each volume that has no label volume.
    cancelled : bool
        Whether it was stopped before the end.
    excluded : int
        How many images were left out since they are excluded and not chosen themselves.
    pending : int
        How many were left out since they are being segmented.
    remark : str
        What is empty in the label volumes, part of a sentence; or nothing.
    """

    folder: Path
    rows: tuple[Row, ...]
    volumes: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    cancelled: bool = False
    excluded: int = 0
    pending: int = 0
    remark: str = ""


@dataclass(frozen=True)
class _Chosen:
    """The images that are meant, in the project's order, and how many of them are left out."""

    ids: tuple[str, ...]
    excluded: int = 0
    pending: int = 0


class Exporter(Part):
    """Writes what was annotated or segmented as files that other programs read.

    Parameters
    ----------
    desk
        With the project.
    pending
        Tells which images are being segmented.
    """

    exported = Signal(Exported)

    def __init__(self, desk: Desk, pending: Callable[[], frozenset[str]] = frozenset[str]) -> None:
        super().__init__(desk, PART)
        self._pending = pending
        self._stop: threading.Event | None = None
        desk.project_changed.connect(self.cancel)

    @property
    def has_volumes(self) -> bool:
        """Whether images of the open project are slices of NIfTI volumes."""
        project = self._desk.project
        records = {} if project is None else project.images
        return any(is_volume(Path(record.path)) for record in records.values())

    def export(
        self,
        what: What,
        folder: Path,
        format: LabelFormat = "tiff16",
        uncertainty: bool = False,
        table: bool = True,
        region: bool = False,
        ids: Sequence[str] = (),
        model: str | None = None,
        volumes: bool = False,
    ) -> None:
        """Write files into a folder; `exported` tells which.

        For an image called NAME these are ``NAME_labels.tif``, ``NAME_labels.png`` or, as in
        GlaS, ``NAME_anno.bmp``; ``NAME_uncertainty.tif`` (float32), ``NAME_glands.csv`` and
        ``NAME_region.tif`` where they are wanted; and a row of ``export.csv``. Each is whole or
        not at all. Files of an earlier export are replaced, any other file never is.

        Parameters
        ----------
        what
            ``this`` or ``selection``: the images in `ids`, their newest annotation, else their
            prediction. ``accepted``: all images with an accepted annotation. ``segmented``:
            all that the model has predicted. Of these two, not the excluded ones.
        folder
            Made if missing; not in the project.
        format
            Of the labels.
        uncertainty, table, region
            Whether the model's uncertainty, a table of the glands, and what was reviewed are
            written too.
        ids
            Of the images.
        model
            Whose predictions and uncertainty; None is the one in use.
        volumes
            Whether ``STEM_labels.nii.gz`` is written too for each NIfTI volume of which slices
            are exported, with the others empty. Not where the export is cancelled.
        """
        project = self._begin("Looking at what there is…")
        if project is None:
            return
        stop = self._stop = threading.Event()
        choice = Choice(
            WANTED.get(what, "newest"),
            format,
            uncertainty,
            table,
            region,
            model or model_in_use(project, "segmentation"),
        )
        self._lane.follow(self._desk.disk)  # what was saved just now is exported
        self._lane.do(
            partial(
                self._export,
                *(stop, project, what, Path(folder), choice),
                *(tuple(ids), self._pending(), volumes),
            ),
            partial(self._done, stop),
            partial(self._failed, stop),
        )

    def cancel(self) -> None:
        """Stop after the image at work; what was written stays."""
        if self._stop is not None:
            self._stop.set()

    def close(self) -> None:
        """Stop for good."""
        self.cancel()
        super().close()

    def _export(
        self,
        stop: threading.Event,
        project: Project,
        what: What,
        folder: Path,
        choice: Choice,
        ids: tuple[str, ...],
        pending: frozenset[str],
        volumes: bool,
    ) -> Exported:
        """Do it all, in the lane."""
        meant = _chosen(project, what, choice, ids, pending)
        chosen = meant.ids
        if choice.form not in LABEL_FORMATS:
            known = ", ".join(LABEL_FORMATS)
            raise QsaError(f"There is no format {choice.form!r}; choose one of {known}.")
        place = folder.absolute()
        if place.resolve().is_relative_to(project.folder.resolve()):
            raise ProjectError(f"{place} is inside the project: choose a folder outside it.")
        make_folder(place)
        refuse_foreign([place / SUMMARY], begins_with(COLUMNS))
        names = file_names(project)
        rows: list[Row] = []
        try:
            for number, image_id in enumerate(chosen):
                if stop.is_set():
                    break
                self._desk.post(partial(self._tell, stop, number, len(chosen), names[image_id]))
                try:
                    row = export_image(project, image_id, names[image_id], place, choice)
                except NotSegmentedError as error:
                    text = f"{names[image_id]} is being segmented: export it when that is done."
                    error_text = text if image_id in pending else str(error)
                    row = empty_row(project, image_id, names[image_id], error_text)
                except QsaError as error:
                    row = empty_row(project, image_id, names[image_id], str(error))
                rows.append(row)
        finally:
            write_csv(place / SUMMARY, [row.cells() for row in rows], COLUMNS)
        cancelled = len(rows) < len(chosen)
        files: list[Path] = []
        problems: list[str] = []
        remark = ""
        if volumes and not cancelled:
            from napari_qsa.session.volume_export import what_is_empty, write_volumes

            self._desk.post(partial(self._tell, stop, len(rows), len(rows), "label volumes"))
            files, problems = write_volumes(rows, place)
            remark = what_is_empty(rows)
        return Exported(
            *(place, tuple(rows), tuple(files), tuple(problems)),
            *(cancelled, meant.excluded, meant.pending, remark),
        )

    def _tell(self, stop: threading.Event, number: int, total: int, name: str) -> None:
        if stop is self._stop:
            self._show(State.RUNNING, f"Exporting {name}…", number / total)

    def _done(self, stop: threading.Event, result: Exported) -> None:
        if stop is not self._stop:
            return
        self._stop = None
        text = _summary(result)
        if result.cancelled:
            self._show(State.CANCELLED, f"Cancelled; {text}")
        else:
            self._show(State.DONE, text, 1.0)
        self.exported.emit(result)
        bad = [Unusable(row.image, row.name, row.error) for row in result.rows if row.error]
        if bad:
            self._complain("exported", bad)
        for problem in result.problems:
            self._desk.fail(PART, QsaError(problem))

    def _failed(self, stop: threading.Event, error: BaseException) -> None:
        if stop is self._stop:
            self._stop = None
            self._fail(error)


def _chosen(
    project: Project, what: What, choice: Choice, ids: tuple[str, ...], pending: frozenset[str]
) -> _Chosen:
    """Find the images that are meant; excluded ones only where they are chosen themselves."""
    records = project.images
    waiting: frozenset[str] = frozenset()
    if what in ("this", "selection"):
        for image_id in ids:
            project.image(image_id)
        found = set(ids)
        nothing = "No image is chosen: choose one, or export all that are accepted."
    elif what == "accepted":
        summaries = project.summaries().items()
        found = {image_id for image_id, summary in summaries if summary.accepted is not None}
        nothing = "No annotation is accepted yet: accept one, or export what is segmented."
    elif what == "segmented":
        found = project.predictions(choice.model)
        waiting = pending - found
        nothing = f"{choice.model} has segmented no image yet: segment some first."
        if waiting:
            are = form(len(waiting), "is", "are")
            nothing = f"{images(len(waiting))} {are} being segmented: export when that is done."
    else:
        raise QsaError(f"What is {what!r}? Choose one of {', '.join(WANTED)}.")
    wanted = found
    if what in ("accepted", "segmented"):
        wanted = {image_id for image_id in found if records[image_id].role != "excluded"}
        if found and not wanted:
            nothing = (
                f"All {images(len(found))} that are {what} are excluded: choose them themselves, "
                "or give them another role."
            )
    if not wanted:
        raise ProjectError(nothing)
    order = tuple(image_id for image_id in records if image_id in wanted)
    return _Chosen(order, len(found) - len(wanted), len(waiting))


def _summary(result: Exported) -> str:
    done = [row for row in result.rows if not row.error]
    glands = counted(sum(row.glands or 0 for row in done), "gland")
    text = f"{images(len(done))} exported with {glands} into {result.folder}"
    if result.volumes:
        text += f"; {counted(len(result.volumes), 'label volume')} written too"
    if result.remark:
        text += f"; {result.remark}"
    if result.excluded:
        text += f"; {counted(result.excluded, 'excluded image')} left out"
    if result.pending:
        text += f"; {result.pending} still being segmented"
    return f"{text}."
