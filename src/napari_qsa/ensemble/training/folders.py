"""Folders of runs: made, and found to be writable, before the work that would be lost."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from napari_qsa.errors import TrainingError


def make_folder(folder: Path) -> None:
    """Make a folder if it is missing, and write to it for a test.

    Raises
    ------
    TrainingError
        If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainingError(
            f"The folder {folder} cannot be made or written to ({error.strerror}): "
            "choose another one."
        ) from error


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make a folder as `make_folder` does; if the block fails and left it empty, it goes again."""
    there = os.path.isdir(folder)
    make_folder(folder)
    try:
        yield
    except BaseException:
        if not there:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()
        raise
