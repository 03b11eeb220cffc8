"""What a model proposes for one image: its maps, and the glands that rules make of them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.instances import find_instances
from napari_qsa.ensemble.scale import options_at
from napari_qsa.errors import QsaError
from napari_qsa.metrics.glands import Gland, gland_table
from napari_qsa.project import Project
from napari_qsa.project.predictions import Stored

SETTING = "segmentation rules"
"""Among a project's settings: the rules the user set, by model."""


@dataclass(frozen=True)
class Rules:
    """What counts as a gland; None leaves a number to the model.

    Attributes
    ----------
    threshold : float or None
        How sure the model must be of a pixel, 0 to 1.
    min_area_um2 : float or None
        Smaller glands are left out.
    """

    threshold: float | None = None
    min_area_um2: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise QsaError(f"The threshold is {self.threshold}; it must be between 0 and 1.")
        if self.min_area_um2 is not None and not 0 <= self.min_area_um2 < np.inf:
            raise QsaError(f"The least area is {self.min_area_um2} µm²; it must be at least 0.")


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a model proposes for an image.

    Attributes
    ----------
    image_id : str
        Of the image.
    model : str
        Key of the model.
    labels : (H, W)
        0 outside, else the gland's number.
    probability, uncertainty, separator : (H, W) float32
        See `napari_qsa.ensemble.prediction.Prediction`.
    glands : tuple of Gland
        One for each number in `labels`.
    pixel_size : float
        The one the image was taken to have, in µm.
    notes : tuple of str
        Sentences about what was assumed and left out.
    rules : Rules
        Those that made the labels.
    own_rules : Rules
        The model's own, with no number missing.
    """

    image_id: str
    model: str
    labels: NDArray[Any]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    separator: NDArray[np.float32]
    glands: tuple[Gland, ...]
    pixel_size: float
    notes: tuple[str, ...]
    rules: Rules
    own_rules: Rules


def propose(
    image_id: str, model: str, stored: Stored, card: EnsembleCard, rules: Rules
) -> Proposal:
    """Make the glands of a stored prediction.

    Without rules these are the stored ones; else they are made anew from the maps, as the
    model itself would with other options.
    """
    labels = labelled(stored, card, rules)
    options = options_at(card, stored.pixel_size)
    own = Rules(options.threshold, options.min_area_um2)
    return Proposal(
        image_id,
        model,
        labels,
        stored.probability,
        stored.uncertainty,
        stored.separator,
        gland_table(labels, stored.pixel_size, stored.uncertainty),
        stored.pixel_size,
        stored.notes,
        rules,
        own,
    )


def labelled(stored: Stored, card: EnsembleCard, rules: Rules) -> NDArray[Any]:
    """Give the stored labels, or those that other rules make of the stored maps."""
    if rules == Rules():
        return stored.labels
    options = options_at(card, stored.pixel_size)
    if rules.threshold is not None:
        options = replace(options, threshold=rules.threshold)
    if rules.min_area_um2 is not None:
        options = replace(options, min_area_um2=rules.min_area_um2)
    return find_instances(
        stored.probability, stored.separator, stored.pixel_size, options, stored.uncertainty
    ).labels


def read_rules(project: Project, model: str) -> Rules:
    """Give the rules that are set for a model; what is malformed counts as not set."""
    all_rules = project.facts.settings.get(SETTING)
    values = all_rules.get(model) if isinstance(all_rules, dict) else None
    match values:
        case {"threshold": int() | float() | None as threshold, "min_area_um2": area} if (
            area is None or isinstance(area, int | float)
        ):
            try:
                return Rules(threshold, area)
            except QsaError:
                return Rules()
    return Rules()


def write_rules(project: Project, model: str, rules: Rules) -> None:
    """Keep the rules for a model with the project."""
    if read_rules(project, model) == rules:
        return
    all_rules = project.facts.settings.get(SETTING)
    kept = {k: v for k, v in all_rules.items() if k != model} if isinstance(all_rules, dict) else {}
    if rules != Rules():
        kept[model] = {"threshold": rules.threshold, "min_area_um2": rules.min_area_um2}
    project.set_settings({SETTING: kept})
