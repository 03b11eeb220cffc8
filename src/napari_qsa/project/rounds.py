"""Asking for the next images: those suggested, and some to validate on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_qsa.errors import ProjectError
from napari_qsa.project.annotations import summaries
from napari_qsa.project.draw import drawn
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.state import State

VALIDATE_PER = 4
"""One validation image is asked for with this many suggested ones."""


@dataclass(frozen=True)
class Round:
    """What one round asks for.

    Attributes
    ----------
    number : int
        From 1.
    annotate, validate : tuple of str
        Ids of training images, most wanted first, and of validation images.
    """

    number: int
    annotate: tuple[str, ...]
    validate: tuple[str, ...]


def current(state: State) -> int:
    """Tell the last round; the images know it even where the project does not yet."""
    return max([state.facts.round, *(record.round or 0 for record in state.records.values())])


def next_round(state: State, ranked_ids: Sequence[str], k: int) -> Round:
    """Mark the first `k` training images of a ranking, and ceil(k / 4) validation images.

    Images with an accepted annotation are passed over.

    Raises
    ------
    ProjectError
        If there is nothing left to ask for.
    """
    if k < 1:
        raise ProjectError(f"k is {k}; it must be at least 1.")
    with state.writing():
        done = {i for i, found in summaries(state, state.records).items() if found.accepted}
        ranked = [state.record(image_id) for image_id in dict.fromkeys(ranked_ids)]
        number = current(state) + 1
        annotate = [r for r in ranked if r.role == "train" and r.id not in done][:k]
        waiting = [
            r.id for r in state.records.values() if r.role == "validation" and r.id not in done
        ]
        wanted = -(-k // VALIDATE_PER)
        validate = [state.records[i] for i in drawn(waiting, state.facts.seed, number)[:wanted]]
        if not annotate and not validate:
            raise ProjectError(
                "Nothing is left to ask for: every image that was suggested, and every validation "
                "image, has an accepted annotation; add images."
            )
        asked: list[ImageRecord] = [
            *(replace(r, round=number, asked_for="annotate") for r in annotate),
            *(replace(r, round=number, asked_for="validate") for r in validate),
        ]
        state.put_records(asked)  # this is the commit; the number below only repeats it
        state.put_facts(round=number)
        return Round(number, tuple(r.id for r in annotate), tuple(r.id for r in validate))
