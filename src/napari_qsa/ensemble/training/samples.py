"""Training images on the network's grid, and which member learns from which."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_qsa.ensemble.scale import common_pixel_size, is_far, looks_as_is
from napari_qsa.ensemble.source import MAX_PIXELS
from napari_qsa.ensemble.training.bootstrap import bootstrap_count, image_key
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.targets import training_maps
from napari_qsa.errors import TrainingError
from napari_qsa.images import Dataset, Item, patient_folds, rescale, to_unit
from napari_qsa.images.files import is_volume
from napari_qsa.images.identity import sha256
from napari_qsa.images.nifti import nifti_pixel_size
from napari_qsa.images.pixel_size import LARGEST
from napari_qsa.wording import form, named


@dataclass(frozen=True)
class TrainingImage:
    """One image and its targets on the network's grid.

    Attributes
    ----------
    name, sha256 : str
        Who it is; the sum is of the file's bytes.
    fold : int
        Fold of its patient; -1 where there are no folds.
    stack : Tensor, shape (C + 2, H, W) or (C + 3, H, W), uint8
        The channels of the image (255 times [0, 1]), then gland and separator (255 times share),
        then, where not all of it is, what was reviewed (255 or 0).
    page : int or None
        Of a stack; its pages share the sum of their file.
    source_pixel_size : float or None
        µm of a pixel of the file; None where nobody says, and one is assumed.
    """

    name: str
    sha256: str
    fold: int
    stack: Tensor
    page: int | None = None
    source_pixel_size: float | None = None

    @property
    def key(self) -> str:
        """What tells it from every other image, whatever it is called."""
        return image_key(self.sha256, self.page)


def load_training_images(
    dataset: Dataset, options: TrainingOptions, in_channels: int = 3
) -> list[TrainingImage]:
    """Read every labelled image of a data set and bring it to the network's grid.

    Raises
    ------
    TrainingError
        If no image has labels.
    ImageError
        If a file cannot be read.
    """
    items = [item for item in dataset.items if item.label is not None]
    if not items:
        raise TrainingError(
            f"{dataset.root} holds no labelled image: put NAME_anno.bmp or NAME_labels.tif "
            "beside each image."
        )
    folds = patient_folds(items, options.folds, options.seed) if options.folds else {}
    images = []
    digests: dict[Path, str] = {}  # of files that hold many of the images
    for item in items:
        image = item.read()
        known = options.source_pixel_size or dataset.pixel_size or image.pixel_size
        factor = _factor(item, image.pixels.shape, known or options.assumed_pixel_size, options)
        labels = item.read_labels(image.pixels.shape[:2])
        reviewed = item.read_reviewed(image.pixels.shape[:2])
        unit = rescale(to_unit(image.pixels, in_channels, image.full_scale), factor)
        pixels = np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8).transpose(2, 0, 1)
        maps = training_maps(labels, factor, options.pixel_size, options.separator_reach, reviewed)
        stack = torch.from_numpy(np.concatenate([pixels, maps]))
        fold = folds.get(item.name, -1)
        digest = digests.get(item.image) or sha256(item.image)
        digests[item.image] = digest
        images.append(TrainingImage(item.name, digest, fold, stack, item.page, known))
    return images


def fitted_to_volumes(dataset: Dataset, options: TrainingOptions) -> TrainingOptions:
    """Let networks that are trained on volumes look at them pixel by pixel.

    Where all labelled images are volumes' that the grid was not made for, it becomes their
    median pixel size, and what is said in µm of it grows in proportion. A pixel size that is
    given for all images is that of volumes too.

    Raises
    ------
    ImageError
        If the header of a volume cannot be read.
    TrainingError
        If only some of the images say that they are such volumes', and others say nothing.
    """
    items = [item for item in dataset.items if item.label is not None]
    if (given := options.source_pixel_size) is not None:
        sizes = [given if is_volume(item.image) else None for item in items]
    else:
        sizes = [item.volume_pixel_size() for item in items]
    grid = common_pixel_size(sizes, options.pixel_size)
    if grid is None:
        if given is None and dataset.pixel_size is None:
            _check_known(items, sizes, options)
        return options
    reach = options.separator_reach * grid / options.pixel_size
    return replace(options, pixel_size=grid, separator_reach=reach)


def _check_known(
    items: Sequence[Item], sizes: Sequence[float | None], options: TrainingOptions
) -> None:
    """Refuse volumes without a pixel size among those with one, as no grid fits both."""
    known = [size for size in sizes if looks_as_is(size, options.pixel_size)]
    if not known:
        return
    volumes = dict.fromkeys(
        item.image for item in items if item.pixel_size is None and is_volume(item.image)
    )
    if unknown := [path for path in volumes if nifti_pixel_size(path) is None]:
        size = statistics.median(filter(None, known))
        raise TrainingError(
            f"{named(unknown)} {form(len(unknown), 'does', 'do')} not say a pixel size, "
            f"while others are volumes of {size:g} µm: give one by --pixel-size, of `train` for "
            "all images, of `project set` for those that do not say theirs."
        )


def _factor(
    item: Item, shape: tuple[int, ...], pixel_size: float, options: TrainingOptions
) -> float:
    """Say how much larger an image is on the network's grid; refuse what cannot be meant."""
    factor = pixel_size / options.pixel_size
    if is_far(pixel_size, options.pixel_size) or factor * factor * shape[0] * shape[1] > MAX_PIXELS:
        remedy = "give the right one (--pixel-size)"
        if pixel_size > LARGEST:
            remedy = f"train on volumes alone, or {remedy}"
        raise TrainingError(
            f"{item.image} has a pixel size of {pixel_size:g} µm, too far from the "
            f"{options.pixel_size:g} µm of the network's grid: {remedy}."
        )
    return factor


def median_pixel_size(images: Sequence[TrainingImage], options: TrainingOptions) -> float:
    """Give the median of the pixel sizes that training images were read with, in µm."""
    return statistics.median(
        image.source_pixel_size or options.assumed_pixel_size for image in images
    )


def assumption(images: Sequence[TrainingImage], options: TrainingOptions) -> tuple[str, ...]:
    """Say in a sentence what pixel size is assumed, if one is."""
    unknown = [image.name for image in images if image.source_pixel_size is None]
    if not unknown:
        return ()
    return (
        f"The pixel size of {len(unknown)} of {len(images)} images is unknown: "
        f"{options.assumed_pixel_size:g} µm is assumed of {named(unknown)}; --pixel-size of "
        "`train`, or of `project set`, says it.",
    )


def left_out(dataset: Dataset) -> tuple[str, ...]:
    """Say in sentences what a data set holds that is not trained on."""
    said = (*dataset.problems, *dataset.notes)
    unlabelled = sum(item.label is None for item in dataset.items)
    if not unlabelled:
        return said
    count = f"{unlabelled} of {len(dataset.items)} images"
    return (*said, f"{count} have no labels: they are not trained on.")


def member_counts(
    images: Sequence[TrainingImage], options: TrainingOptions, member: int
) -> NDArray[np.float64]:
    """Weight of each image in a member's draws, shape (n,), not all zero.

    Raises
    ------
    TrainingError
        If a fold leaves no image to train on.
    """
    if options.folds and options.fold is None:
        held_out = member % options.folds
        counts = np.array([float(image.fold != held_out) for image in images])
        if not counts.any():
            raise TrainingError(f"Fold {held_out} holds every image; use fewer folds.")
        return counts
    allowed = np.array(
        [float(options.fold is None or image.fold != options.fold) for image in images]
    )
    if not allowed.any():
        raise TrainingError(f"Fold {options.fold} holds every image; use fewer folds.")
    if not options.bootstrap:
        return allowed
    counts = np.array([bootstrap_count(options.seed, member, image.key) for image in images])
    return counts * allowed if (counts * allowed).any() else allowed
