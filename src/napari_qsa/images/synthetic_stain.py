"""What fills the glands and the stroma of a synthetic image: stain concentrations."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_qsa.images.synthetic_shapes import Floats, noise


@dataclass
class Stains:
    """Concentrations of haematoxylin and eosin, ``(H, W)`` float, painted in place."""

    haematoxylin: Floats
    eosin: Floats

    def wash(self, where: Floats, haematoxylin: float | Floats, eosin: float | Floats) -> None:
        """Blend towards concentrations, by `where` in [0, 1]."""
        self.haematoxylin += where * (haematoxylin - self.haematoxylin)
        self.eosin += where * (eosin - self.eosin)


@dataclass(frozen=True)
class Cells:
    """Ellipses to paint.

    Attributes
    ----------
    centres : (N, 2) float
        y and x.
    axes : (N, 2) float
        Semi-axes along and across, in pixels.
    angles : (N,) float
        Of the first axis, in radians from x to y.
    weights : (N,) float
        How strongly each is seen, in [0, 1].
    """

    centres: Floats
    axes: Floats
    angles: Floats
    weights: Floats


def soft(values: Floats, width: float) -> Floats:
    """Turn a signed distance into a soft edge: 0 below ``-width``, 1 above `width`."""
    return np.asarray(np.clip(values / (2 * width) + 0.5, 0, 1))


def stamp(shape: tuple[int, int], cells: Cells, edge: float, rim: float = 0.0) -> Floats:
    """Draw ellipses with soft edges into an empty ``(H, W)`` map in [0, 1].

    `rim` is how much fainter the middle is than the edge.
    """
    canvas = np.zeros(shape)
    for (y, x), (along, across), angle, weight in zip(
        cells.centres, cells.axes, cells.angles, cells.weights, strict=True
    ):
        reach = max(along, across) + edge + 1
        top, left = max(0, int(y - reach)), max(0, int(x - reach))
        window = canvas[top : int(y + reach) + 2, left : int(x + reach) + 2]
        if window.size == 0:
            continue
        dy = np.arange(top, top + window.shape[0])[:, None] - y
        dx = np.arange(left, left + window.shape[1])[None, :] - x
        cosine, sine = np.cos(angle), np.sin(angle)
        radius = np.hypot((cosine * dx + sine * dy) / along, (cosine * dy - sine * dx) / across)
        body = soft((1 - radius) * min(along, across), edge)
        if rim:
            body *= 1 - rim * np.clip(1 - radius * radius, 0, 1)
        np.maximum(window, weight * body, out=window)
    return canvas


def scatter(
    random: np.random.Generator, where: NDArray[np.bool_], step: float, keep: float = 1.0
) -> Floats:
    """Draw ``(N, 2)`` points about `step` pixels apart, inside a mask."""
    rows, columns = np.mgrid[0 : where.shape[0] : step, 0 : where.shape[1] : step].astype(float)
    columns[1::2] += step / 2
    points = np.stack([rows.ravel(), columns.ravel()], axis=1)
    points += random.uniform(-0.38 * step, 0.38 * step, points.shape)
    points = points[random.random(len(points)) < keep]
    places = np.rint(points).astype(np.intp)
    inside = ((places >= 0) & (places < where.shape)).all(axis=1)
    points, places = points[inside], places[inside]
    return np.asarray(points[where[places[:, 0], places[:, 1]]])


def directed(
    random: np.random.Generator,
    centres: Floats,
    angles: Floats,
    axes: tuple[float, float],
    spread: float = 0.2,
    faint: float = 1.0,
) -> Cells:
    """Make cells that follow an ``(H, W)`` map of angles, of varying size and weight.

    The weights are uniform between `faint` and 1.
    """
    places = np.rint(centres).astype(np.intp)
    turned = angles[places[:, 0], places[:, 1]] + random.normal(0, 0.25, len(centres))
    sizes = np.array(axes) * np.exp(random.normal(0, spread, (len(centres), 2)))
    return Cells(centres, sizes, turned, random.uniform(faint, 1, len(centres)))


def paint_stroma(random: np.random.Generator, shape: tuple[int, int]) -> Stains:
    """Paint connective tissue: fibres, lymphocytes, spindle cells, blood, white clefts."""
    slow = noise(random, shape, 90)
    flow = np.pi / 2 + 0.9 * noise(random, shape, 150)
    fibres = 0.6 * noise(random, shape, (4, 22)) + 0.6 * noise(random, shape, (14, 5))
    grain = noise(random, shape, 2.5)
    stains = Stains(
        np.clip(0.09 + 0.03 * fibres + 0.03 * grain, 0.02, None),
        np.clip(0.42 + 0.09 * fibres + 0.05 * grain + 0.05 * slow, 0.05, None),
    )
    swollen = soft(slow + 0.5 * noise(random, shape, 30) - random.uniform(0.2, 1.0), 0.5)
    stains.wash(0.75 * swollen, 0.04, 0.10 + 0.03 * fibres)
    clefts = soft(noise(random, shape, (16, 46)) - random.uniform(1.0, 1.6), 0.12)
    clefts = np.maximum(clefts, soft(noise(random, shape, 24) - random.uniform(1.4, 2.0), 0.1))
    clefts = np.maximum(clefts, _paint_vessels(random, stains, flow))
    stains.wash(0.95 * clefts, 0.01, 0.015)
    blood = scatter(random, noise(random, shape, 60) > random.uniform(1.4, 2.2), 7)
    stains.wash(0.9 * stamp(shape, directed(random, blood, flow, (4, 3.4)), 0.8), 0.05, 0.95)
    crowd = noise(random, shape, 70) + random.uniform(0.0, 1.0)
    solid = clefts < 0.5
    lymphocytes = scatter(random, solid & (crowd > 0), 8.8, random.uniform(0.6, 0.95))
    sparse = scatter(random, solid, 17, 0.4)
    spindles = scatter(random, solid, 16, random.uniform(0.35, 0.7))
    for centres, axes, strength in (
        (spindles, (8.0, 2.3), 0.7),
        (np.concatenate([lymphocytes, sparse]), (3.9, 3.4), 0.9),
    ):
        cells = directed(random, centres, flow, axes, faint=0.6)
        nuclei = stamp(shape, cells, 1.0, rim=0.2)
        stains.wash(nuclei, strength * (0.95 + 0.12 * grain), 0.25)
    return stains


def _paint_vessels(random: np.random.Generator, stains: Stains, flow: Floats) -> Floats:
    """Paint the walls of vessels, and return the map of their white insides."""
    centres = scatter(random, np.ones(flow.shape, dtype=bool), 95, random.uniform(0.3, 0.8))
    vessels = directed(random, centres, flow, (20.0, 12.0), 0.45)
    shape = (flow.shape[0], flow.shape[1])
    wall = stamp(shape, replace(vessels, axes=vessels.axes + 5), 1.0)
    inside = stamp(shape, vessels, 1.0)
    grain = noise(random, shape, 3)
    stains.wash(0.9 * wall, 0.22 + 0.06 * grain, 0.55 + 0.08 * grain)
    lining = scatter(random, (wall > 0.5) & (inside < 0.5), 8, 0.8)
    stains.wash(stamp(shape, directed(random, lining, flow, (4.5, 2.4)), 1.0), 0.8, 0.3)
    return inside


def paint_crypts(
    random: np.random.Generator, stains: Stains, depth: Floats, angles: Floats, core: Floats
) -> None:
    """Paint benign glands: a rim of nuclei, goblet cells around a small lumen.

    Parameters
    ----------
    random : numpy.random.Generator
    stains : Stains
        Painted in place, where `depth` is above 0.
    depth : (H, W) float
        Distance to the gland's edge in pixels, 0 outside.
    angles : (H, W) float
        Direction towards the inside.
    core : (H, W) float
        `depth` over the largest one of the gland, in [0, 1].
    """
    shape = (depth.shape[0], depth.shape[1])
    inside = soft(depth - 1, 0.8)
    grain = noise(random, shape, 2.5)
    blotch = noise(random, shape, 12)
    stains.wash(inside, 0.24 + 0.05 * grain + 0.07 * blotch, 0.34 + 0.05 * blotch)
    wobble = depth + 1.6 * noise(random, shape, 6)
    goblets = directed(
        random,
        scatter(random, (wobble > 15) & (core < 0.86), 13.5, random.uniform(0.75, 0.97)),
        angles,
        (8.2, 6.0),
        0.2,
    )
    mucin = np.minimum(stamp(shape, goblets, 1.3), inside)
    stains.wash(0.95 * mucin, 0.06 + 0.03 * blotch + 0.02 * grain, 0.05)
    lumen = soft(core + 0.10 * noise(random, shape, 7) - random.uniform(0.84, 0.95), 0.05)
    stains.wash(np.where(depth > 14, lumen, 0.0), 0.04 + 0.02 * grain, 0.05)
    rim = scatter(random, (wobble > 3) & (wobble < random.uniform(9.5, 13)), 6.8, 0.85)
    cells = directed(random, rim, angles, (5.0, 3.4), faint=0.65)
    nuclei = stamp(shape, cells, 1.0, rim=0.3)
    stains.wash(np.minimum(nuclei, inside), 0.88 + 0.10 * grain, 0.22)
    strays = scatter(random, depth > 16, 30, 0.3)
    nuclei = stamp(shape, directed(random, strays, angles, (3.6, 3.0)), 1.0)
    stains.wash(np.minimum(nuclei, inside), 0.85, 0.25)


def paint_tumour(
    random: np.random.Generator, stains: Stains, depth: Floats, angles: Floats
) -> None:
    """Paint malignant glands: stratified long nuclei, wide lumens with debris.

    The parameters are those of `paint_crypts`.
    """
    shape = (depth.shape[0], depth.shape[1])
    inside = soft(depth - 0.5, 0.8)
    grain = noise(random, shape, 2.5)
    blotch = noise(random, shape, 14)
    stains.wash(inside, 0.27 + 0.05 * grain + 0.07 * blotch, 0.50 + 0.06 * blotch)
    thick = random.uniform(24, 34) + 5 * noise(random, shape, 35) + 2.2 * noise(random, shape, 7)
    lumen = soft(depth - thick, 1.2)
    holes = soft(noise(random, shape, 17) - random.uniform(1.5, 2.1), 0.08)
    lumen = np.maximum(lumen, np.where(depth > 12, holes, 0.0))
    stains.wash(lumen, 0.015, 0.02)
    layers = (depth > 2) & (depth < random.uniform(0.62, 0.85) * thick) & (lumen < 0.2)
    nuclei = directed(random, scatter(random, layers, 7.4, 0.82), angles, (7.0, 3.3), 0.25, 0.55)
    body = np.minimum(stamp(shape, nuclei, 1.0, rim=0.3), inside)
    stains.wash(body, 0.88 + 0.10 * grain, 0.32)
    debris = np.where(lumen > 0.8, soft(noise(random, shape, 13) - 0.5, 0.3), 0.0)
    stains.wash(0.8 * debris, 0.10 + 0.05 * grain, 0.34 + 0.08 * grain)
    dead = scatter(random, debris > 0.5, 9, 0.5)
    stains.wash(stamp(shape, directed(random, dead, angles, (2.9, 2.4)), 1.0), 0.8, 0.4)
