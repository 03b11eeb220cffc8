"""NIfTI volumes as stacks of images: one orientation and one scale, whatever the file's.

A volume is brought to the closest canonical orientation (RAS: the axes point to the right, the
front and the top of the patient), then cut into planes and shown as radiologists do: the front or
the top of the patient is above, the right or the front of the patient is on the left.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images.files import check_size, damaged
from napari_qsa.images.intensity import Scale, scale_of, to_16_bits
from napari_qsa.images.nifti_file import NiftiFile, open_nifti
from napari_qsa.images.pixel_size import LARGEST_OF_VOLUMES, SMALLEST
from napari_qsa.images.raw import Raw
from napari_qsa.images.unpacked import Answers, key_of
from napari_qsa.images.volume_options import PLANES, Plane, VolumeOptions, options_of

MOST_SLICES = 2**16

_scales: Answers[Scale] = Answers()
_several: Answers[bool] = Answers()


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume as a stack; its values are as stored, and read when they are asked for.

    Attributes
    ----------
    file : NiftiFile
    stack : (N, H, W) bool, integer or floating
        A view: its slices along the plane, from the feet, the back or the left of the patient on.
    options : VolumeOptions
        How it is cut, and its window.
    """

    file: NiftiFile
    stack: NDArray[Any]
    options: VolumeOptions

    def slice_of(self, page: int) -> NDArray[Any]:
        """Read the values of one slice, ``(H, W)``.

        Raises
        ------
        ImageError
            If there is none, or it cannot be read.
        """
        file = self.file
        if not 0 <= page < len(self.stack):
            raise ImageError(f"{file.path} has no slice {page + 1}: it has {len(self.stack)}.")
        try:
            stored = np.array(self.stack[page])
        except OSError as error:
            raise damaged(file.path, error) from error
        if (file.slope, file.intercept) == (1, 0):
            return stored
        return np.asarray(stored * file.slope + file.intercept)

    @property
    def is_plain(self) -> bool:
        """Whether it holds 8 bits that are meant as they are."""
        file = self.file
        return file.dtype == np.uint8 and (file.slope, file.intercept) == (1, 0)


def open_volume(path: Path) -> Volume:
    """Open a volume; a packed one is unpacked.

    Raises
    ------
    ImageError
        If it is damaged, too large, no single volume of numbers, or nibabel is not installed.
    """
    options, file = options_of(path), open_nifti(path)
    _check(file, options.plane)
    return Volume(file, to_stack(file.stored(), file.orientation, options.plane), options)


def count_slices(path: Path) -> int:
    """Count the images of a volume; only its header is read, and `ImageError` raised, see there."""
    return _check(open_nifti(path), options_of(path).plane)


def nifti_pixel_size(path: Path) -> float | None:
    """Give the pixel size of a volume's slices in µm, if its header says it; as `count_slices`.

    Where pixels are no squares it is that of squares of the same area.
    """
    return _pixel_size(open_nifti(path), options_of(path).plane)


def nifti_sides(path: Path) -> tuple[float, float] | None:
    """Give width and height of the pixels of a volume's slices in µm; as `nifti_pixel_size`."""
    return _sides(open_nifti(path), options_of(path).plane)


def decode_slice(path: Path, page: int) -> Raw:
    """Decode one slice, its values scaled as those of the whole volume.

    8 bits are kept. Other values become 16 bits: from the window of ``volumes.json``, else from
    the 0.5 and 99.5 percentiles of the volume (`scale_of`). NaN becomes black.

    Raises
    ------
    ImageError
        As `open_volume`, or if there is no such slice.
    """
    volume = open_volume(path)
    values = volume.slice_of(page)
    if not volume.is_plain:
        key = *key_of(path), volume.options
        values = to_16_bits(values, _scales.get(key, lambda: scale_of(volume)))
    return Raw(values, False, _pixel_size(volume.file, volume.options.plane))


def decode_label_slice(path: Path, page: int) -> tuple[NDArray[Any], bool]:
    """Decode one slice of labels.

    Returns
    -------
    labels : (H, W)
        Integers; floating only if they are not whole, or too large to be told apart.
    instances : bool
        Whether the volume holds several values, each of which is one object; else it is a mask.
    """
    volume = open_volume(path)
    labels = volume.slice_of(page)
    if labels.dtype.kind == "f" and (np.abs(labels) < 2.0**53).all():  # which no NaN is
        whole = labels.astype(np.int64)
        labels = whole if (whole == labels).all() else labels
    key = *key_of(path), volume.options.plane
    return labels, _several.get(key, lambda: _has_several_values(volume))


def to_stack(stored: NDArray[Any], orientation: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Cut a volume into planes, without a copy.

    Parameters
    ----------
    stored : (X, Y, Z)
        As in the file.
    orientation : (3, 2)
        See `NiftiFile`.
    plane
        Which.

    Returns
    -------
    (N, H, W)
    """
    flips = tuple(slice(None, None, int(flip)) for flip in orientation[:, 1])
    canonical = stored[flips].transpose(np.argsort(orientation[:, 0]))
    planes = np.moveaxis(canonical, _normal(plane), 0)
    return planes[:, ::-1, ::-1].swapaxes(1, 2)


def from_stack(stack: NDArray[Any], orientation: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Put planes back into the order of the file: the inverse of `to_stack`."""
    planes = stack.swapaxes(1, 2)[:, ::-1, ::-1]
    canonical = np.moveaxis(planes, 0, _normal(plane))
    stored = canonical.transpose(orientation[:, 0].astype(int))
    return stored[tuple(slice(None, None, int(flip)) for flip in orientation[:, 1])]


def _normal(plane: Plane) -> int:
    """Give the canonical axis that a plane stands on: axial planes on the one from feet to head."""
    return 2 - PLANES.index(plane)


def _check(file: NiftiFile, plane: Plane) -> int:
    """Refuse slices that are empty or too large, and give their number."""
    nothing = np.broadcast_to(np.uint8(0), file.shape)
    pages, height, width = map(int, to_stack(nothing, file.orientation, plane).shape)
    check_size(file.path, height, width)
    if not 0 < pages <= MOST_SLICES:
        raise ImageError(f"{file.path} has {pages} slices: give a volume of 1 to {MOST_SLICES:,}.")
    return pages


def _pixel_size(file: NiftiFile, plane: Plane) -> float | None:
    sides = _sides(file, plane)
    return None if sides is None else math.sqrt(sides[0] * sides[1])


def _sides(file: NiftiFile, plane: Plane) -> tuple[float, float] | None:
    """Give width and height in µm, None where nobody says them or they cannot be meant."""
    if file.voxel is None:
        return None
    sides = dict(zip(file.orientation[:, 0].astype(int).tolist(), file.voxel, strict=True))
    width, height = (sides[axis] for axis in range(3) if axis != _normal(plane))
    if not all(SMALLEST <= side <= LARGEST_OF_VOLUMES for side in (width, height)):
        return None
    return width, height


def _has_several_values(volume: Volume) -> bool:
    first = None
    for page in range(len(volume.stack)):
        values = volume.slice_of(page)
        objects = values[values != 0]
        if objects.size:
            first = objects[0] if first is None else first
            if (objects != first).any():
                return True
    return False
