"""Where the glands of a synthetic image lie: outlines, packing and the label map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COARSE = 4
"""Outlines are packed on a grid this many times coarser."""

MOST_OVERLAP = 0.04
"""Share of a new outline that may lie on earlier ones; the nearer gland then has the pixel."""


@dataclass(frozen=True)
class Outline:
    """A wavy ellipse.

    Attributes
    ----------
    centre : (y, x)
        In pixels.
    axes : (along, across)
        Semi-axes in pixels.
    angle : float
        Of the long axis, in radians from x to y.
    waves : (K, 2) float
        Relative amplitude and phase of the outline's harmonics 2, 3, ...
    """

    centre: tuple[float, float]
    axes: tuple[float, float]
    angle: float
    waves: Floats

    def distance(self, y: Floats, x: Floats) -> Floats:
        """Relative distance of points from the centre: 1 on the outline."""
        dy, dx = y - self.centre[0], x - self.centre[1]
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        along = (cosine * dx + sine * dy) / self.axes[0]
        across = (cosine * dy - sine * dx) / self.axes[1]
        distance = np.hypot(along, across)
        turn = (along + 1j * across) / np.maximum(distance, 1e-9)
        power, radius = turn, np.ones_like(distance)
        for amplitude, phase in self.waves:
            power = power * turn  # its angle is the next harmonic's
            radius += amplitude * (np.cos(phase) * power.real - np.sin(phase) * power.imag)
        return np.asarray(distance / radius)


def noise(
    random: np.random.Generator, shape: tuple[int, int], scale: float | tuple[float, float]
) -> Floats:
    """Draw smooth noise of about zero mean and unit deviation.

    Parameters
    ----------
    random : numpy.random.Generator
    shape : (height, width)
    scale : float or (float, float)
        Size of its blobs in pixels, by axis.
    """
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    rows, columns = (
        _spline(size / step, size, random.random())
        for size, step in zip(shape, scales, strict=True)
    )
    nodes = random.standard_normal((rows.shape[1], columns.shape[1]))
    field = rows @ nodes @ columns.T
    return np.asarray(field / np.sqrt((field**2).mean()))


def _spline(nodes: float, size: int, start: float) -> Floats:
    """Build the matrix that draws a cubic B-spline of so many nodes at `size` points."""
    places = start + np.arange(size) * (nodes / size)
    first = np.floor(places).astype(np.intp)
    t = places - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    matrix = np.zeros((size, int(first[-1]) + 4))
    for offset, weight in enumerate(weights):
        matrix[np.arange(size), first + offset] = weight / 6
    return matrix


def pack(random: np.random.Generator, shape: tuple[int, int], malignant: bool) -> list[Outline]:
    """Fill an area with outlines, many of them touching.

    Benign crypts are alike, of one orientation and close; malignant glands are irregular, of
    all sizes.
    """
    grid = np.mgrid[0 : shape[0] : COARSE, 0 : shape[1] : COARSE].astype(np.float64)
    taken = np.zeros(grid.shape[1:], dtype=bool)
    field_angle = random.uniform(0, np.pi)
    size = random.uniform(40, 58) if not malignant else random.uniform(48, 70)
    stretch = random.uniform(1.1, 1.9)
    fill = random.uniform(0.42, 0.6)
    outlines: list[Outline] = []
    for _ in range(400):
        if taken.mean() > fill:
            break
        outline = _draw(random, shape, size, stretch, field_angle, malignant)
        if outlines and random.random() < 0.6:
            outline = _beside(random, outlines[random.integers(len(outlines))], outline)
        window = _window(outline, 1.6 * max(outline.axes), COARSE)
        inside = outline.distance(*grid[(slice(None), *window)]) < 1
        if inside.any() and (inside & taken[window]).sum() <= MOST_OVERLAP * inside.sum():
            taken[window] |= inside
            outlines.append(outline)
    return outlines


def _window(outline: Outline, reach: float, step: int) -> tuple[slice, slice]:
    """Slice what lies within `reach` of an outline's centre out of a grid of every `step`."""
    top, left = (max(0, int((middle - reach) / step)) for middle in outline.centre)
    bottom, right = (max(0, int((middle + reach) / step) + 1) for middle in outline.centre)
    return slice(top, bottom), slice(left, right)


def _draw(
    random: np.random.Generator,
    shape: tuple[int, int],
    size: float,
    stretch: float,
    field_angle: float,
    malignant: bool,
) -> Outline:
    spread = 0.35 if malignant else 0.12
    across = size * np.exp(random.normal(0, spread))
    along = across * stretch * np.exp(random.normal(0, spread))
    amplitudes = random.normal(0, 0.10 if malignant else 0.045, 4) / (1, 1.2, 1.6, 2)
    waves = np.stack([amplitudes, random.uniform(0, 2 * np.pi, 4)], axis=1)
    angle = field_angle + random.normal(0, 0.9 if malignant else 0.25)
    centre = (random.uniform(0, shape[0]), random.uniform(0, shape[1]))
    return Outline(centre, (float(along), float(across)), float(angle), waves)


def _beside(random: np.random.Generator, fixed: Outline, free: Outline) -> Outline:
    """Move an outline so that it touches another."""
    turn = random.uniform(0, 2 * np.pi)
    step = np.array([np.sin(turn), np.cos(turn)])
    reach = 0.0
    for outline in (fixed, free):
        ahead = step if outline is fixed else -step
        y, x = (np.array([outline.centre[axis] + ahead[axis]]) for axis in (0, 1))
        reach += 1 / float(outline.distance(y, x)[0])
    centre = np.array(fixed.centre) + step * (reach + random.uniform(-2, 2))
    return Outline((float(centre[0]), float(centre[1])), free.axes, free.angle, free.waves)


def label(
    random: np.random.Generator, shape: tuple[int, int], outlines: list[Outline], rough: float
) -> NDArray[np.int32]:
    """Rasterise outlines as ``(H, W)`` labels 1 to N, each one connected piece.

    Parameters
    ----------
    random : numpy.random.Generator
    shape : (height, width)
    outlines : list of Outline
    rough : float
        How far the outlines are bent, in pixels.
    """
    from scipy import ndimage

    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    y += rough * noise(random, shape, 28) + rough / 3 * noise(random, shape, 9)
    x += rough * noise(random, shape, 28) + rough / 3 * noise(random, shape, 9)
    nearest = np.ones(shape)
    labels = np.zeros(shape, dtype=np.int32)
    for number, outline in enumerate(outlines, start=1):
        window = _window(outline, 1.6 * max(outline.axes) + 4 * rough, 1)
        distance = outline.distance(y[window], x[window])
        nearer = distance < nearest[window]
        nearest[window][nearer] = distance[nearer]
        labels[window][nearer] = number
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        pieces, count = ndimage.label(labels[window] == number)
        if count > 1:
            largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
            labels[window][(pieces > 0) & (pieces != largest)] = 0
    return labels
