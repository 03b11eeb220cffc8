"""The selection step of an ablation: which images suggestive networks pick, worked out once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import QsaError
from napari_qsa.formats.atomic import replacing
from napari_qsa.images import Dataset, Item, rescale, to_unit
from napari_qsa.suggestion import rank

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Selection:
    """What suggestive networks picked.

    Attributes
    ----------
    picks : tuple of str
        Names, in the order picked.
    uncertainty : float
        Mean over the unannotated images.
    """

    picks: tuple[str, ...]
    uncertainty: float


def digest_of(names: Iterable[str]) -> str:
    """Give a short name for a set of images, whatever their order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]


def read_pool(
    dataset: Dataset, pool: Sequence[Item], options: TrainingOptions
) -> dict[str, Pixels]:
    """Read the images of a pool once, ``(h, w, 3)`` on the grid of the networks, in 0 to 1.

    There they are ranked: the mean uncertainty over the grid is that over the image, but for the
    interpolation, and costs a fraction.
    """
    images = {}
    for item in pool:
        image = item.read()
        known = options.source_pixel_size or dataset.pixel_size or image.pixel_size
        factor = (known or options.assumed_pixel_size) / options.pixel_size
        unit = to_unit(image.pixels, full_scale=image.full_scale)
        images[item.name] = np.clip(rescale(unit, factor), 0, 1)
    return images


def select(
    ensemble: Ensemble,
    images: Mapping[str, Pixels],
    start: Sequence[str],
    add: int,
    candidates: int,
) -> Selection:
    """Let suggestive annotation pick images that are not annotated yet (Yang et al., 2017).

    Parameters
    ----------
    ensemble
        Suggestive.
    images
        All of the pool by name, on the networks' grid.
    start
        Names of the annotated ones.
    add
        Images to pick.
    candidates
        K, the most uncertain ones among which they are picked.
    """
    names = list(images)
    grid = ensemble.card.pixel_size
    predictions = [ensemble.predict(image, pixel_size=grid) for image in images.values()]
    uncertainties = np.array([found.image_uncertainty for found in predictions])
    annotated = np.isin(names, list(start))
    ranking = rank(
        np.stack([found.descriptor for found in predictions]),
        uncertainties,
        annotated,
        k=add,
        candidates=candidates,
        count_annotated=False,  # as in the paper
    )
    return Selection(
        tuple(names[place] for place in ranking.picks.tolist()),
        float(uncertainties[~annotated].mean()),
    )


def write_selection(path: Path, selection: Selection) -> None:
    """Keep a selection beside the networks that made it."""
    values = {"picks": list(selection.picks), "uncertainty": selection.uncertainty}
    with replacing(path) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")


def read_selection(path: Path) -> Selection | None:
    """Read a selection; None if there is none yet.

    Raises
    ------
    QsaError
        If the file is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Selection(tuple(map(str, values["picks"])), float(values["uncertainty"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise QsaError(f"{path} is damaged ({error}); delete it to select again.") from error
