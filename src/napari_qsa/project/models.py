"""Ensembles that were adopted, named by their content, and which of them are in use."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from napari_qsa.ensemble import shipped
from napari_qsa.ensemble.card import read_card
from napari_qsa.errors import ProjectError
from napari_qsa.formats import replacing
from napari_qsa.images import sha256
from napari_qsa.project import checks, clock, store
from napari_qsa.project.facts import SLOTS, Facts, Slot, Use
from napari_qsa.project.state import State

KEY_DIGITS = 16
_CHUNK = 2**20


def add_model(state: State, path: Path) -> str:
    """Copy an ensemble into the project.

    Returns
    -------
    str
        Its key: the first 16 digits of its SHA-256 sum.

    Raises
    ------
    QsaError
        If it is no ensemble, changes while it is copied, or cannot be written.
    """
    with state.writing():
        read_card(path)
        try:
            digest = sha256(path)
            key = digest[:KEY_DIGITS]
            target = state.layout.model(key)
            if target.is_file() and sha256(target) == digest:
                return key
            store.make_folder(target.parent)
            # A file of this name and of another sum is damaged: this repairs it.
            with path.open("rb") as source, replacing(target) as copy:
                copied = hashlib.sha256()
                while data := source.read(_CHUNK):
                    copied.update(data)
                    copy.write(data)
                if copied.hexdigest() != digest:
                    raise ProjectError(f"{path} changed while it was copied: add it again.")
        except OSError as error:
            raise ProjectError(
                f"{path} cannot be copied ({error.strerror}): check its permissions and free space."
            ) from error
        return key


def keys(state: State) -> tuple[str, ...]:
    """List the models of the project, sorted."""
    try:
        names = os.listdir(state.layout.models)
    except FileNotFoundError:
        return ()
    found = (name.removesuffix(".safetensors") for name in names if name.endswith(".safetensors"))
    return tuple(sorted(key for key in found if checks.is_id(key)))


def model_path(state: State, key: str) -> Path:
    """Find the file of a model of the project, or of a shipped ensemble.

    Raises
    ------
    ProjectError
        If there is none.
    """
    path = state.layout.model(key)
    if checks.is_id(key) and path.is_file():
        return path
    if key in shipped.names():
        return shipped.path(key)
    known = ", ".join((*keys(state), *shipped.names())) or "none"
    raise ProjectError(f"There is no model {key!r} in {state.layout.folder}; there are: {known}.")


def content_of(state: State, key: str) -> str:
    """Give a text that changes when the model of a key does.

    A model of the project is named by its content. A shipped ensemble keeps its name when a
    release brings another one; what the former gave must not be taken for its own.
    """
    if checks.is_id(key) and not state.layout.model(key).is_file() and key in shipped.names():
        path = shipped.path(key)
        facts = path.stat()
        return _digest(path, facts.st_size, facts.st_mtime_ns)
    return key


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    return sha256(path)


def use_model(state: State, slot: Slot, key: str, run: str | None = None) -> None:
    """Put a model into a slot."""
    with state.writing():
        _check_slot(slot)
        model_path(state, key)
        _append(state, slot, Use(key, clock.stamp(), run))


def back(state: State, slot: Slot) -> str:
    """Put the model into a slot that was in it before the present one.

    Going back twice goes back two steps. The history is only added to.

    Raises
    ------
    ProjectError
        If there is none before.
    """
    with state.writing():
        _check_slot(slot)
        uses = state.facts.slots[slot]
        place = present(uses) - 1
        if place < 0:
            raise ProjectError(
                f"No model was used for {slot} before this one: choose one from the list."
            )
        former = uses[place]
        model_path(state, former.key)
        _append(state, slot, Use(former.key, clock.stamp(), former.run, again=place))
        return former.key


def present(uses: tuple[Use, ...]) -> int:
    """Find the place in a history that holds now; -1 if it is empty."""
    if not uses:
        return -1
    again = uses[-1].again
    return len(uses) - 1 if again is None else again


def current(facts: Facts, slot: Slot) -> str | None:
    """Tell which model is in a slot."""
    _check_slot(slot)
    uses = facts.slots[slot]
    return uses[-1].key if uses else None


def _append(state: State, slot: Slot, use: Use) -> None:
    slots = {**state.facts.slots, slot: (*state.facts.slots[slot], use)}
    state.put_facts(slots=slots)


def _check_slot(slot: str) -> None:
    if slot not in SLOTS:
        raise ProjectError(f"There is no slot {slot!r}: choose one of {', '.join(SLOTS)}.")
