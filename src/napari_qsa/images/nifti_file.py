"""What the header of a NIfTI file says, and its values as they are stored; by nibabel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images.files import damaged
from napari_qsa.images.unpacked import Unpacked

MOST_UNPACKED = 2**32
"""Bytes of a packed volume, which is unpacked as a whole; others are read slice by slice."""

_UM = {"mm": 1e3, "meter": 1e6, "micron": 1.0, "unknown": 1e3}
"""µm of a header's unit; programs that do not say it mean mm."""

_AS_IT_IS = ((0, 1), (1, 1), (2, 1))

_unpacked = Unpacked()


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """One volume of numbers.

    Attributes
    ----------
    path : Path
    shape : (int, int, int)
    dtype : numpy.dtype
        Of the stored values: boolean, integer or floating.
    orientation : (3, 2)
        For each axis the canonical one (right, front, top) and its direction, 1 or -1. Where the
        file does not say, the first one points to the left, as in ANALYZE; where what it says means
        nothing, they are taken as they are.
    voxel : (float, float, float) or None
        Sides in µm along the file's axes; None if nobody said anything.
    slope, intercept : float
        The value that is meant is ``slope * stored + intercept``.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    orientation: NDArray[np.float64]
    voxel: tuple[float, float, float] | None
    slope: float
    intercept: float
    _proxy: Any

    @property
    def bytes(self) -> int:
        """Of its values."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def stored(self) -> NDArray[Any]:
        """Give the values as stored, ``(X, Y, Z)``: a view of the file, or of what was unpacked.

        Raises
        ------
        ImageError
            If they end too early, or do not fit into memory.
        """
        needed = self.bytes
        if _is_plain(self.path):
            return self._values()
        if needed > MOST_UNPACKED:
            raise ImageError(
                f"{self.path} is {needed / 2**30:.0f} GiB when it is unpacked: unpack it by "
                "gunzip, then it is read slice by slice."
            )
        return _unpacked.get(self.path, self._values)

    def _values(self) -> NDArray[Any]:
        try:
            return np.asarray(self._proxy.get_unscaled()).reshape(self.shape, order="F")
        except Exception as error:  # what a decoder raises on damaged bytes is not foreseeable
            raise damaged(self.path, error) from error


def open_nifti(path: Path) -> NiftiFile:
    """Read the header of a file, which is not packed, or packed by gzip.

    Raises
    ------
    ImageError
        If it is damaged, is no single volume of numbers, or nibabel is not installed.
    """
    image = _load(path)
    try:
        dtype, shape = image.get_data_dtype(), image.shape
        found = NiftiFile(
            path,
            (*shape[:3], *(1,) * (3 - len(shape))),
            dtype,
            _orientation(image.affine),
            _voxel(image.header),
            float(image.dataobj.slope),
            float(image.dataobj.inter),
            image.dataobj,
        )
    except Exception as error:  # what a header may say is not foreseeable
        raise damaged(path, error) from error
    if dtype.kind not in "biuf":
        kind = "complex numbers" if dtype.kind == "c" else "colours"
        raise ImageError(f"{path} holds {kind}: save it as a volume of one number for each voxel.")
    if min(shape, default=0) < 0:
        raise damaged(path, ValueError("a side is negative"))
    if len(shape) < 2 or np.prod(shape[3:], dtype=object) != 1:
        raise ImageError(
            f"{path} is no single volume, its shape is {' x '.join(map(str, shape)) or 'empty'}: "
            "save each volume as a file of its own."
        )
    if _is_plain(path) and path.stat().st_size < image.dataobj.offset + found.bytes:
        raise damaged(path, ValueError("its values end too early"))
    return found


def _is_plain(path: Path) -> bool:
    return path.suffix.lower() == ".nii"


def _load(path: Path) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise ImageError(
            "NIfTI volumes (.nii, .nii.gz) are read by the package nibabel, which is not "
            "installed: pip install nibabel."
        ) from error
    try:
        image: Any = nibabel.load(path, mmap="r")  # type: ignore[no-untyped-call, unused-ignore]
    except Exception as error:  # what a parser raises on damaged bytes is not foreseeable
        raise damaged(path, error) from error
    if not isinstance(image, nibabel.Nifti1Image):
        raise ImageError(f"{path} is no NIfTI volume in one file: convert it to .nii.gz.")
    return image


def _orientation(affine: Any) -> NDArray[np.float64]:
    from nibabel.orientations import io_orientation

    if affine is not None and np.isfinite(affine).all():
        found = np.asarray(io_orientation(affine), np.float64)  # type: ignore[no-untyped-call]
        if np.isfinite(found).all():
            return found
    return np.array(_AS_IT_IS, np.float64)


def _voxel(header: Any) -> tuple[float, float, float] | None:
    unit = header.get_xyzt_units()[0]
    zooms = [float(zoom) for zoom in header.get_zooms()[:3]]
    zooms += [1.0] * (3 - len(zooms))
    if unit == "unknown" and zooms == [1.0] * 3:  # what is there if nobody said anything
        return None
    x, y, z = (zoom * _UM[unit] for zoom in zooms)
    return x, y, z
