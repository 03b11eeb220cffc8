"""Segment many images into a folder: one file after another, and the bad ones do not stop it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Protocol

from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.errors import QsaError
from napari_qsa.formats import write_csv, write_labels, write_map
from napari_qsa.images import Dataset, Image, Item
from napari_qsa.images.predictions import PREDICTION
from napari_qsa.session.results import (
    LABELS,
    PROBABILITY,
    UNCERTAINTY,
    begins_with,
    make_folder,
    refuse_foreign,
)

SUMMARY = "summary.csv"
SUFFIXES = (LABELS, PROBABILITY, UNCERTAINTY)


class Predictor(Protocol):
    """What predicts; an `Ensemble` is one."""

    def predict(
        self,
        image: Image,
        pixel_size: float | None = None,
        tta: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Prediction:
        """Segment one image."""
        ...


Report = Callable[[float, str], None]
"""Called with the share of the work that is done and the name of the image at work."""


@dataclass(frozen=True)
class Segmented:
    """One row of the summary: an image and what was found in it, or why it was not.

    Attributes
    ----------
    name : str
        What its files are named after; empty for a file that could not be opened.
    file : str
        Where the image is.
    page : int or None
        Of a stack, counted from 1.
    width, height : int or None
        In pixels.
    pixel_size_um : float or None
        The one that was used.
    pixel_size_assumed : bool
        Whether it is only that of the ensemble's training images, for want of a known one.
    glands : int or None
        How many there are.
    faint : int or None
        Objects left out besides, because no member is sure of them.
    gland_area_share : float or None
        Share of the pixels that are gland.
    mean_uncertainty : float or None
        Over all pixels, 0 to 0.5.
    seconds : float or None
        Time it took.
    error : str
        Why there is no result; empty where there is one.
    """

    name: str
    file: str
    page: int | None = None
    width: int | None = None
    height: int | None = None
    pixel_size_um: float | None = None
    pixel_size_assumed: bool = False
    glands: int | None = None
    faint: int | None = None
    gland_area_share: float | None = None
    mean_uncertainty: float | None = None
    seconds: float | None = None
    error: str = ""

    def row(self) -> dict[str, object]:
        """Give the row of the table: yes and no for what is a flag."""
        flag = "" if self.pixel_size_um is None else ("no", "yes")[self.pixel_size_assumed]
        return asdict(self) | {"pixel_size_assumed": flag}


COLUMNS = tuple(field.name for field in fields(Segmented))
"""Of the summary; its header line tells it from a file of the user's."""


def segment_batch(
    dataset: Dataset,
    predictor: Predictor,
    out: Path,
    pixel_size: float | None = None,
    tta: bool = False,
    report: Report = lambda fraction, name: None,
) -> list[Segmented]:
    """Segment every image of a data set, and write its files and a summary.

    For an image called NAME these are ``NAME_labels.tif`` (instances), ``NAME_probability.tif``
    and ``NAME_uncertainty.tif`` (float32), each whole or not at all, and a row of
    ``summary.csv``. Files of an earlier batch are replaced, any other file never is: TIFF files
    are told by their marker, the summary by its header line.
    What was segmented when `report` stops the batch by raising is in the summary too.

    Parameters
    ----------
    dataset
        The images.
    predictor
        Segments one of them.
    out
        Folder, made if missing.
    pixel_size
        Of all images, in µm; None takes what the data set or the image's file says.
    tta
        Average over flips and quarter turns.
    report
        See `Report`; whatever it raises stops the batch.

    Returns
    -------
    list of Segmented
        One for each image, then one for each file that could not be opened.

    Raises
    ------
    QsaError
        If the folder cannot be made, or the summary not be written; or there is another
        ``summary.csv``, and then nothing is predicted.
    """
    summary = out / SUMMARY
    make_folder(out)
    refuse_foreign([summary], begins_with(COLUMNS))
    done: list[Segmented] = []

    def segment(item: Item, number: int) -> Segmented:
        begun = time.monotonic()
        refuse_foreign(_files(out, item))
        image = item.read()
        known = pixel_size or dataset.pixel_size or image.pixel_size
        prediction = predictor.predict(
            image,
            pixel_size=known,
            tta=tta,
            progress=partial(tell_tiles, report, item.name, number, len(dataset.items)),
        )
        _write(_files(out, item), prediction, known)
        return _row(item, prediction, assumed=known is None, seconds=time.monotonic() - begun)

    try:
        for number, item in enumerate(dataset.items):
            try:
                done.append(segment(item, number))
            except QsaError as error:
                done.append(Segmented(item.name, str(item.image), _page(item), error=str(error)))
    finally:
        done += [Segmented("", "", error=problem) for problem in dataset.problems]
        write_csv(summary, [row.row() for row in done], COLUMNS)
    return done


def _files(out: Path, item: Item) -> list[Path]:
    return [out / f"{item.name}{suffix}" for suffix in SUFFIXES]


def tell_tiles(report: Report, name: str, number: int, total: int, done: int, tiles: int) -> None:
    """Report tiles of one image (of `tiles` are `done`) as a share of all images."""
    report((number + done / tiles) / total, name)


def _write(files: Sequence[Path], prediction: Prediction, pixel_size: float | None) -> None:
    labels, probability, uncertainty = files
    write_labels(labels, prediction.labels, pixel_size, PREDICTION)
    write_map(probability, prediction.probability, pixel_size, PREDICTION)
    write_map(uncertainty, prediction.uncertainty, pixel_size, PREDICTION)


def _row(item: Item, prediction: Prediction, assumed: bool, seconds: float) -> Segmented:
    height, width = prediction.labels.shape
    return Segmented(
        name=item.name,
        file=str(item.image),
        page=_page(item),
        width=width,
        height=height,
        pixel_size_um=prediction.pixel_size,
        pixel_size_assumed=assumed,
        glands=int(prediction.labels.max(initial=0)),
        faint=prediction.faint,
        gland_area_share=float((prediction.labels > 0).mean()),
        mean_uncertainty=prediction.image_uncertainty,
        seconds=round(seconds, 3),
    )


def _page(item: Item) -> int | None:
    return None if item.page is None else item.page + 1
