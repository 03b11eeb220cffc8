"""Lets napari open folders: *File > Open Folder…*, or ``viewer.open(folder, plugin="napari-qsa")``.

A project is opened in the workbench; any other folder is taken as images for one, as if it had
been dropped on the window.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_qsa.errors import QsaError
from napari_qsa.plugin.workbench.drops import NAPARIS_OWN

NO_LAYER: list[Any] = [(None,)]
"""What a reader returns whose work is not a layer."""
NO_WINDOW = "A folder is opened in the workbench, which needs a napari window: start napari first."
ONE_ONLY = "The workbench opens one folder at a time: choose one project, or one folder of images."


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return a function that opens folders in the workbench; None for all else."""
    paths = [path] if isinstance(path, str | Path) else list(path)
    return _open if paths and all(_is_ours(Path(str(one))) for one in paths) else None


def _is_ours(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() not in NAPARIS_OWN


def _open(path: str | Sequence[str]) -> list[Any]:
    """Open one folder; no layer comes of it."""
    from napari_qsa.plugin.workbench.commands import open_folder

    paths = [path] if isinstance(path, str | Path) else list(path)
    if napari.current_viewer() is None:
        raise QsaError(NO_WINDOW)
    if len(paths) != 1:
        raise QsaError(ONE_ONLY)
    open_folder(Path(paths[0]))
    return NO_LAYER
