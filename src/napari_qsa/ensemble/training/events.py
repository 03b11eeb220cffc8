"""Events of a run as JSON lines: one file for each member, one writer for each file."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_qsa.errors import TrainingError

SCHEMA_VERSION = 1


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole events of a file; what a kill tore off at its end is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "sequence" in event:
            yield event


class EventLog:
    """Appends events to a file; numbers go on where an earlier process stopped.

    Each line is an object with ``schema`` (this format's version), ``sequence`` (rising from 0),
    ``time`` (seconds since 1970) and what the caller gives.

    Parameters
    ----------
    path : Path
        Made if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):  # before counting: it may be whole but for this
            with path.open("ab") as file:
                file.write(b"\n")
        self._next = 1 + max((event["sequence"] for event in _lines(path)), default=-1)

    def write(self, event: dict[str, Any]) -> None:
        """Append one event; raises a TrainingError if the file cannot be written."""
        facts = {"schema": SCHEMA_VERSION, "sequence": self._next, "time": round(time.time(), 3)}
        line = json.dumps(facts | event, allow_nan=False) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be written ({error.strerror}): make room, then resume the run."
            ) from error
        self._next += 1


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Read the events of all members of a run: each member's as it wrote them, merged by time.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """
    events: list[tuple[float, dict[str, Any]]] = []
    for path in sorted(folder.glob("members/*/events.jsonl")):
        latest = -math.inf  # a clock may have been set back
        for event in sorted(_lines(path), key=lambda event: event["sequence"]):
            latest = max(latest, event["time"])
            events.append((latest, event))
    return [event for _, event in sorted(events, key=lambda pair: pair[0])]
