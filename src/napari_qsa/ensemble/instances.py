"""From probability and separator maps to labelled objects.

Objects are what is connected above a threshold. Where the separator cuts such a region into
several seeds, a watershed gives every seed its share; without a separator nothing is split, so
that folded and papillary glands stay whole. All sizes are in µm, so that the same options hold at
every pixel size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

_DIAGONAL = np.ones((3, 3), dtype=np.bool_)


@dataclass(frozen=True)
class InstanceOptions:
    """How maps become objects; stored in the ensemble file.

    Attributes
    ----------
    threshold
        A pixel is of the object where its probability reaches this.
    seed_threshold
        A pixel is of a seed where, besides, ``probability - separator_weight * separator``
        reaches this.
    separator_weight
        How strongly the separator cuts; 0 turns it off.
    bridge_um
        Seeds joined by a bridge narrower than this many µm are cut apart; 0 turns it off.
    min_seed_um2
        Seeds smaller than this many µm² do not count.
    min_area_um2
        Objects smaller than this many µm², after their holes are filled, are dropped.
    min_confidence
        Faint objects are dropped: those whose mean of ``probability + uncertainty``, over their
        pixels that reach the threshold, is below this. 0 turns it off. For one member that is the
        mean probability; where members disagree the object stays, and the uncertainty shows it.
    max_hole_um2
        Holes up to this many µm², and what lies in them, become part of the object around them: a
        lumen belongs to its gland.

    Raises
    ------
    ValueError
        If a value is not finite or out of its range.
    """

    threshold: float = 0.5
    seed_threshold: float = 0.5
    separator_weight: float = 1.0
    bridge_um: float = 0.0
    min_seed_um2: float = 100.0
    min_area_um2: float = 150.0
    min_confidence: float = 0.7
    max_hole_um2: float = 5000.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            upper = 1.0 if field.name in ("threshold", "min_confidence") else math.inf
            lowest = -math.inf if field.name == "seed_threshold" else 0.0
            if not (math.isfinite(value) and lowest <= value <= upper):
                raise ValueError(f"the instance option {field.name} cannot be {value}")


class Instances(NamedTuple):
    """Labelled objects, and how many were found and not kept.

    Attributes
    ----------
    labels
        ``(H, W) int32``, 0 for background, objects 1 to N without a gap. Every object is
        4-connected, and lies where the probability reaches the threshold or in a filled hole.
    faint
        Objects large enough but below ``min_confidence``.
    """

    labels: Labels
    faint: int


def instances(
    probability: Map, separator: Map, pixel_size: float, options: InstanceOptions | None = None
) -> Labels:
    """Label the objects in the maps of one member; see `find_instances`."""
    return find_instances(probability, separator, pixel_size, options).labels


def find_instances(
    probability: Map,
    separator: Map,
    pixel_size: float,
    options: InstanceOptions | None = None,
    uncertainty: Map | None = None,
) -> Instances:
    """Find the objects in a pair of maps.

    Parameters
    ----------
    probability, separator
        ``(H, W) float32`` in 0 to 1, means over the members.
    pixel_size
        Of these maps, in µm.
    options
        The defaults if None.
    uncertainty
        ``(H, W) float32``, standard deviation over the members; None stands for zeros, as of one
        member.
    """
    options = options or InstanceOptions()
    area = pixel_size * pixel_size
    mask = np.asarray(probability >= options.threshold)
    landscape = probability - np.float32(options.separator_weight) * separator
    seeds = mask & (landscape >= options.seed_threshold)
    if options.bridge_um > 0:
        seeds = _without_bridges(seeds, options.bridge_um / pixel_size)
    labels = _share_out(mask, seeds, landscape, options.min_seed_um2 / area)
    sure = probability if uncertainty is None else probability + uncertainty
    confident = _confidence(labels, sure, mask) >= options.min_confidence
    labels = _fill(labels, options.min_area_um2 / area, options.max_hole_um2 / area)
    return _drop(labels, options.min_area_um2 / area, confident)


def _without_bridges(seeds: Mask, width: float) -> Mask:
    """Keep what is further than half the width (in pixels) from everything outside the seeds."""
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(seeds)
    return np.asarray(distance > width / 2)


def _share_out(mask: Mask, seeds: Mask, landscape: Map, min_seed: float) -> Labels:
    """Label the components of the mask; one with several seeds is shared among them."""
    from scipy import ndimage

    components, n_components = _label(mask)
    seed_labels, n_seeds = _label(seeds)
    big = np.bincount(seed_labels.ravel(), minlength=n_seeds + 1) >= min_seed
    big[0] = False
    home = np.zeros(n_seeds + 1, dtype=np.intp)
    home[seed_labels[seeds]] = components[seeds]
    several = np.bincount(home[big], minlength=n_components + 1) >= 2
    several[0] = False
    if not several.any():
        return components
    shared = several[components]
    (box,) = ndimage.find_objects(shared.astype(np.uint8))
    inside = shared[box]
    seed_labels = np.where(inside & big[seed_labels[box]], seed_labels[box], 0)
    parts = _flood(inside, seed_labels, landscape[box])
    components[box] = np.where(inside, parts + n_components, components[box])
    return components


def _flood(mask: Mask, seeds: Labels, landscape: Map) -> Labels:
    """Extend the seeds over the mask, downhill; each component of the mask has a seed.

    Only the rim of the seeds enters the watershed: what lies within a seed is known already, and
    is most of the area.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    todo = mask & (seeds == 0)
    rim = np.where(ndimage.binary_dilation(todo), seeds, 0)
    flooded = watershed(-landscape, rim, mask=todo | (rim > 0), connectivity=1)
    return np.where(todo, flooded, seeds).astype(np.int32)


def _fill(labels: Labels, min_area: float, max_hole: float) -> Labels:
    """Fill the holes of each object that could still reach `min_area`, all in pixels, in place."""
    from scipy import ndimage

    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or _size(box) < max(min_area, 9):
            continue
        around = np.pad(labels[box] != index, 1, constant_values=True)
        holes, n_holes = ndimage.label(around, _DIAGONAL)
        if n_holes < 2:
            continue
        sizes = np.bincount(holes.ravel())
        fill = sizes <= max_hole
        fill[[0, holes[0, 0]]] = False
        labels[box][fill[holes[1:-1, 1:-1]]] = index
    return labels


def _confidence(labels: Labels, sure: Map, mask: Mask) -> NDArray[np.float64]:
    """Mean of a map for each label over the pixels of the mask; 0 for a label without any."""
    chosen = labels[mask]
    count = np.bincount(chosen, minlength=int(labels.max(initial=0)) + 1)
    total = np.bincount(chosen, sure[mask], minlength=len(count))
    return np.asarray(total / np.maximum(count, 1))


def _drop(labels: Labels, min_area: float, confident: Mask) -> Instances:
    """Drop objects below an area in pixels or not confident; number the others from 1, no gap.

    A label that was swallowed with a hole it lay in is gone from `labels`, but still counted in
    `confident`.
    """
    sizes = np.bincount(labels.ravel(), minlength=len(confident))
    large = sizes >= max(min_area, 1)
    large[0] = False
    keep = large & confident
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return Instances(numbers[labels], int(np.count_nonzero(large & ~confident)))


def _label(mask: Mask) -> tuple[Labels, int]:
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    return labels.astype(np.int32, copy=False), int(count)


def _size(box: tuple[slice, ...]) -> int:
    return int(np.prod([side.stop - side.start for side in box]))


def options_from_dict(values: dict[str, Any]) -> InstanceOptions:
    """Make options from what a file recorded; unknown names are ignored.

    Raises
    ------
    ValueError
        If a value is no number or out of range.
    """
    known = {field.name for field in fields(InstanceOptions)}
    chosen = {name: value for name, value in values.items() if name in known}
    for name, value in chosen.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"the instance option {name} is not a number")
    return InstanceOptions(**{name: float(value) for name, value in chosen.items()})
