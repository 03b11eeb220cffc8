"""Why a ranking may mean little: sentences for whoever asks for it."""

from collections.abc import Iterable
from pathlib import Path

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.scale import looks_as_is
from napari_qsa.images import Item, sha256
from napari_qsa.suggestion.strategies import goes_by_uncertainty
from napari_qsa.wording import counted, form

COLD_BELOW = 8
"""With fewer accepted images a model cannot know yet where it is unsure of such images."""

BY_DISAGREEMENT = ("suggestive", "uncertainty", "bald")
"""Strategies for which an ensemble of one network has no number at all."""


def alone(card: EnsembleCard, strategy: str) -> tuple[str, ...]:
    """Say that one network has nothing to disagree with, where the strategy goes by that."""
    if card.members > 1 or strategy not in BY_DISAGREEMENT:
        return ()
    return (
        "The ensemble has one network, which disagrees with none: its uncertainty is 0 everywhere "
        f"and {strategy} goes by the order of the files; use an ensemble of several networks, or "
        "the strategy representative.",
    )


def strange(card: EnsembleCard, sizes: Iterable[float | None]) -> str:
    """Say that a model was not made for some images, by the pixel sizes (µm) of their files."""
    count = sum(looks_as_is(size, card.pixel_size) for size in sizes)
    if not count:
        return ""
    return (
        f"{counted(count, 'image')} {form(count, 'is', 'are')} of volumes, and the model was not "
        "trained on such: its uncertainty means little"
    )


def few(annotated: int, strategy: str) -> tuple[str, ...]:
    """Say that too few images of a folder are annotated for the uncertainty to be trusted."""
    if annotated >= COLD_BELOW or not goes_by_uncertainty(strategy):
        return ()
    return (
        f"{counted(annotated, 'image')} {form(annotated, 'counts', 'count')} as annotated, and "
        f"below {COLD_BELOW} a model that was trained on other images cannot judge its own "
        "uncertainty: --strategy representative goes without it.",
    )


def seen(card: EnsembleCard, waiting: Iterable[Item]) -> tuple[str, ...]:
    """Say how many images that wait an ensemble was trained on; their files are read."""
    if not card.training:
        return ()
    items = list(waiting)
    digests: dict[Path, str] = {path: sha256(path) for path in {item.image for item in items}}
    known = {image.sha256 for image in card.training}
    count = sum(digests[item.image] in known for item in items)
    if not count:
        return ()
    return (
        f"{count} of {counted(len(items), 'image')} without annotation {form(count, 'was', 'were')}"
        " seen in training: of those the ensemble is surer than it should be.",
    )
