"""What a page of evidence consists of: claims, the files that test them, verdicts, tables.

A verdict is worked out from numbers by a rule that was written before they were there. It is one
of four words, and a sentence that says by which numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from napari_qsa.evaluation.layout import markdown_table

SUPPORTED = "supported"
NOT_SUPPORTED = "not supported"
TOO_FEW = "too few to tell"
NOT_RUN = "not run yet"

MIN_SEEDS = 3
"""Fewer repetitions settle nothing, whatever they say."""

Values = Mapping[str, Any]
Row = Mapping[str, Any]


class Verdict(NamedTuple):
    """What became of one question.

    Attributes
    ----------
    question : str
        In a few words, for the summary.
    word : str
        ``SUPPORTED``, ``NOT_SUPPORTED``, ``TOO_FEW`` or ``NOT_RUN``.
    why : str
        By which numbers; goes on after the word and a colon, and ends without a full stop.
    """

    question: str
    word: str
    why: str


@dataclass(frozen=True)
class Outcome:
    """What a results file says.

    Attributes
    ----------
    verdicts : sequence of Verdict
        One for each question of the part, in its order.
    tables : sequence of str
        Markdown.
    notes : sequence of str
        Paragraphs on how the tables are to be read.
    ran : mapping
        ``command``, ``seed``, ``data`` and ``date`` where the file has them under other names.
    """

    verdicts: Sequence[Verdict]
    tables: Sequence[str] = ()
    notes: Sequence[str] = ()
    ran: Mapping[str, Any] = field(default_factory=dict)


def read_json(path: Path) -> Values:
    """Read a results file."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


@dataclass(frozen=True)
class Part:
    """One results file, and how it is read.

    Attributes
    ----------
    file : str
        Its path from the root of the repository.
    command : str
        That makes it; what the file itself says counts more.
    questions : tuple of str
        What it answers; the verdicts while there is no file.
    judge : callable
        Takes the values of the file, gives the outcome.
    data, seed : str
        Where the file does not say.
    read : callable
        Turns the file into values.
    beside : str
        Another results file that it is compared with; in the values as ``beside``.
    """

    file: str
    command: str
    questions: tuple[str, ...]
    judge: Callable[[Values], Outcome]
    data: str = ""
    seed: str = ""
    read: Callable[[Path], Values] = read_json
    beside: str = ""


@dataclass(frozen=True)
class Section:
    """A claim with its source, and the parts that test it.

    Attributes
    ----------
    title, claim : str
        The claim names its source, and whether its figures were read or recalled.
    rule : str
        How the verdict comes about.
    parts : tuple of Part
    """

    title: str
    claim: str
    rule: str
    parts: tuple[Part, ...]


class Interval(NamedTuple):
    """A difference with its 95 % interval; NaN ends where there is one value."""

    value: float
    low: float
    high: float
    n: int

    def said(self, digits: int = 3) -> str:
        """Write it with its ends."""
        if math.isnan(self.low):
            return f"{self.value:+.{digits}f} (one value)"
        return f"{self.value:+.{digits}f} ({self.low:+.{digits}f} to {self.high:+.{digits}f})"


def interval_of(values: Sequence[float]) -> Interval:
    """Average differences, with the interval of Student's t; at least one."""
    from napari_qsa.simulation.statistics import mean_of

    found = mean_of(values)
    half = math.nan if found.half is None else found.half
    return Interval(found.value, found.value - half, found.value + half, found.n)


def better(found: Interval, worth: float = 0.0, least: int = MIN_SEEDS) -> str:
    """Judge by an interval that something is better, by at least `worth` where that is claimed.

    Supported where all of the interval is above 0; not supported where all of it is below 0, or
    below `worth`; else too few to tell, as with fewer than `least` values.
    """
    if found.n < least or math.isnan(found.low):
        return TOO_FEW
    if found.low > 0:
        return SUPPORTED
    return NOT_SUPPORTED if found.high < max(worth, 0.0) else TOO_FEW


def all_of(words: Sequence[str]) -> str:
    """Judge a claim that has several cases: one that fails is enough, and all must hold."""
    if NOT_SUPPORTED in words:
        return NOT_SUPPORTED
    return SUPPORTED if words and set(words) == {SUPPORTED} else TOO_FEW


def met(condition: bool) -> str:
    """Judge a limit that is kept or not."""
    return SUPPORTED if condition else NOT_SUPPORTED


def apart(low: Sequence[float], high: Sequence[float]) -> str:
    """Judge that all of some values are below all of some others; few overlap, few tell."""
    if not low or not high:
        return TOO_FEW
    if max(low) < min(high):
        return SUPPORTED
    return NOT_SUPPORTED if min(low) > max(high) else TOO_FEW


def table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table; numbers keep the digits they are given."""
    return markdown_table([{key: _cell(value) for key, value in row.items()} for row in rows])


def fixed(value: float | None, digits: int = 3) -> str | None:
    """Write a number with so many digits, halves up as by hand; None stays a blank.

    Results hold four decimals, so that halves are common; as binary numbers they would go either
    way.
    """
    if value is None:
        return None
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _cell(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def joined(names: Sequence[str]) -> str:
    """Write names one after another, as code."""
    return ", ".join(f"`{name}`" for name in names)
