"""Files of results: how they are named, and that they replace nobody else's."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from napari_qsa.errors import ImageError, QsaError
from napari_qsa.images.predictions import is_prediction

LABELS = "_labels.tif"
PROBABILITY = "_probability.tif"
UNCERTAINTY = "_uncertainty.tif"
REGION = "_region.tif"
GLANDS = "_glands.csv"
"""What is put behind the name of an image; labels in other formats have suffixes of their own."""

Ours = Callable[[Path], bool]


def make_folder(out: Path) -> None:
    """Make the folder of results.

    Raises
    ------
    QsaError
        If it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QsaError(
            f"The folder {out} cannot be made ({error.strerror}): choose another one."
        ) from error


def refuse_foreign(files: Iterable[Path], ours: Ours = is_prediction) -> None:
    """Go on only if no file would be replaced that was not written as a result.

    Parameters
    ----------
    files
        Those that are to be written.
    ours
        Tells of one that is there whether it may be replaced.

    Raises
    ------
    ImageError
        If one may not.
    """
    for file in files:
        if os.path.lexists(file) and not ours(file):
            raise ImageError(
                f"{file} is no result of an earlier batch and is not replaced: choose another "
                "folder for the results, or move the file away."
            )


def begins_with(columns: Sequence[str]) -> Ours:
    """Tell a table of ours by its header line."""
    header = ",".join(columns).encode()

    def ours(file: Path) -> bool:
        try:
            with file.open("rb") as opened:
                return opened.readline(1000).strip() == header
        except OSError:
            return False

    return ours
