"""What commands write: results on standard output, everything else on standard error."""

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer

FIRST_SECONDS, LINE_SECONDS = 10.0, 60.0
"""When progress is told first, and how often then, where no bar can be drawn."""


def note(text: str) -> None:
    """Write a sentence to standard error."""
    typer.echo(_printable(text, sys.stderr), err=True)


def say(text: str) -> None:
    """Write a result to standard output."""
    typer.echo(_printable(text, sys.stdout))


def _printable(text: str, stream: TextIO) -> str:
    """Escape what a stream cannot take, such as the name of a file that is no UTF-8."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def emit(document: Mapping[str, Any]) -> None:
    """Write one JSON document to standard output; what is not a number becomes null."""
    values = plain(document)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    if _printable(text, sys.stdout) != text:
        text = json.dumps(values, indent=2, allow_nan=False)
    typer.echo(text)


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Path():
            return str(value)
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items()}
        case Sequence() | Set():
            return [plain(entry) for entry in value]
    return plain(value.item())  # a NumPy scalar


def finish(failed: bool) -> None:
    """End a command: exit status 1 if a part of its input was bad."""
    if failed:
        raise typer.Exit(1)


def duration(seconds: float) -> str:
    """Write a time in words, such as ``3 min 20 s``."""
    whole = max(round(seconds), 0)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Write a number of bytes, such as ``1.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class Bar:
    """Shows how far long work is; on a terminal as a bar, elsewhere as a line now and then."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._begun = time.monotonic()
        self._next = self._begun + FIRST_SECONDS

    def update(self, fraction: float, message: str = "", left: float | None = None) -> None:
        """Tell the share that is done, what is at work, and the seconds left where known."""
        now = time.monotonic()
        if now < self._next or fraction >= 1:
            return
        self._next = now + LINE_SECONDS
        if left is None and fraction > 0:
            left = (now - self._begun) * (1 - fraction) / fraction
        rest = "" if left is None else f", {duration(left)} left"
        about = f" ({message})" if message else ""
        note(f"{self._title}: {fraction:.0%}{rest}{about}")


class _DrawnBar(Bar):
    def __init__(self, title: str, progress: Any) -> None:
        super().__init__(title)
        self._progress = progress
        self._task = progress.add_task(title, total=1.0, left="", message="")

    def update(self, fraction: float, message: str = "", left: float | None = None) -> None:
        now = time.monotonic()
        if left is None and fraction > 0.01:
            left = (now - self._begun) * (1 - fraction) / fraction
        self._progress.update(
            self._task,
            completed=fraction,
            message=message,
            left="" if left is None else f"{duration(left)} left",
        )


@contextmanager
def bar(title: str) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs; it is gone afterwards."""
    if not sys.stderr.isatty():
        yield Bar(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _DrawnBar(title, progress)
