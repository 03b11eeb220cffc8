"""An engine over all tiles of an image, a row of tiles at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.engines import Engine, TileOutput
from napari_qsa.ensemble.prediction import Progress
from napari_qsa.ensemble.tiles import Span, padded, reflected, spans
from napari_qsa.metrics.member_scores import gradient_sums

Array = NDArray[np.float32]


@dataclass
class Sweep:
    """Iterate over bands of maps on the networks' grid; the vectors are complete afterwards.

    Attributes
    ----------
    grid
        ``(h, w, C) float32`` in 0 to 1.
    card
        Of the ensemble.
    engine
        Runs the tiles.
    members
        Which members to run.
    max_side
        Of a tile with its halo.
    tta
        Average each member over the 8 flips and quarter turns of every tile.
    progress
        Called before the first and after every tile.
    descriptor
        ``(D,) float32``: mean over members of the mean of the features over the whole image, each
        tile giving the features of its core; so it does not depend on the tiling, but for what
        the halo leaves.
    embedding
        ``(2 D,) float32``: mean over the pixels of `gradient_sums`, tile by tile as the descriptor.
    """

    grid: Array
    card: EnsembleCard
    engine: Engine
    members: Sequence[int]
    max_side: int
    tta: bool = False
    progress: Progress | None = None
    descriptor: Array | None = None
    embedding: Array | None = None

    def __iter__(self) -> Iterator[Array]:
        """Yield ``(M + 1, n, w) float32`` from top to bottom.

        The M probability maps of the members, then the mean separator.
        """
        height, width, _ = self.grid.shape
        stride, halo = self.card.stride, self.card.halo
        rows = spans(padded(height, stride), stride, halo, self.max_side)
        columns = spans(padded(width, stride), stride, halo, self.max_side)
        total, done = len(rows) * len(columns), 0
        self._report(0, total)
        features: list[NDArray[np.float64]] = []
        gradients: list[NDArray[np.float64]] = []
        for row in rows:
            band = np.empty(
                (len(self.members) + 1, row.stop - row.start, padded(width, stride)), np.float32
            )
            for column in columns:
                output = self._run(self._tile(row, column))
                core = (slice(None), row.core, column.core)
                kept = band[:, :, column.start : column.stop]
                kept[:-1] = output.probability[core]
                kept[-1] = output.separator[core].mean(axis=0)
                features.append(_core_features(output.features, row, column))
                counted = np.zeros_like(output.probability)
                counted[core] = output.probability[core]
                gradients.append(gradient_sums(counted, output.features))
                done += 1
                self._report(done, total)
            yield band[:, : height - row.start, :width]
        area = padded(height, stride) * padded(width, stride)
        self.descriptor = np.asarray(np.sum(features, axis=0) / area, dtype=np.float32)
        self.embedding = np.asarray(np.sum(gradients, axis=0) / area, dtype=np.float32)

    def _report(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total)

    def _tile(self, row: Span, column: Span) -> Array:
        """Cut a normalised ``(C, h, w)`` tile out of the image, padded by reflection."""
        height, width, _ = self.grid.shape
        rows = reflected(height, self.card.stride)[row.left : row.right]
        columns = reflected(width, self.card.stride)[column.left : column.right]
        tile = self.grid[rows[:, None], columns]
        mean = np.array(self.card.mean, dtype=np.float32)
        std = np.array(self.card.std, dtype=np.float32)
        return np.ascontiguousarray(((tile - mean) / std).transpose(2, 0, 1))

    def _run(self, tile: Array) -> TileOutput:
        if not self.tta:
            return self.engine.run(tile, self.members)
        parts = [
            [_turned_back(part, turns, flip) for part in self.engine.run(turned, self.members)]
            for turns in range(4)
            for flip in (False, True)
            for turned in [_turned(tile, turns, flip)]
        ]
        return TileOutput(*(np.mean(alike, axis=0) for alike in zip(*parts, strict=True)))


def _turned(array: Array, turns: int, flip: bool) -> Array:
    """Turn the last two axes by quarter turns, then mirror the last."""
    turned = np.rot90(array, turns, axes=(-2, -1))
    return turned[..., ::-1] if flip else turned


def _turned_back(array: Array, turns: int, flip: bool) -> Array:
    return np.rot90(array[..., ::-1] if flip else array, -turns, axes=(-2, -1))


def _core_features(features: Array, row: Span, column: Span) -> NDArray[np.float64]:
    """Mean over members of the mean over a tile's core, times the core's area; ``(D,)``."""
    area = (row.stop - row.start) * (column.stop - column.start)
    cells = [
        slice(span.core.start * count // side, -(-span.core.stop * count // side))
        for span, count in zip((row, column), features.shape[2:], strict=True)
        for side in [span.right - span.left]
    ]
    core = features[:, :, cells[0], cells[1]]
    return np.asarray(core.mean(axis=(0, 2, 3), dtype=np.float64) * area)
