"""Know the files again that napari-qsa wrote, and tell what it predicted from what people made."""

import gzip
import zlib
from pathlib import Path

from napari_qsa.images.files import is_volume
from napari_qsa.wording import named

SOFTWARE = "napari-qsa"
PREDICTION = "napari-qsa prediction"
"""The description of a predicted file. With the software's name it is the marker: an image
editor that saves the file anew writes its own, and what was edited is the user's."""
ANNOTATION = "napari-qsa annotation"
"""The description of an annotation that was exported: it is as good as any label file."""
SAVED = "napari-qsa labels"
"""The description of labels that a user saved from the window: they belong to the user."""
MARKERS = (PREDICTION, ANNOTATION, SAVED)
REPLACEABLE = (PREDICTION, ANNOTATION)
"""Of files that an export may replace, since what they hold is in the project."""

_TIFF = (".tif", ".tiff")
_NIFTI_HEAD = 348
_HEAD = 1024
"""Bytes of a PNG file in which its texts are, if we wrote it."""


def marker_of(path: Path) -> str | None:
    """Give the marker that a file carries; None of another file, or one that cannot be read."""
    suffix = path.suffix.lower()
    try:
        if not path.is_file():
            return None
        if suffix in _TIFF:
            return _marker_of_tiff(path)
        if is_volume(path):
            return _marker_of_volume(path)
        if suffix in (".png", ".bmp"):
            with path.open("rb") as file:
                head = file.read(_HEAD)
            return _marker_of_png(head) if suffix == ".png" else _marker_of_bmp(head)
    except OSError:
        return None
    return None


def is_prediction(path: Path) -> bool:
    """Tell whether a file carries the marker of a prediction."""
    return marker_of(path) == PREDICTION


def bmp_mark(description: str) -> bytes:
    """Give the four bytes that stand for a description in a BMP file, where programs put 0."""
    return zlib.crc32(description.encode("ascii")).to_bytes(4, "little")


def _marker_of_tiff(path: Path) -> str | None:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            ours = page.software == SOFTWARE and page.description in MARKERS
            return str(page.description) if ours else None
    except Exception:  # what a parser raises on damaged bytes is not foreseeable
        return None


def _marker_of_volume(path: Path) -> str | None:
    """Look into the header's ``descrip``, which has its place in NIfTI-1 and in NIfTI-2."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(_NIFTI_HEAD)
    except (EOFError, zlib.error):  # whoever reads it is told
        return None
    for place in (148, 240):
        found = head[place : place + 80].rstrip(b"\0")
        for marker in MARKERS:
            if found == marker.encode():
                return marker
    return None


def _marker_of_png(head: bytes) -> str | None:
    if b"tEXtSoftware\0" + SOFTWARE.encode() not in head:
        return None
    for marker in MARKERS:
        if b"tEXtDescription\0" + marker.encode() in head:
            return marker
    return None


def _marker_of_bmp(head: bytes) -> str | None:
    if head[:2] != b"BM":
        return None
    return next((marker for marker in MARKERS if head[6:10] == bmp_mark(marker)), None)


def passed_over(files: list[Path]) -> tuple[str, ...]:
    """Write the note about predictions that lay among the images, if there are any."""
    if not files:
        return ()
    return (
        f"Predictions of napari-qsa are taken neither as images nor as labels ({named(files)}): "
        "to use one as labels, check it in an image editor and save it from there.",
    )
