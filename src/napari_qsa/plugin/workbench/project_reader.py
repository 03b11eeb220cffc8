"""Lets napari open a project folder: *File > Open Folder…*, or ``napari NAME.qsa``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_qsa.plugin.workbench.projects import SUFFIX

NO_LAYER: list[Any] = [(None,)]
"""What a reader returns whose work is not a layer."""


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return a function that opens a project in the workbench; None for all else."""
    if isinstance(path, list | tuple):
        path = path[0] if len(path) == 1 else ""
    found = Path(str(path))
    return _open if found.suffix.lower() == SUFFIX and found.is_dir() else None


def _open(path: str | Sequence[str]) -> list[Any]:
    from napari_qsa.plugin.workbench.commands import open_folder

    one = path if isinstance(path, str) else path[0]
    if napari.current_viewer() is not None:
        open_folder(Path(one))
    return NO_LAYER
