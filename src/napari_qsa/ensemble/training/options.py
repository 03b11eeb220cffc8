"""The options of a training run: one definition for the command, the form and the file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal

from napari_qsa.errors import TrainingError

Role = Literal["suggestive", "segmentation"]


BEFORE: Mapping[str, Any] = MappingProxyType(
    {
        "source_pixel_size": None,
        "encoder_rate": 1.0,
        "separator_weight": 0.5,
        "separator_reach": 6.0,
        "border_weight": 0.0,
        "float_share": 0.65,
        "portions": None,
        "layers": {},
        "bootstrap": True,
    }
)
"""What runs did that recorded no such option."""

AFTER_FLOAT = (
    *("role", "weights", "activations", "members"),
    *("iterations", "stage_rate", "portions", "layers"),
)
"""Options that the float phase of a member does not depend on, its length aside."""


@dataclass(frozen=True)
class TrainingOptions:
    """What determines a training run; with the images, it determines every weight.

    Attributes
    ----------
    role : {"segmentation", "suggestive"}
        What the ensemble is for.
    network, network_options
        As :func:`napari_qsa.networks.build_network` takes them.
    weights, activations : str
        Names of schemes in :mod:`napari_qsa.quantization`.
    members : int
        Number of networks.
    folds : int
        0: every member trains on its own bootstrap of all images. N: member m trains on all
        images but those of fold m (modulo N), folds by patient.
    fold : int or None
        Leave this fold out for every member, each of which trains on a bootstrap of the others.
    iterations : int
        Optimizer steps of each member, all phases together.
    seed : int
        Of every random draw.
    batch, crop : int
        Crops in an iteration, and their side in pixels of the network's grid.
    learning_rate : float
        Peak rate of the float phase; the stages restart at ``stage_rate``.
    encoder_rate : float
        Factor on every rate for the parameters of a pretrained encoder, above 0 to 1.
    separator_weight : float
        Weight of the separator's loss beside the gland's.
    separator_reach : float
        µm: a pixel is of the separator where two glands are both within this distance of it.
    border_weight : float
        A separator pixel counts 1 + this many times in the gland's cross-entropy, as the borders
        of touching cells do in the U-Net (Ronneberger et al. 2015, equation 2).
    pixel_size : float
        µm of a pixel of the grid the network works on.
    source_pixel_size : float or None
        µm of a pixel of all images; None takes what the data set or an image's file says, and
        `assumed_pixel_size` where neither does.
    stain : float
        Strength of the stain augmentation; 0 switches it off.
    start : str or None
        Name or path of an ensemble whose members the float phase starts from, member m from
        member m (modulo their number); None starts from ImageNet or at random. The rates are
        the same for either start: they were chosen for ImageNet's.
    float_share : float
        Share of the iterations that the float phase has where INQ follows, above 0 to 0.9; a
        twentieth goes to the activations, the rest to INQ.
    portions : tuple of float or None
        Accumulated portions of the stages of any staged scheme; None takes the scheme's own, which
        differ with its bits, so a comparison of bit widths sets them.
    layers : dict of str to str
        Layers with schemes of their own, as :func:`napari_qsa.quantization.exceptions_of` takes
        them: ``{"first": "float/float", "last": "float/float"}`` keeps both float, as the
        fixed-point paper does; a run records the names of those layers. Without it all layers are
        quantized, first, last and depthwise too.
    bootstrap : bool
        Whether a member draws from a bootstrap of its images (where ``folds`` leaves none out for
        it alone), or from all of them alike.
    threads : int
        CPU threads of each member; part of what a bit-identical repetition needs.
    """

    role: Role = "segmentation"
    network: str = "efficient_fcn"
    network_options: dict[str, Any] = field(default_factory=lambda: {"pretrained": True})
    weights: str = "inq4"
    activations: str = "u8"
    members: int = 5
    folds: int = 0
    fold: int | None = None
    iterations: int = 1600
    seed: int = 0
    batch: int = 8
    crop: int = 192
    learning_rate: float = 1e-3
    stage_rate: float = 3e-4
    encoder_rate: float = 1.0
    separator_weight: float = 1.0
    separator_reach: float = 10.0
    border_weight: float = 4.0
    weight_decay: float = 1e-2
    ema: float = 0.998
    pixel_size: float = 1.24
    source_pixel_size: float | None = None
    stain: float = 1.0
    start: str | None = None
    float_share: float = 0.65
    portions: tuple[float, ...] | None = None
    layers: dict[str, str] = field(default_factory=dict)
    bootstrap: bool = True
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("members", "iterations", "batch", "crop", "threads"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in (
            "learning_rate",
            "stage_rate",
            "encoder_rate",
            "separator_reach",
            "pixel_size",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise TrainingError(f"{name} must be above 0, not {getattr(self, name)}.")
        if self.source_pixel_size is not None and not 0 < self.source_pixel_size < math.inf:
            raise TrainingError(f"source_pixel_size must be above 0, not {self.source_pixel_size}.")
        for name in ("seed", "stain", "weight_decay", "separator_weight", "border_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise TrainingError(f"{name} must be 0 or above, not {getattr(self, name)}.")
        if not 0 <= self.ema < 1:
            raise TrainingError(f"ema must be at least 0 and below 1, not {self.ema}.")
        if not 0 < self.float_share <= 0.9:
            raise TrainingError(
                f"float_share must be above 0 and at most 0.9, not {self.float_share}."
            )
        if self.portions is not None and (
            not self.portions
            or self.portions[-1] != 1
            or any(a >= b for a, b in pairwise((0, *self.portions)))
        ):
            raise TrainingError(f"portions must rise from above 0 to 1, not {self.portions}.")
        if self.folds == 1 or self.folds < 0:
            raise TrainingError(f"folds must be 0 (bootstraps) or at least 2, not {self.folds}.")
        if self.fold is not None and not self.folds:
            raise TrainingError("fold leaves out one of several folds: say how many with folds.")
        if self.fold is not None and not 0 <= self.fold < self.folds:
            raise TrainingError(
                f"fold must be one of the {self.folds} folds, 0 to {self.folds - 1}, "
                f"not {self.fold}."
            )
        if self.crop % 32:
            raise TrainingError(f"crop must be a multiple of 32 pixels, not {self.crop}.")

    @property
    def assumed_pixel_size(self) -> float:
        """µm of a pixel of an image of which nobody says it: GlaS's, with the default grid."""
        return self.pixel_size / 2

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingOptions:
        """Read back what :meth:`to_json` gave, in this release or an earlier one."""
        values = {**BEFORE, **values}
        if values["portions"] is not None:
            values["portions"] = tuple(map(float, values["portions"]))
        return cls(**values)
