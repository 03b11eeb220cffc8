"""Label volumes as NIfTI, in the place and order of the volume they are of."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.formats.atomic import replacing


def write_label_volume(
    path: Path, labels: NDArray[Any], source: Path, description: str | None = None
) -> None:
    """Write labels as ``.nii.gz``; the same bytes for the same labels.

    Parameters
    ----------
    path
        The file to make or replace; see `replacing`.
    labels : (X, Y, Z) uint16 or uint32
        In the order of the source's axes.
    source
        The volume they are of: where and how large its voxels are is taken over as it is there.
    description
        For the header's ``descrip``, in ASCII, at most 79 characters.

    Raises
    ------
    QsaError
        If the shapes differ, or a file cannot be read or written.
    """
    import nibabel

    try:
        original: Any = nibabel.load(source)  # type: ignore[no-untyped-call, unused-ignore]
        header, shape = original.header.copy(), original.shape
    except Exception as error:  # what a parser raises on damaged bytes is not foreseeable
        raise QsaError(f"{source} cannot be read: put the volume back where it was.") from error
    if (*shape, 1, 1)[:3] != labels.shape:
        raise QsaError(f"{path} cannot be written: {source} has another shape than its labels.")
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"], header["cal_max"] = 0, 0
    header["descrip"] = (description or "").encode("ascii")
    header.set_data_shape(labels.shape)
    image: Any = type(original)(labels, None, header)  # an affine would be checked, and set anew
    with replacing(path) as file:
        file.write(gzip.compress(image.to_bytes(), mtime=0))


def as_smallest(labels: NDArray[Any]) -> NDArray[Any]:
    """Give labels as unsigned numbers of 16 bits, of 32 where one is larger."""
    return labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)
