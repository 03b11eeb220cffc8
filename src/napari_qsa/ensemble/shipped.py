"""The ensembles that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

from napari_qsa.errors import EnsembleFileError

FOLDER = Path(__file__).resolve().parent.parent / "ensembles"
SUFFIX = ".safetensors"


def names() -> tuple[str, ...]:
    """Names of the shipped ensembles, sorted."""
    return tuple(sorted(file.stem for file in FOLDER.glob(f"*{SUFFIX}")))


def path(name: str) -> Path:
    """Give the file of a shipped ensemble; EnsembleFileError if there is none of that name."""
    if name not in names():
        known = ", ".join(names()) or "none"
        raise EnsembleFileError(f"There is no shipped ensemble {name!r}; there are: {known}.")
    return FOLDER / f"{name}{SUFFIX}"


def resolve(name_or_path: str | Path) -> Path:
    """Find an ensemble by its shipped name or by its path.

    Raises
    ------
    EnsembleFileError
        If it is neither.
    """
    if isinstance(name_or_path, str) and name_or_path in names():
        return path(name_or_path)
    file = Path(name_or_path)
    if file.is_file():
        return file
    known = ", ".join(names()) or "none"
    raise EnsembleFileError(
        f"There is no ensemble {str(name_or_path)!r}: it is no file, "
        f"and not one of the shipped ones ({known})."
    )
