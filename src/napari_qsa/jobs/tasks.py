"""What the engine's child is asked to do; importing this loads neither torch nor a runtime."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.jobs.progress import report

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.prediction import Prediction
    from napari_qsa.metrics.member_scores import MemberScores


@dataclass(frozen=True)
class ImageScore:
    """What an ensemble says of an image as a whole.

    Attributes
    ----------
    uncertainty
        Mean over the pixels, 0 to 0.5.
    n_glands
        How many were found.
    descriptor
        ``(D,) float32``.
    pixel_size
        The one the image was taken to have, in µm.
    scores, embedding
        See `napari_qsa.ensemble.prediction.Prediction`.
    small : (h, w) uint8 or None
        Where the ensemble is unsure, see `napari_qsa.metrics.small_map.small_map`.
    """

    uncertainty: float
    n_glands: int
    descriptor: NDArray[np.float32]
    pixel_size: float
    scores: "MemberScores | None" = None
    embedding: NDArray[np.float32] | None = None
    small: NDArray[np.uint8] | None = None


def warm_up(ensemble: str) -> None:
    """Load an ensemble and keep it, so that the first image need not wait for it.

    Parameters
    ----------
    ensemble
        A shipped name or the path of a file.

    Raises
    ------
    EnsembleFileError
        If there is none, or it is damaged.
    """
    _loaded(ensemble)


def segment(
    pixels: NDArray[Any],
    ensemble: str,
    pixel_size: float | None = None,
    tta: bool = False,
    full_scale: int | None = None,
) -> "Prediction":
    """Segment one image.

    Parameters
    ----------
    pixels : (H, W, C) uint8 or uint16
        C is 1 or 3.
    ensemble
        A shipped name or the path of a file.
    pixel_size
        In µm; None where it is unknown: the ensemble's source pixel size is assumed.
    tta
        Average over flips and rotations; slower, a little better.
    full_scale
        The value of the pixels that is 1 to the networks, see `Image`.
    """
    from napari_qsa.images.reading import Image

    report(None, "Loading the model")
    loaded = _loaded(ensemble)
    report(0.0, "Segmenting")
    image = Image(pixels, pixel_size, full_scale=full_scale)
    return loaded.predict(image, tta=tta, progress=_report_tiles)


def segment_file(
    path: str,
    page: int | None,
    ensemble: str,
    pixel_size: float | None = None,
    tta: bool = False,
) -> "Prediction":
    """Segment the image in a file; it is read here, so that its pixels cross no pipe.

    Parameters
    ----------
    path, page
        The file, and the page of a stack, counted from 0.
    ensemble, pixel_size, tta
        As in `segment`; without a pixel size the file's own is taken, if it says one.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    from napari_qsa.images.reading import read_image

    report(None, "Loading the model")
    loaded = _loaded(ensemble)
    report(0.0, "Reading the image")
    image = read_image(Path(path), page)
    return loaded.predict(image, pixel_size, tta, progress=_report_tiles)


def score_file(
    path: str, page: int | None, ensemble: str, pixel_size: float | None = None
) -> ImageScore:
    """Segment the image in a file, see `segment_file`, and give what sums it up."""
    from napari_qsa.metrics.small_map import small_map

    found = segment_file(path, page, ensemble, pixel_size)
    n_glands = int(found.labels.max(initial=0))
    return ImageScore(
        found.image_uncertainty,
        n_glands,
        found.descriptor,
        found.pixel_size,
        found.scores,
        found.embedding,
        small_map(found.uncertainty),
    )


def _report_tiles(done: int, total: int) -> None:
    report(done / total, "Segmenting")


def _loaded(ensemble: str) -> "Ensemble":
    """Return the ensemble, from memory unless its file has changed."""
    from napari_qsa.ensemble import shipped

    path = shipped.resolve(ensemble)
    status = path.stat()
    return _load(str(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)  # one that suggests, one that segments
def _load(path: str, changed: int, size: int) -> "Ensemble":
    from napari_qsa.ensemble.ensemble import Ensemble

    return Ensemble.load(path)
