"""A cache folder that does not grow for ever: what was used longest ago goes first."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

DOWN_TO = 0.8
"""Share of the allowed bytes that is left after cleaning: the next files are no reason for it."""

USED_SECONDS = 24 * 3600.0
"""A use is noted by the time of a file's last change, and no oftener than this."""


def note_use(path: Path) -> None:
    """Note that a file was read."""
    with suppress(OSError):  # a cache that cannot be written is used as it is
        if time.time() - path.stat().st_mtime > USED_SECONDS:
            os.utime(path)


def clean(folder: Path, most: int, stopped: Callable[[], bool] = lambda: False) -> int:
    """Remove what was used longest ago, if a folder holds more than it should.

    Parameters
    ----------
    folder
        Files in folders below it count, too.
    most
        Bytes.
    stopped
        Whether to give up.

    Returns
    -------
    int
        How many files were removed.
    """
    found: list[tuple[float, int, str]] = []
    for entry in _files(folder):
        if stopped():
            return 0
        with suppress(OSError):  # another process may clean, too
            facts = entry.stat()
            found.append((facts.st_mtime, facts.st_size, entry.path))
    total, removed = sum(size for _, size, _ in found), 0
    if total <= most:
        return 0
    for _, size, path in sorted(found):
        if total <= DOWN_TO * most or stopped():
            break
        with suppress(OSError):
            os.unlink(path)
            removed += 1
        total -= size
    return removed


def _files(folder: Path) -> "Iterator[os.DirEntry[str]]":
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry
