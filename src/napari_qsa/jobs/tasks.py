"""What the engine's child is asked to do; importing this loads neither torch nor a runtime."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_qsa.jobs.progress import report

if TYPE_CHECKING:
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.ensemble.prediction import Prediction


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


def _report_tiles(done: int, total: int) -> None:
    report(done / total, "Segmenting")


def _loaded(ensemble: str) -> "Ensemble":
    """Return the ensemble, from memory unless its file has changed."""
    from napari_qsa.ensemble import shipped

    path = shipped.resolve(ensemble)
    status = path.stat()
    return _load(str(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _load(path: str, changed: int, size: int) -> "Ensemble":
    from napari_qsa.ensemble.ensemble import Ensemble

    return Ensemble.load(path)
