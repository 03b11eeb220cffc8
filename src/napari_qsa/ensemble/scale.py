"""How an image's pixels compare with the grid that networks look at; volumes are looked at as is.

A microscope's image is brought to the µm of the networks' grid. The pixels of a volume (CT, MRI)
are hundreds of µm: there is no such way from the grid of one to that of the other. Networks that
were trained on the one look at the other pixel by pixel, and those that are trained on volumes
have a grid of their pixel size.
"""

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.instances import InstanceOptions
from napari_qsa.images.pixel_size import LARGEST

MAX_FACTOR = 32.0
"""An image this many times coarser or finer than the networks' grid has a wrong pixel size."""

SMALLEST_OBJECT, LARGEST_HOLE = 4, 25
"""In pixels of a volume, whose organs may be a few pixels wide."""


def is_far(pixel_size: float, grid: float) -> bool:
    """Tell whether pixels (µm) are too large or too small for a grid (µm)."""
    return not 1 / MAX_FACTOR <= pixel_size / grid <= MAX_FACTOR


def looks_as_is(file_pixel_size: float | None, grid: float) -> bool:
    """Tell whether an image is a volume's slice that a grid was not made for.

    Parameters
    ----------
    file_pixel_size
        What the file says, in µm: beyond `LARGEST` it is no microscope's.
    grid
        Of the networks, in µm.
    """
    if file_pixel_size is None:
        return False
    return file_pixel_size > LARGEST and is_far(file_pixel_size, grid)


def common_pixel_size(sizes: Iterable[float | None], grid: float) -> float | None:
    """Give the median pixel size (µm) of images where none fits a grid, see `looks_as_is`."""
    found = list(sizes)
    if not found or not all(looks_as_is(size, grid) for size in found):
        return None
    return median(size for size in found if size is not None)


def of_volumes(options: InstanceOptions, pixel_size: float) -> InstanceOptions:
    """Let objects be as small as those of a volume with pixels of so many µm."""
    area = pixel_size * pixel_size
    return replace(
        options,
        bridge_um=0.0,
        min_seed_um2=SMALLEST_OBJECT * area,
        min_area_um2=SMALLEST_OBJECT * area,
        max_hole_um2=LARGEST_HOLE * area,
    )


def options_at(card: EnsembleCard, pixel_size: float) -> InstanceOptions:
    """Give the rules for objects in an image of some pixel size (µm): the card's, if they fit."""
    if looks_as_is(pixel_size, card.pixel_size):
        return of_volumes(card.instances, pixel_size)
    return card.instances
