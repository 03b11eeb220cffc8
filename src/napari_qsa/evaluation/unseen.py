"""Which members of an ensemble never saw an image, nor did what they started from."""

from pathlib import Path
from typing import Any

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.ensemble.training.bootstrap import bootstrap_count, image_key
from napari_qsa.errors import EnsembleFileError

_GENERATIONS = 100


def never_saw(
    card: EnsembleCard, digest: str, page: int | None = None, generations: int = _GENERATIONS
) -> list[int]:
    """List the members that can be tested on an image.

    A member saw the images of its bootstrap or of its folds, and what the members saw that it
    was started from, as far back as their files are there; beyond, it counts as having seen it.

    Parameters
    ----------
    card
        Of the ensemble.
    digest
        SHA-256 of the image's file.
    page
        Of a stack.
    generations
        How many starts of starts are followed.
    """
    training = card.metrics.get("training")
    facts: dict[str, Any] = training if isinstance(training, dict) else {}
    own = _own(card, digest, page, facts)
    start = facts.get("start")
    if start is None or not own:
        return own
    try:
        former = read_card(shipped.resolve(start if start in shipped.names() else Path(start)))
    except EnsembleFileError:
        return []
    if not generations:
        return []
    before = set(never_saw(former, digest, page, generations - 1))
    return [member for member in own if member % former.members in before]


def _own(card: EnsembleCard, digest: str, page: int | None, facts: dict[str, Any]) -> list[int]:
    everybody = list(range(card.members))
    if all(image.sha256 != digest for image in card.training):
        return everybody
    if card.folds:
        member = card.held_out_member(digest)
        return [] if member is None else [member]
    seed, numbers = facts.get("seed"), card.metrics.get("members")
    if type(seed) is not int or not isinstance(numbers, list) or len(numbers) != card.members:
        return []
    key = image_key(digest, page)
    keys = [image_key(image.sha256, None) for image in card.training]
    return [
        place
        for place, number in enumerate(numbers)
        if bootstrap_count(seed, number, key) == 0
        # Of a bootstrap that would be empty, the whole set is taken instead.
        and any(bootstrap_count(seed, number, other) for other in keys)
    ]
