"""What an ablation over bit widths consists of: its options, its cells and its charts.

Xu et al. (CVPR 2018) show three bar charts: n-bit suggestive networks with segmentation networks
that are float or of 7 bits, n-bit segmentation networks behind suggestive ones that are float or
of 7 bits, both with one segmentation network, and the second again with five.

A *cell* is one pair of schemes and a number of segmentation networks:

1. A start of ``start`` images is drawn at random from the pool, which is all labelled images but
   those of the held-out fold of patients.
2. Suggestive FCNs of the cell's first scheme are trained on the start, each on a bootstrap.
3. They predict the rest of the pool, and suggestive annotation picks ``add`` more images.
4. Segmentation FCNs of the cell's second scheme are trained on start and picks, each on all of
   them, and the first ``members`` of them together are scored on the held-out fold.

One seed decides the start, the bootstraps, the crops and the first weights of all cells alike, so
cells are paired by seed. All schemes get the same phases: with portions of their own the number of
restarts would differ with the bits (INQ has 10 stages at 2 bits, 4 at 5 bits).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_qsa.ensemble.training.options import Role, TrainingOptions
from napari_qsa.errors import QsaError
from napari_qsa.quantization import weight_scheme
from napari_qsa.quantization.inq import inq_portions

CONTROL = "float-restarts"


@dataclass(frozen=True, order=True)
class Cell:
    """A pair of schemes with a number of segmentation networks."""

    suggestive: str
    segmentation: str
    members: int

    @property
    def name(self) -> str:
        """Of the cell's folder."""
        return f"{self.suggestive}__{self.segmentation}__{self.members}"


@dataclass(frozen=True)
class Chart:
    """One of the charts: which side the bits change on, and with how many networks.

    Attributes
    ----------
    varied : {"suggestive", "segmentation"}
        The side whose scheme is on the horizontal axis.
    members : int
        Segmentation networks.
    """

    varied: Role
    members: int

    def cell(self, scheme: str, other: str) -> Cell:
        """Give the cell at a scheme of the varied side and one of the other."""
        pair = (scheme, other) if self.varied == "suggestive" else (other, scheme)
        return Cell(*pair, self.members)


def charts_of(members: Sequence[int]) -> tuple[Chart, ...]:
    """Give the charts for numbers of segmentation networks, in the order of the paper."""
    first = Chart("suggestive", members[0])
    return (first, *(Chart("segmentation", count) for count in members))


@dataclass(frozen=True)
class AblationOptions:
    """What determines an ablation; with the images, it determines every figure.

    Attributes
    ----------
    suggestive, segmentation : tuple of str
        Weight schemes of the two sides; names as in :mod:`napari_qsa.quantization`.
    against : tuple of str
        Schemes that the other side has, in turn.
    members : tuple of int
        Numbers of segmentation networks; the chart of the suggestive side takes the first.
    suggestive_members : int
        Suggestive networks.
    seeds : int
        Repetitions, 0 to ``seeds - 1``.
    folds, fold : int
        The fold of patients that is held out, of so many.
    start, add, candidates : int
        Images at the start, images picked, and K, the most uncertain ones they are picked among.
    portions : tuple of float
        Accumulated portions of every staged scheme.
    network, network_options, activations, iterations, batch, crop, pixel_size, float_share
        Of every training, see :class:`TrainingOptions`.
    source_pixel_size : float or None
        µm of a pixel of all images; None takes what they say.
    """

    suggestive: tuple[str, ...]
    segmentation: tuple[str, ...]
    against: tuple[str, ...] = (CONTROL, "inq7")
    members: tuple[int, ...] = (1, 5)
    suggestive_members: int = 5
    seeds: int = 2
    folds: int = 5
    fold: int = 0
    start: int = 8
    add: int = 16
    candidates: int = 32
    portions: tuple[float, ...] = inq_portions(4)
    network: str = "efficient_fcn"
    network_options: dict[str, Any] = field(default_factory=lambda: {"pretrained": True})
    activations: str = "float"
    iterations: int = 400
    batch: int = 4
    crop: int = 96
    pixel_size: float = 2.48
    source_pixel_size: float | None = None
    float_share: float = 0.6

    def __post_init__(self) -> None:
        for name in ("suggestive", "segmentation", "against", "members"):
            if not getattr(self, name):
                raise QsaError(f"An ablation needs at least one entry in {name}; give some.")
        for scheme in {*self.suggestive, *self.segmentation, *self.against}:
            weight_scheme(scheme)
        counts = (*self.members, self.suggestive_members, self.seeds, self.start, self.add)
        if min(*counts, self.candidates) < 1:
            raise QsaError("Members, seeds, start, add and candidates must be at least 1.")
        if not 0 <= self.fold < self.folds:
            raise QsaError(f"Fold {self.fold} is none of {self.folds}: give 0 to {self.folds - 1}.")

    def training(self, role: Role, scheme: str, seed: int) -> TrainingOptions:
        """Give the options of one side's networks: all alike but for role and scheme."""
        return TrainingOptions(
            role=role,
            network=self.network,
            network_options=dict(self.network_options),
            weights=scheme,
            activations=self.activations,
            members=self.suggestive_members if role == "suggestive" else max(self.members),
            iterations=self.iterations,
            seed=seed,
            batch=self.batch,
            crop=self.crop,
            pixel_size=self.pixel_size,
            source_pixel_size=self.source_pixel_size,
            float_share=self.float_share,
            portions=self.portions,
            bootstrap=role == "suggestive",
        )

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts, in the order of the paper."""
        return charts_of(self.members)

    def cells(self) -> tuple[Cell, ...]:
        """Give every cell of the charts once, those of one suggestive scheme together."""
        wanted = {
            chart.cell(scheme, other)
            for chart in self.charts
            for scheme in getattr(self, chart.varied)
            for other in self.against
        }
        order = list(dict.fromkeys((*self.against, *self.suggestive)))
        return tuple(sorted(wanted, key=lambda cell: (order.index(cell.suggestive), cell)))

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return dataclasses.asdict(self)


def family_and_bits(scheme: str) -> tuple[str, int | None]:
    """Split a scheme's name into its family and the bits that vary in it.

    ``inq4`` is (``inq``, 4), ``q0.3`` is (``q0.``, 3), ``float-restarts`` has no bits.
    """
    found = re.fullmatch(r"(.*?\D)(\d+)", scheme)
    return (scheme, None) if found is None else (found[1], int(found[2]))
