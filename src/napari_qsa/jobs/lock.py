"""A lock that ends with its process, however that ends: held by the system on an open file."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_qsa.errors import QsaError

_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""What the system says where somebody else holds the lock."""


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Try to lock a file for the length of the block, without waiting.

    The file is made if it is missing, and stays: were it removed, two processes could hold locks
    on two files of one name.

    Parameters
    ----------
    path
        Its folder must exist.

    Yields
    ------
    bool
        Whether the lock is held; False where another process, or another block, holds it.

    Raises
    ------
    QsaError
        If the file cannot be made, or the file system knows no locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise QsaError(
            f"{path} cannot be written ({error.strerror}): choose another folder."
        ) from error
    try:
        try:
            _acquire(handle)
            held = True
        except OSError as error:
            if error.errno not in _TAKEN:
                raise QsaError(
                    f"{path} cannot be locked ({error.strerror}): choose a folder on a disk of "
                    "this machine."
                ) from error
            held = False
        yield held
    finally:
        os.close(handle)  # this releases the lock


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
