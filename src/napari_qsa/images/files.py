"""What every reader checks first: the file is there, of a known kind, and not a bomb."""

from pathlib import Path
from typing import Literal

from napari_qsa.errors import ImageError

Kind = Literal["PNG", "JPEG", "BMP", "TIFF", "NIFTI"]

EXTENSIONS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"})
VOLUME_EXTENSIONS = (".nii", ".nii.gz")

MAX_PIXELS = 2**28
"""Larger images are refused by their header, before anything is decoded (16,384 squared)."""

_SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    # The sizes of NIfTI's headers, 348 and 540 bytes, in both byte orders
    (b"\x5c\x01\0\0", "NIFTI"),
    (b"\0\0\x01\x5c", "NIFTI"),
    (b"\x1c\x02\0\0", "NIFTI"),
    (b"\0\0\x02\x1c", "NIFTI"),
)
_PACKED = b"\x1f\x8b"


def is_volume(path: Path) -> bool:
    """Tell by its name whether a file is a NIfTI volume."""
    return path.name.lower().endswith(VOLUME_EXTENSIONS)


def has_known_name(path: Path) -> bool:
    """Tell by its extension whether a file may be an image."""
    return path.suffix.lower() in EXTENSIONS or is_volume(path)


def sniff(path: Path) -> Kind:
    """Tell the kind of an image file by its first bytes.

    Raises
    ------
    ImageError
        If the file is missing, cannot be opened, is empty or is of none of the kinds.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist: check the path.") from None
    except IsADirectoryError:
        raise ImageError(f"{path} is a folder: name an image file in it.") from None
    except OSError as error:
        raise ImageError(
            f"{path} cannot be opened ({error.strerror}): check its permissions."
        ) from error
    if not start:
        raise ImageError(f"{path} is empty: copy it again from where it came from.")
    volume = is_volume(path)
    if volume and start.startswith(_PACKED):
        return "NIFTI"
    for signature, kind in _SIGNATURES:
        if start.startswith(signature) and (kind == "NIFTI") == volume:
            return kind
    if volume:
        raise ImageError(f"{path} is no NIfTI volume: copy or export it again.")
    raise ImageError(f"{path} is not an image: give a PNG, JPEG, TIFF, BMP or NIfTI file.")


def check_size(path: Path, height: int, width: int) -> None:
    """Refuse an image whose header announces no pixel, or more than `MAX_PIXELS`."""
    if height < 1 or width < 1:
        raise ImageError(f"{path} has no pixels ({width} x {height}): export it again.")
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{path} has {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read "
            "at once: cut it into smaller images."
        )


def damaged(path: Path, error: Exception) -> ImageError:
    """Make the one sentence for a file that starts well and does not decode."""
    if isinstance(error, MemoryError):
        return ImageError(f"{path} does not fit into memory: cut it into smaller images.")
    reason = " ".join(str(error).split()).rstrip(".")[:120] or type(error).__name__
    return ImageError(f"{path} is truncated or damaged ({reason}): copy or export it again.")
