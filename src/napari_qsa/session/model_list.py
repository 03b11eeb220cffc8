"""Which models a project can use, and which of its images a model was trained on."""

from collections.abc import Iterable
from dataclasses import dataclass

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.errors import QsaError
from napari_qsa.project import ImageRecord, Project
from napari_qsa.project.facts import SLOTS, Slot

SHIPPED: dict[Slot, str] = {
    "suggestive": "glas-suggestive",
    "segmentation": "glas-segmentation",
}
"""What a slot stands for while it is empty."""


@dataclass(frozen=True)
class ModelInfo:
    """One model that can be used.

    Attributes
    ----------
    key : str
        By which the project knows it.
    name : str
        For people.
    role : str
        ``suggestive`` or ``segmentation``.
    when : str
        The day it was trained, ISO 8601.
    members : int
        Its networks.
    bytes : int
        Of its file.
    in_use : bool
        Whether it is the one that segments, or suggests, unless another is asked for.
    """

    key: str
    name: str
    role: str
    when: str
    members: int
    bytes: int
    in_use: bool


def model_in_use(project: Project, slot: Slot) -> str:
    """Give the key of the model in a slot, else of the shipped one; reads no file."""
    return project.model_in(slot) or SHIPPED[slot]


def card_of_model(project: Project, key: str) -> EnsembleCard:
    """Read the card of a model.

    Raises
    ------
    QsaError
        If there is no such model, or its file is damaged.
    """
    return read_card(project.model_path(key))


def list_models(project: Project) -> tuple[tuple[ModelInfo, ...], tuple[str, ...]]:
    """List the project's own models, the newest first, then the shipped ones; reads files.

    Returns
    -------
    models
        Those whose files can be read.
    problems
        A sentence for each of the others.
    """
    used = {model_in_use(project, slot) for slot in SLOTS}
    ranks = {use.key: use.when for slot in SLOTS for use in project.facts.slots[slot]}
    own = sorted(project.models(), key=lambda key: (ranks.get(key, ""), key), reverse=True)
    found: list[ModelInfo] = []
    problems: list[str] = []
    for key in (*own, *(name for name in shipped.names() if name not in own)):
        try:
            path = project.model_path(key)
            card = read_card(path)
            size = path.stat().st_size
        except (QsaError, OSError) as error:
            problems.append(str(error))
            continue
        name = key if key not in own else f"trained {card.date or 'here'} ({key[:6]})"
        found.append(ModelInfo(key, name, card.role, card.date, card.members, size, key in used))
    return tuple(found), tuple(problems)


def trained_on(card: EnsembleCard, images: Iterable[ImageRecord]) -> frozenset[str]:
    """Give the ids of images that a model was trained on, of those whose whole hash is known."""
    seen = {image.sha256 for image in card.training}
    return frozenset(image.id for image in images if image.sha256 in seen)
