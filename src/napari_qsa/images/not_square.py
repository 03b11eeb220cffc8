"""Volumes whose pixels are no squares: what is made of them, in a sentence."""

import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from napari_qsa.errors import ImageError
from napari_qsa.images.files import is_volume
from napari_qsa.images.nifti import nifti_sides
from napari_qsa.images.pixel_size import MOST_ANISOTROPY
from napari_qsa.wording import form, named


def not_square(images: Iterable[Path]) -> tuple[str, ...]:
    """Write a sentence for volumes of each pair of sides that differ; headers are read.

    Parameters
    ----------
    images
        Files of any kind; only volumes are looked at.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(filter(is_volume, images)):
        try:
            sides = nifti_sides(path)
        except ImageError:  # whoever reads it is told
            continue
        if sides is not None and max(sides) / min(sides) > MOST_ANISOTROPY:
            width, height = sides
            size = math.sqrt(width * height)
            found[
                f"pixels of {width:.4g} x {height:.4g} µm, which are no squares: they are looked "
                f"at as they are, and each counts as a square of the same area, {size:.4g} µm wide."
            ].append(path)
    return tuple(
        f"{named(paths)} {form(len(paths), 'has', 'have')} {words}"
        for words, paths in found.items()
    )
