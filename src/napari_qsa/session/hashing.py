"""The whole hash of each image, in a thread of its own that nobody waits for."""

import threading

from psygnal import Signal

from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.lane import Lane

PART = "images"


class Hashing:
    """Hashes the images of the open project that have no whole hash yet.

    Parameters
    ----------
    desk
        With the project.
    """

    finished = Signal(int)
    """How many images were hashed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lane = Lane(desk.post, "qsa-hash")
        self._stop = threading.Event()

    def start(self) -> None:
        """Hash what is left to hash; what is being hashed goes on."""
        project = self._desk.project
        if project is None or project.read_only:
            return
        stop = self._stop

        def work() -> int:
            return 0 if stop.is_set() else project.hash_images(cancelled=stop.is_set)

        def failed(error: BaseException) -> None:
            if self._same(project) and not stop.is_set():
                self._desk.fail(PART, error)

        self._lane.do(work, self.finished.emit, failed)

    def stop(self) -> None:
        """Stop after the file that is being read; what was hashed is recorded if it still can."""
        self._stop.set()
        self._stop = threading.Event()

    def close(self) -> None:
        """Stop for good."""
        self._stop.set()
        self._lane.close()

    def _same(self, project: Project) -> bool:
        return project is self._desk.project
