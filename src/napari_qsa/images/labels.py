"""Read the labels of one image: instances as they are, masks by their connected parts."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images.files import sniff
from napari_qsa.images.nifti import count_slices, decode_label_slice
from napari_qsa.images.predictions import marker_of
from napari_qsa.images.raster import decode_raster
from napari_qsa.images.tiff import count_tiff_pages, decode_tiff

INSTANCE_SUFFIX = "_anno"
"""GlaS's: a lone value 1 in such a file is one gland, in however many pieces."""

_SOFT_VALUES = 16
"""A soft mask has more distinct values than this, and most of its object near 255."""


def read_labels(
    path: str | Path,
    shape: tuple[int, int] | None = None,
    page: int | None = None,
    instances: bool = False,
) -> NDArray[np.int32]:
    """Read labels: 0 is background, and each other value one object.

    Instance labels keep their values. A mask (one value beside 0, or a soft one with most
    of its object near 255) becomes its parts connected by sides or corners, 1 to N. Gray
    stored as RGB with equal channels is taken as gray; of a palette image, the indices are
    the labels. Of a NIfTI volume the values of all slices tell whether it is a mask, and its parts
    are those of the slice.

    Parameters
    ----------
    path : str or Path
        A PNG, TIFF, BMP or NIfTI file; a JPEG file only if it is a mask.
    shape : (height, width), optional
        Of the image, which the labels must have.
    page : int, optional
        Which page of a stack, counted from 0.
    instances : bool
        Whether each value is one object whatever it looks like; in a file that napari-qsa
        exported it is.

    Returns
    -------
    (H, W) int32

    Raises
    ------
    ImageError
        One sentence that names the file and the remedy.
    """
    path = Path(path)
    kind = sniff(path)
    if kind in ("TIFF", "NIFTI") and page is None:
        pages = count_tiff_pages(path) if kind == "TIFF" else count_slices(path)
        if pages > 1:
            raise ImageError(f"{path} is a stack of {pages} pages: say which one to read.")
    if kind == "NIFTI":
        values, several = decode_label_slice(path, page or 0)
        instances = instances or several
    else:
        if kind == "TIFF":
            raw = decode_tiff(path, page or 0, indices=True)
        else:
            raw = decode_raster(path, kind, indices=True)
        values = _one_channel(path, raw.array[..., :-1] if raw.alpha else raw.array)
    if shape is not None and values.shape != tuple(shape):
        raise ImageError(
            f"{path} has {values.shape[1]} x {values.shape[0]} pixels but its image has "
            f"{shape[1]} x {shape[0]}: export the labels at the size of the image."
        )
    instances = instances or marker_of(path) is not None
    return _as_labels(path, values, lossy=kind == "JPEG", instances=instances)


def _one_channel(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2:
        return array
    if any((array[..., 0] != array[..., other]).any() for other in range(1, array.shape[2])):
        raise ImageError(
            f"{path} is a colour image, not labels: save one gray value for each object."
        )
    return array[..., 0]


def _as_labels(path: Path, values: NDArray[Any], lossy: bool, instances: bool) -> NDArray[np.int32]:
    if values.dtype.kind not in "biu":
        raise ImageError(f"{path} holds {values.dtype} values: save labels as integers.")
    if values.dtype == np.bool_:
        return _components(values)
    if values.min() < 0 or values.max() > np.iinfo(np.int32).max:
        raise ImageError(
            f"{path} holds values from {values.min()} to {values.max()}: "
            "save labels as 0 for background and 1, 2, 3, ... for the objects."
        )
    if instances and not lossy:
        return values.astype(np.int32)
    present = np.unique(values)
    if len(present) > _SOFT_VALUES and _is_soft(values):
        return _components(values > 127)
    if lossy:
        raise ImageError(
            f"{path} is a JPEG file, which does not keep label values: save labels as PNG or TIFF."
        )
    objects = present[present > 0]
    one_gland = path.stem.lower().endswith(INSTANCE_SUFFIX) and objects.tolist() == [1]
    if len(objects) == 1 and not one_gland:
        return _components(values > 0)
    return values.astype(np.int32)


def _is_soft(values: NDArray[Any]) -> bool:
    """Tell a mask with blurred edges from labels, of which few pixels are near 255."""
    if values.dtype != np.uint8:
        return False
    return bool((values >= 240).sum() * 2 > (values >= 16).sum())


def _components(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3), dtype=bool))
    return np.asarray(labels, dtype=np.int32)
