"""The ensemble a training starts from: found from any folder, and known by its bytes."""

from __future__ import annotations

from pathlib import Path

from napari_qsa.ensemble import shipped
from napari_qsa.errors import TrainingError
from napari_qsa.images.identity import sha256


def located(start: str) -> str:
    """Give the name of a shipped ensemble as it is, and the path of a file in full."""
    if start in shipped.names() or not Path(start).is_file():
        return start
    return str(Path(start).resolve())


def start_digest(start: str) -> str:
    """Give the SHA-256 sum of the file of an ensemble; EnsembleFileError if there is none."""
    return sha256(shipped.resolve(start))


def check_digest(start: str, digest: str | None) -> None:
    """Refuse a file that is not the one a run began with; None, unrecorded, fits any.

    Raises
    ------
    TrainingError
        If it is another one.
    EnsembleFileError
        If it is gone.
    """
    if digest is not None and start_digest(start) != digest:
        raise TrainingError(
            f"The ensemble {start} is not the one this run started from: "
            "put that back, or start a new run."
        )
