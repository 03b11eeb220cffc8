"""Label images and float maps as TIFF, lossless, with the pixel size in the resolution tags."""

import os
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.formats.atomic import replacing

_UM_PER_CM = 1e4


def write_labels(
    path: str | os.PathLike[str],
    labels: NDArray[Any],
    pixel_size: float | None = None,
    description: str | None = None,
    bits: Literal[8, 16, 32] | None = None,
) -> None:
    """Write instance labels, unchanged, as an unsigned TIFF.

    Parameters
    ----------
    path
        The file to make or replace; see `replacing`.
    labels
        ``(H, W)`` whole numbers of at least 0 (or booleans).
    pixel_size
        In µm, for the resolution tags (pixels per centimetre); None leaves them out.
    description
        For the tag ImageDescription, in ASCII; None leaves it out.
    bits
        Of each number. None stores 16, and 32 if one is above 65535.

    Raises
    ------
    QsaError
        If the labels are not such an image, or the file cannot be written.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.size == 0:
        raise QsaError(
            f"{path} cannot be written: labels must be a 2-D image of whole numbers, "
            f"not {labels.dtype} of shape {labels.shape}."
        )
    lowest, highest = int(labels.min()), int(labels.max())
    most = 2 ** (bits or 32) - 1
    if lowest < 0 or highest > most:
        raise QsaError(
            f"{path} cannot be written: labels must be from 0 to {most}, "
            f"not from {lowest} to {highest}."
        )
    needed = bits or (16 if highest < 2**16 else 32)
    _write(path, labels.astype(f"uint{needed}"), pixel_size, description)


def write_map(
    path: str | os.PathLike[str],
    values: NDArray[Any],
    pixel_size: float | None = None,
    description: str | None = None,
) -> None:
    """Write a map, a probability or an uncertainty, as a float32 TIFF.

    Parameters
    ----------
    path
        The file to make or replace; see `replacing`.
    values
        ``(H, W)`` numbers.
    pixel_size
        In µm, for the resolution tags (pixels per centimetre); None leaves them out.
    description
        For the tag ImageDescription, in ASCII; None leaves it out.

    Raises
    ------
    QsaError
        If the map is not such an image, or the file cannot be written.
    """
    if values.ndim != 2 or values.dtype.kind not in "fbui" or values.size == 0:
        raise QsaError(
            f"{path} cannot be written: a map must be a 2-D image of numbers, "
            f"not {values.dtype} of shape {values.shape}."
        )
    _write(path, values.astype(np.float32), pixel_size, description)


def _write(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    pixel_size: float | None,
    description: str | None,
) -> None:
    tags: dict[str, Any] = {}
    if pixel_size is not None:
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise QsaError(f"{path} cannot be written with a pixel size of {pixel_size} µm.")
        tags["resolution"] = (_UM_PER_CM / pixel_size, _UM_PER_CM / pixel_size)
        tags["resolutionunit"] = "CENTIMETER"
    with replacing(path) as file:
        tifffile.imwrite(
            file,
            image,
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            description=description,
            software="napari-qsa",
            **tags,
        )
