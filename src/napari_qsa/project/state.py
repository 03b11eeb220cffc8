"""A project's two documents in memory, never ahead of the disk."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any

from napari_qsa.errors import ProjectError
from napari_qsa.project import checks
from napari_qsa.project.facts import Facts, read_facts, write_facts
from napari_qsa.project.groups import check_rule, regrouped
from napari_qsa.project.index import Index
from napari_qsa.project.layout import Layout
from napari_qsa.project.records import ImageRecord, read_records, write_records


class State:
    """What the rooms of a project share.

    A document is written first and taken over in memory after that, so that after an error, a
    full disk for one, both are as they were.

    Attributes
    ----------
    layout : Layout
    facts : Facts
    records : dict of ImageRecord
        By id; replaced as a whole, never changed, so that a reader may keep it.
    index : Index
    """

    def __init__(self, layout: Layout, read_only: bool) -> None:
        self.layout = layout
        self.read_only = read_only
        self.closed = False
        self._guard = RLock()
        self.load()
        self.index = Index.of(self.facts.id, layout.folder)

    def close(self) -> None:
        """Wait for a change that is being made, and allow no more."""
        with self._guard:
            self.closed = True

    def load(self) -> None:
        """Read both documents.

        Raises
        ------
        ProjectError
            If there is no project, or a document is missing, damaged or newer.
        """
        with self._guard:  # what a change writes meanwhile must not be forgotten
            try:
                facts = read_facts(self.layout.project)
            except (FileNotFoundError, NotADirectoryError):
                raise ProjectError(
                    f"{self.layout.folder} is no project: it holds no {self.layout.project.name}."
                ) from None
            check_rule(facts.group_rule)
            try:
                records = read_records(self.layout.images)
            except FileNotFoundError:
                raise ProjectError(
                    f"{self.layout.images} is missing: restore it from a backup; nothing was "
                    "changed."
                ) from None
            self.facts: Facts = facts
            self.records: dict[str, ImageRecord] = {
                r.id: _regrouped(r, facts.group_rule) for r in records.values()
            }

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold off other threads for the length of a change.

        Raises
        ------
        ProjectError
            If the project is closed or was opened read-only.
        """
        with self._guard:
            if self.closed:
                raise ProjectError(f"{self.layout.folder} was closed: open it again.")
            if self.read_only:
                raise ProjectError(
                    f"{self.layout.folder} is open read-only: open it as its owner to change it."
                )
            yield

    def record(self, image_id: str) -> ImageRecord:
        """Find an image; ProjectError if there is none of that id."""
        try:
            return self.records[image_id]
        except KeyError:
            raise ProjectError(
                f"{self.layout.folder} has no image {image_id!r}: add it first."
            ) from None

    def put_facts(self, **changes: Any) -> None:
        """Write ``project.json`` with some entries changed."""
        facts = replace(self.facts, **changes)
        write_facts(self.layout.project, facts)
        self.facts = facts

    def put_records(self, changed: Iterable[ImageRecord]) -> None:
        """Write ``images.json`` with some records changed or added."""
        records = {**self.records, **{record.id: record for record in changed}}
        write_records(self.layout.images, records.values())
        self.records = records

    def set_pixel_size(self, pixel_size: float | None) -> None:
        """Set the project's pixel size (µm)."""
        if not checks.or_none(checks.is_positive)(pixel_size):
            raise ProjectError(f"A pixel cannot be {pixel_size} µm wide: give a number above 0.")
        with self.writing():
            self.put_facts(pixel_size=pixel_size)

    def set_settings(self, settings: Mapping[str, Any]) -> None:
        """Change some of the settings."""
        try:
            copied = json.loads(json.dumps(settings, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ProjectError(f"These settings cannot be stored as JSON: {error}.") from error
        with self.writing():
            self.put_facts(settings={**self.facts.settings, **copied})


def _regrouped(record: ImageRecord, rule: str | None) -> ImageRecord:
    # A change of the rule is committed by project.json: images.json may not follow it yet.
    group = regrouped(record, rule)
    return record if record.group == group else replace(record, group=group)
