"""Training runs: what they train on is frozen here; what they find is adopted from here.

A run's folder belongs to the trainer, except for ``inputs.json`` and the lists of images to train
and to validate on, which are written before it starts. When it is done it puts an ensemble for
each slot there, each as a whole; what the user decides about them is written to ``project.json``.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from napari_qsa.errors import ProjectError
from napari_qsa.images import Item, encode_listing
from napari_qsa.project import annotations, checks, clock, models, revisions, store
from napari_qsa.project.facts import SLOTS, Slot, Use
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.references import path_of, presence
from napari_qsa.project.state import State

INPUTS = "inputs.json"
TRAIN, VALIDATION = "train.json", "validation.json"
"""Lists of images, as `napari_qsa.images.open_dataset` takes them."""

RunState = Literal["new", "finished", "adopted", "discarded"]


@dataclass(frozen=True)
class Input:
    """One image a run trains or validates on.

    Attributes
    ----------
    image : str
        Its id.
    revision : int
        Accepted; it is kept for ever.
    sha256 : str
        Of the revision's TIFF file.
    role, group : str
    glands : int
        Annotated in it.
    """

    image: str
    revision: int
    sha256: str
    role: str
    group: str
    glands: int


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes
    ----------
    id : str
    folder : Path
        The trainer's.
    created : str
        ISO 8601, UTC.
    options : mapping
        Of the training: free JSON.
    inputs : tuple of Input
    left_out : tuple of str
        A sentence for each accepted image that could not be used.
    state : {"new", "finished", "adopted", "discarded"}
        ``new`` until its ensembles are there, whether or not it is being trained; ``finished``
        until the user has chosen.
    """

    id: str
    folder: Path
    created: str
    options: Mapping[str, Any]
    inputs: tuple[Input, ...]
    left_out: tuple[str, ...]
    state: RunState

    def result(self, slot: Slot) -> Path:
        """Say where its ensemble for a slot is, or will be."""
        return _result(self.folder, slot)


_CHECKS: dict[str, checks.Check] = {
    "id": checks.is_id,
    "created": checks.is_text,
    "options": lambda value: isinstance(value, dict),
    "inputs": lambda value: isinstance(value, list),
    "left_out": lambda value: isinstance(value, list) and all(map(checks.is_text, value)),
}
_INPUT: dict[str, checks.Check] = {
    "image": checks.is_id,
    "revision": checks.is_count,
    "sha256": checks.is_digest,
    "role": checks.is_one_of("train", "validation"),
    "group": checks.is_text,
    "glands": checks.is_count,
}


def new_run(state: State, options: Mapping[str, Any]) -> Run:
    """Freeze what a run trains on, and make its folder.

    All images with an accepted annotation take part, except for those that are excluded,
    missing or changed.

    Raises
    ------
    ProjectError
        If no training image is among them.
    """
    with state.writing():
        inputs, left_out = trainable(state)
        if not any(found.role == "train" for found in inputs):
            reasons = f" ({left_out[0].rstrip('.')})" if left_out else ""
            raise ProjectError(
                f"No training image has an accepted annotation that can be used{reasons}: accept "
                "one first."
            )
        created = clock.stamp()
        run_id = f"{clock.parse(created):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder = state.layout.runs / run_id
        store.make_folder(folder)
        for name, role in ((TRAIN, "train"), (VALIDATION, "validation")):
            items = [_item(state, found) for found in inputs if found.role == role]
            content = encode_listing(items, folder, state.layout.folder.parent)
            store.write_bytes(folder / name, content)
        run = Run(run_id, folder, created, dict(options), tuple(inputs), tuple(left_out), "new")
        values = {"project": state.facts.id, **{name: getattr(run, name) for name in _CHECKS}}
        values["inputs"] = [asdict(found) for found in inputs]
        store.write_document(folder / INPUTS, values)
        return run


def trainable(state: State, quick: bool = False) -> tuple[list[Input], list[str]]:
    """List what a run would train and validate on, and a sentence for each image left out.

    If `quick`, images are sampled only where size or time of change differ.
    """
    found: list[Input] = []
    left_out: list[str] = []
    for image_id, summary in annotations.summaries(state, state.records).items():
        record = state.records[image_id]
        if summary.accepted is None or record.role == "excluded":
            continue
        there = presence(state.layout, record, quick)
        if there != "present":
            left_out.append(f"{record.name} ({image_id}) is {there}, so it is not trained on.")
            continue
        facts = revisions.read_facts(state.layout.annotation(image_id), summary.accepted)
        found.append(
            Input(image_id, facts.revision, facts.sha256, record.role, record.group, facts.glands)
        )
    return found, left_out


def runs(state: State) -> tuple[list[Run], list[str]]:
    """List the runs, oldest first, and a sentence for each that cannot be read."""
    found: list[Run] = []
    problems: list[str] = []
    try:
        names = os.listdir(state.layout.runs)
    except FileNotFoundError:
        names = []
    for name in filter(checks.is_id, names):
        try:
            found.append(_read(state, name))
        except (FileNotFoundError, NotADirectoryError):  # never committed, or no run at all
            continue
        except ProjectError as error:
            problems.append(str(error))
    return sorted(found, key=lambda run: (run.created, run.id)), problems


def run_of(state: State, run_id: str) -> Run:
    """Find a run; ProjectError if there is none of that id, or it cannot be read."""
    try:
        if checks.is_id(run_id):
            return _read(state, run_id)
    except (FileNotFoundError, NotADirectoryError):
        pass
    raise ProjectError(f"{state.layout.folder} has no run {run_id!r}: choose one from the list.")


def adopt(state: State, run_id: str) -> dict[Slot, str]:
    """Take a finished run's ensembles into the project and put them into their slots.

    Returns
    -------
    dict
        The key of each slot's model.

    Raises
    ------
    QsaError
        If the run is not finished, or was adopted before.
    """
    with state.writing():
        run = run_of(state, run_id)
        if run.state == "adopted":
            raise ProjectError(
                f"Run {run_id} was adopted before: put its models into use from the list of models."
            )
        if not _is_finished(run.folder):
            raise ProjectError(f"Run {run_id} is not finished: wait for it, or resume it.")
        keys: dict[Slot, str] = {slot: models.add_model(state, run.result(slot)) for slot in SLOTS}
        slots, when = dict(state.facts.slots), clock.stamp()
        for slot, key in keys.items():
            slots[slot] = (*slots[slot], Use(key, when, run_id))
        discarded = tuple(other for other in state.facts.discarded if other != run_id)
        state.put_facts(slots=slots, discarded=discarded)
        return keys


def discard(state: State, run_id: str) -> None:
    """Note that a run's ensemble is not wanted; its folder stays.

    Raises
    ------
    ProjectError
        If it was adopted.
    """
    with state.writing():
        run = run_of(state, run_id)
        if run.state == "adopted":
            raise ProjectError(f"Run {run_id} was adopted: go back to the former model instead.")
        if run.state != "discarded":
            state.put_facts(discarded=(*state.facts.discarded, run_id))


def _read(state: State, run_id: str) -> Run:
    folder = state.layout.runs / run_id
    path = folder / INPUTS
    values = store.read_document(path)
    try:
        facts = checks.taken(values, _CHECKS)
        if facts["id"] != run_id:
            raise ValueError(f"it is of run {facts['id']}")
        facts["inputs"] = tuple(Input(**checks.taken(i, _INPUT)) for i in facts["inputs"])
    except ValueError as error:
        raise store.damaged(path, str(error)) from error
    facts["left_out"] = tuple(facts["left_out"])
    return Run(folder=folder, state=_state(state, run_id), **facts)


def _state(state: State, run_id: str) -> RunState:
    if any(use.run == run_id for uses in state.facts.slots.values() for use in uses):
        return "adopted"
    if run_id in state.facts.discarded:
        return "discarded"
    return "finished" if _is_finished(state.layout.runs / run_id) else "new"


def _is_finished(folder: Path) -> bool:
    return all(_result(folder, slot).is_file() for slot in SLOTS)


def _result(folder: Path, slot: Slot) -> Path:
    return folder / f"{slot}.safetensors"


def _item(state: State, found: Input) -> Item:
    record: ImageRecord = state.records[found.image]
    own = record.pixel_size
    return Item(
        name=found.image,
        image=path_of(state.layout, record),
        label=revisions.tif_path(state.layout.annotation(found.image), found.revision),
        patient=record.group,
        grade=record.grade,
        page=record.page,
        pixel_size=state.facts.pixel_size if own is None else own,
        label_page=revisions.GLANDS_PAGE,
        region_page=revisions.REGION_PAGE,
    )
