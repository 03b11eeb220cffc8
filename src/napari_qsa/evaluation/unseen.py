"""Which members of an ensemble never saw an image, nor did what they started from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.ensemble.training.bootstrap import bootstrap_count, image_key
from napari_qsa.errors import EnsembleFileError

Find = Callable[[str], Path]
"""Gives the file of an ensemble that a card names as its start; EnsembleFileError if it is gone."""

_GENERATIONS = 100


def find_start(start: str, folder: Path | None = None) -> Path:
    """Find the file of an ensemble, also where `folder` was moved together with it.

    Raises
    ------
    EnsembleFileError
        If it is gone.
    """
    near = None if folder is None else folder / Path(start).name
    return near if near is not None and near.is_file() else shipped.resolve(start)


def beside(folder: Path) -> Find:
    """Look for starts in a folder first: they are named by their content there."""
    return partial(find_start, folder=folder)


def never_saw(
    card: EnsembleCard,
    digest: str,
    page: int | None = None,
    find: Find = find_start,
    generations: int = _GENERATIONS,
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
    find
        Finds the files of the starts.
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
        former = read_card(find(str(start)))
    except EnsembleFileError:
        return []
    if not generations:
        return []
    before = set(never_saw(former, digest, page, find, generations - 1))
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
