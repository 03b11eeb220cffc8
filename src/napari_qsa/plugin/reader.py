"""Open an image of the GlaS challenge together with its labels.

There is no reader for a folder: napari would open its images, all of other sizes, as 170 layers
on top of each other.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_qsa.images.glas import GLAS_PIXEL_SIZE, glas_part
from napari_qsa.images.labels import read_labels
from napari_qsa.images.reading import read_image

LayerData = tuple[Any, dict[str, Any], str]
ReadFunction = Callable[[str | Sequence[str]], list[LayerData]]
LABELS_SUFFIX = "_anno"


def get_reader(path: str | Sequence[str]) -> ReadFunction | None:
    """Return a function that reads `path`, or None if its name is not one of GlaS."""
    paths = [path] if isinstance(path, str) else list(path)
    stems = [Path(one).stem.removesuffix(LABELS_SUFFIX) for one in paths]
    return read if paths and all(glas_part(stem) for stem in stems) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read images, each with its labels if they lie beside it, or labels alone.

    Raises
    ------
    ImageError
        If a file is missing or damaged, or the labels have another size than their image.
    """
    paths = [path] if isinstance(path, str) else path
    return [layer for one in paths for layer in _read_one(Path(one))]


def place(pixel_size: float | None) -> dict[str, Any]:
    """Return what tells napari the size of a layer's pixels."""
    if pixel_size is None:
        return {}
    return {"scale": (pixel_size, pixel_size), "units": ("um", "um")}


def _read_one(path: Path) -> list[LayerData]:
    if path.stem.endswith(LABELS_SUFFIX):
        return [_labels(path, None)]
    pixels = read_image(path).pixels
    layers: list[LayerData] = [
        (pixels, {"name": path.stem, "rgb": True, **place(GLAS_PIXEL_SIZE)}, "image")
    ]
    labels = path.with_name(f"{path.stem}{LABELS_SUFFIX}{path.suffix}")
    if labels.is_file():
        layers.append(_labels(labels, (pixels.shape[0], pixels.shape[1])))
    return layers


def _labels(path: Path, shape: tuple[int, int] | None) -> LayerData:
    return read_labels(path, shape), {"name": path.stem, **place(GLAS_PIXEL_SIZE)}, "labels"
