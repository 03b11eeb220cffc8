"""What holds for a project as a whole: the content of ``project.json``."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_qsa.project import checks, store

Slot = Literal["suggestive", "segmentation"]
SLOTS: tuple[Slot, ...] = ("suggestive", "segmentation")


@dataclass(frozen=True)
class Use:
    """One entry in a slot's history.

    Attributes
    ----------
    key : str
        Of a model in the project, or the name of a shipped ensemble.
    when : str
        ISO 8601, UTC.
    run : str or None
        The training run it came from.
    again : int or None
        Where the user went back: the place in the history that holds again.
    """

    key: str
    when: str
    run: str | None = None
    again: int | None = None


@dataclass(frozen=True)
class Facts:
    """What holds for a project as a whole.

    Attributes
    ----------
    id : str
        A random UUID.
    name : str
    created : str
        ISO 8601, UTC.
    pixel_size : float or None
        In µm, for images that do not say their own.
    group_rule : str or None
        A regular expression; its first group names the group of an image of unknown patient.
    seed : int
        Of all that is drawn.
    round : int
        The last round that was asked for; 0 before the first.
    shares : tuple of float or None
        Least and largest share of validation images; None until roles were assigned.
    settings : mapping
        What the fronts keep here: free JSON.
    slots : mapping
        For each slot the models used in it, oldest first; the last one is in use.
    discarded : tuple of str
        Training runs whose results are not wanted.
    """

    id: str
    name: str
    created: str
    pixel_size: float | None = None
    group_rule: str | None = None
    seed: int = 0
    round: int = 0
    shares: tuple[float, float] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    slots: Mapping[Slot, tuple[Use, ...]] = field(default_factory=lambda: dict.fromkeys(SLOTS, ()))
    discarded: tuple[str, ...] = ()


_CHECKS: dict[str, checks.Check] = {
    "id": checks.is_text,
    "name": checks.is_text,
    "created": checks.is_text,
    "pixel_size": checks.or_none(checks.is_positive),
    "group_rule": checks.or_none(checks.is_text),
    "seed": checks.is_count,
    "round": checks.is_count,
    "settings": lambda value: isinstance(value, dict),
    "discarded": lambda value: isinstance(value, list) and all(map(checks.is_id, value)),
}
_USE: dict[str, checks.Check] = {
    "key": checks.is_id,
    "when": checks.is_text,
    "run": checks.or_none(checks.is_id),
    "again": checks.or_none(checks.is_count),
}


def read_facts(path: Path) -> Facts:
    """Read ``project.json``.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ProjectError
        If it is damaged, or of a newer schema.
    """
    values = store.read_document(path)
    try:
        facts = checks.taken(values, _CHECKS)
        uuid.UUID(facts["id"])
        facts["discarded"] = tuple(facts["discarded"])
        facts["shares"] = _shares(values.get("shares"))
        facts["slots"] = _slots(values.get("models"))
    except ValueError as error:
        raise store.damaged(path, str(error)) from error
    return Facts(**facts)


def write_facts(path: Path, facts: Facts) -> None:
    """Replace ``project.json``."""
    values = asdict(facts)
    values["models"] = values.pop("slots")
    store.write_document(path, values)


def _shares(value: Any) -> tuple[float, float] | None:
    match value:
        case None:
            return None
        case [int() | float() as least, int() | float() as most] if 0 <= least <= most <= 1:
            return least, most
    raise ValueError("the entry 'shares' is malformed")


def _slots(value: Any) -> dict[Slot, tuple[Use, ...]]:
    slots: dict[Slot, tuple[Use, ...]] = {}
    for slot in SLOTS:
        entries = value.get(slot) if isinstance(value, dict) else None
        if not isinstance(entries, list):
            raise ValueError("the entry 'models' is missing or malformed")
        uses = tuple(Use(**checks.taken(entry, _USE)) for entry in entries)
        if any(use.again is not None and use.again >= place for place, use in enumerate(uses)):
            raise ValueError("the entry 'models' is malformed")
        slots[slot] = uses
    return slots
