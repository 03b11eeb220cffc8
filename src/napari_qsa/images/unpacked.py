"""What of volumes is kept in memory: packed ones unpacked, and answers about whole volumes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from napari_qsa.errors import ImageError

KEPT_BYTES = 2**30
KEPT = 2
"""So many are kept whatever their size: a volume and its labels are read in turn."""

KEPT_ANSWERS = 256

T = TypeVar("T")
Key = tuple[Path, int, int]
"""A file, when it was changed last, and its bytes."""


def key_of(path: Path) -> Key:
    """Tell a file from what it was before it changed."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


class Answers(Generic[T]):
    """What was found out about volumes, so that it is not for each slice anew."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """Give the answer for a key; `find` is called if there is none yet."""
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        found = find()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
        return found


class Unpacked:
    """Arrays of files that can only be read from their beginning; what is damaged is kept, too."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Key, NDArray[Any] | str] = OrderedDict()

    def get(self, path: Path, unpack: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Give the array of a file; only one thread unpacks at a time.

        Raises
        ------
        ImageError
            What `unpack` raised; of a damaged file also the next time, when it is not called.
        """
        key = key_of(path)
        with self._lock:
            if key not in self._kept:
                self._keep(key, unpack)
            self._kept.move_to_end(key)
            found = self._kept[key]
        if isinstance(found, str):
            raise ImageError(found)
        return found

    def _keep(self, key: Key, unpack: Callable[[], NDArray[Any]]) -> None:
        try:
            self._kept[key] = unpack()
        except ImageError as error:
            if _may_pass(error.__cause__):
                raise
            self._kept[key] = str(error)
        while len(self._kept) > KEPT and self._bytes() > KEPT_BYTES:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(0 if isinstance(kept, str) else kept.nbytes for kept in self._kept.values())


def _may_pass(cause: BaseException | None) -> bool:
    """Tell what lies in the system, as too little memory or a lost drive, from a damaged file."""
    of_system = isinstance(cause, OSError) and cause.errno is not None
    return of_system or isinstance(cause, MemoryError)
