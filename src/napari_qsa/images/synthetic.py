"""Synthetic images of colon glands in H&E: for tests and samples, never for claims.

Nothing measured on these images says anything about real tissue.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_qsa.images import synthetic_shapes as shapes
from napari_qsa.images import synthetic_stain as stain
from napari_qsa.images.glas import GRADES_FILE
from napari_qsa.images.synthetic_shapes import Floats

MARGIN = 48
"""Glands reach this far beyond the image, whose edge cuts them."""

# Optical densities of red, green and blue for one unit of a stain.
HAEMATOXYLIN = np.array([0.62, 0.74, 0.36])
EOSIN = np.array([0.10, 0.62, 0.26])

GRADES = ("benign", "malignant")
HISTOLOGY = {"benign": "healthy", "malignant": "moderately differentiated"}


def synthetic_glas(
    n: int, seed: int, shape: tuple[int, int] = (522, 775)
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32], str]]:
    """Draw images of glands, at the scale of GlaS.

    Image ``i`` depends on the seed, ``i`` and `shape`, not on `n`.

    Parameters
    ----------
    n : int
        How many images.
    seed : int
        At least 0.
    shape : (height, width)
        In pixels of 0.62 µm; at least 32 each.

    Yields
    ------
    image : (H, W, 3) uint8
    labels : (H, W) int32
        0 is background, glands are 1 to N.
    grade : {"benign", "malignant"}
    """
    if min(shape) < 32:
        raise ValueError(f"shape must be at least (32, 32), not {shape}")
    for index in range(n):
        random = np.random.default_rng([seed, index])
        grade = _grade(index)
        image, labels = _draw(random, shape, grade == "malignant")
        yield image, labels, grade


def write_synthetic_glas(
    folder: str | Path, n: int, seed: int, shape: tuple[int, int] = (522, 775)
) -> None:
    """Write synthetic images as the GlaS challenge lays them out.

    ``train_1.bmp``, ``train_1_anno.bmp``, ... and ``Grade.csv``, with some patients of two
    images. The same arguments give the same bytes.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    from PIL import Image

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    for index, (pixels, labels, grade) in enumerate(synthetic_glas(n, seed, shape)):
        name = f"train_{index + 1}"
        Image.fromarray(pixels).save(folder / f"{name}.bmp")
        Image.fromarray(labels.astype(np.uint8)).save(folder / f"{name}_anno.bmp")
        rows.append(f"{name},{_patient(index)}, {grade}, {HISTOLOGY[grade]}")
    table = "".join(f"{row}\r\n" for row in rows)
    (folder / GRADES_FILE).write_bytes(table.encode())


def _patient(index: int) -> int:
    """Give the patient's number: of four images, the first two are of one patient."""
    return index * 3 // 4 + 1


def _grade(index: int) -> str:
    return GRADES[(_patient(index) - 1) % 2]


def _draw(
    random: np.random.Generator, shape: tuple[int, int], malignant: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    canvas = (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN)
    window = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    labels = np.zeros(canvas, dtype=np.int32)
    while not labels[window].any():  # a small window may miss all glands
        outlines = shapes.pack(random, canvas, malignant)
        labels = shapes.label(random, canvas, outlines, 4.0 if malignant else 2.0)
    depth, angles, core = _depths(labels)
    stains = stain.paint_stroma(random, canvas)
    _paint_halo(random, stains, labels)
    if malignant:
        stain.paint_tumour(random, stains, depth, angles)
    else:
        stain.paint_crypts(random, stains, depth, angles, core)
    image = _develop(random, stains)
    return image[window].copy(), _consecutive(labels[window])


def _depths(labels: NDArray[np.int32]) -> tuple[Floats, Floats, Floats]:
    """Distance to each gland's edge, the direction inwards, and the relative depth."""
    from scipy import ndimage

    edge = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        edge |= np.pad(differs, [(0, 1) if axis == other else (0, 0) for other in (0, 1)])
    depth = ndimage.distance_transform_edt((labels > 0) & ~edge)
    slope = [ndimage.gaussian_filter(depth, 3, order=order) for order in ((1, 0), (0, 1))]
    largest = np.ones(int(labels.max()) + 1)
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is not None:
            largest[number] = depth[window][labels[window] == number].max()
    core = depth / np.maximum(largest, 1)[labels]
    return depth, np.arctan2(slope[0], slope[1]), core


def _paint_halo(
    random: np.random.Generator, stains: stain.Stains, labels: NDArray[np.int32]
) -> None:
    """Paint the clefts that shrinking tissue leaves around some glands."""
    from scipy import ndimage

    outside = ndimage.distance_transform_edt(labels == 0)
    shape = (labels.shape[0], labels.shape[1])
    width = random.uniform(-6, 1) + 6 * shapes.noise(random, shape, 40)
    cleft = np.where(outside > 1, stain.soft(width - outside, 1.2), 0.0)
    stains.wash(0.9 * cleft, 0.02, 0.05)


def _develop(random: np.random.Generator, stains: stain.Stains) -> NDArray[np.uint8]:
    """Turn concentrations into RGB: a laboratory's stain, a scanner's optics and noise."""
    from scipy import ndimage

    vectors = []
    for vector in (HAEMATOXYLIN, EOSIN):
        turned = vector * np.exp(random.normal(0, 0.10, 3))
        vectors.append(turned / turned.sum() * vector.sum())
    amounts = np.exp(random.normal(0.0, 0.14, 2))
    blur = random.uniform(0.6, 0.9)
    shape = (stains.eosin.shape[0], stains.eosin.shape[1])
    uneven = 1 + 0.04 * shapes.noise(random, shape, 160)
    density = (
        amounts[0] * ndimage.gaussian_filter(stains.haematoxylin, blur)[..., None] * vectors[0]
        + amounts[1] * ndimage.gaussian_filter(stains.eosin, blur)[..., None] * vectors[1]
    )
    white = random.uniform(0.93, 0.99) * np.array([1.0, 0.985, 0.995])
    light = white * 10 ** -(density * uneven[..., None])
    light += random.normal(0, 0.012, light.shape)
    return np.asarray(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8))


def _consecutive(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    present = np.unique(labels)
    numbers = np.zeros(int(present.max(initial=0)) + 1, dtype=np.int32)
    numbers[present[present > 0]] = np.arange(1, np.count_nonzero(present) + 1)
    return numbers[labels]
