"""One image of a data set, and how its labels are read."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images.files import is_volume
from napari_qsa.images.nifti import nifti_pixel_size
from napari_qsa.images.pixel_size import LARGEST
from napari_qsa.images.reading import Image, read_image, read_labels

ALL = "all"
REVIEWED = 1
"""Value of a region where the labels count; 0 is not reviewed, 2 that nobody knows."""


@dataclass(frozen=True)
class Item:
    """One image of a data set, with its label file if there is one.

    Attributes
    ----------
    name : str
        Unique in the data set whatever the case of its letters, so results can be named
        after it: the file's stem, with ``_p0001`` for a page of a stack.
    image : Path
    label : Path or None
    part : str
        ``"train"``, ``"testA"`` or ``"testB"`` of GlaS; the subfolder of a nested folder;
        else ``"all"``.
    patient : str or None
    grade : str or None
        ``"benign"`` or ``"malignant"`` in GlaS.
    page : int or None
        Of a stack, counted from 0; None for a file of one image.
    pixel_size : float or None
        In µm, where it is known whatever the file says.
    label_page : int or None
        Page of the label file that holds instances, each value one object; None where the label
        file has the pages of the image.
    region_page : int or None
        Page of the label file that says where the labels count; None where they do everywhere.
    """

    name: str
    image: Path
    label: Path | None
    part: str = ALL
    patient: str | None = None
    grade: str | None = None
    page: int | None = None
    pixel_size: float | None = None
    label_page: int | None = None
    region_page: int | None = None

    def read(self) -> Image:
        """Read the image, see `read_image`; it has the pixel size of the item, if known."""
        image = read_image(self.image, self.page)
        return image if self.pixel_size is None else replace(image, pixel_size=self.pixel_size)

    def volume_pixel_size(self) -> float | None:
        """Give the pixel size in µm that only a volume can have; reads a header at most.

        Raises
        ------
        ImageError
            If it is a volume's, and cannot be read.
        """
        size = self.pixel_size
        if size is None and is_volume(self.image):
            size = nifti_pixel_size(self.image)
        return size if size is not None and size > LARGEST else None

    def read_labels(self, shape: tuple[int, int] | None = None) -> NDArray[np.int32]:
        """Read the labels, see `read_labels`; `shape` is that of the image, to be checked."""
        if self.label is None:
            raise ImageError(f"{self.image} has no labels: put a {self.image.stem}_anno.png by it.")
        if self.label_page is None:
            return read_labels(self.label, shape, self.page)
        return read_labels(self.label, shape, self.label_page, instances=True)

    def read_reviewed(self, shape: tuple[int, int] | None = None) -> NDArray[np.bool_] | None:
        """Read where the labels count; None where they do everywhere.

        Parameters
        ----------
        shape : (height, width), optional
            Of the image, to be checked.

        Returns
        -------
        (H, W) bool, or None
        """
        if self.label is None or self.region_page is None:
            return None
        region = read_labels(self.label, shape, self.region_page, instances=True)
        reviewed = region == REVIEWED
        return None if reviewed.all() else np.asarray(reviewed)
