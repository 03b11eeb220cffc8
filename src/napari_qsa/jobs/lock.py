"""A lock that ends with its process, however that ends: held by the system on an open file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _acquire(handle)
    finally:
        os.close(handle)  # this releases the lock


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _acquire(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
