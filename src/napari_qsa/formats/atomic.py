"""Files that appear whole or not at all, also when the process is killed while writing."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from napari_qsa.errors import QsaError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends without error.

    What is written goes to a hidden file in the same folder, is flushed to the disk, and only
    then renamed, so a reader sees the old file or the new one, never a part. After an error the
    old file is as it was and the hidden one is removed.

    Parameters
    ----------
    path
        The file to make or replace; its folder must exist.

    Yields
    ------
    BinaryIO
        Open for reading and writing, and seekable.

    Raises
    ------
    QsaError
        If the folder is missing or not writable, the disk is full, or the file cannot be
        replaced.
    """
    target = Path(path)
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with hidden.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(hidden, target)
        sync_folder(target.parent)
    except OSError as error:
        raise QsaError(_sentence(target, error)) from error
    finally:
        with contextlib.suppress(OSError):  # nothing is left to remove after the rename
            hidden.unlink()


def sync_folder(folder: Path) -> None:
    """Flush what was renamed or removed in a folder to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sentence(target: Path, error: OSError) -> str:
    if not target.parent.is_dir():
        return f"{target} cannot be written: there is no folder {target.parent}; make it first."
    if target.is_dir():
        return f"{target} cannot be written: it is a folder; choose another file name."
    reason = error.strerror or type(error).__name__
    return (
        f"{target} cannot be written ({reason}); choose a folder with write permission and "
        "free space, and close the file in other programs."
    )
