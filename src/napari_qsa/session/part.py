"""What the parts of a workbench that work for long have in common."""

from collections.abc import Sequence

from psygnal import Signal

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.errands import Unusable, images
from napari_qsa.session.lane import Lane
from napari_qsa.session.state import State, Status


class Part:
    """A part with a lane of its own, and a status that a dock shows.

    Parameters
    ----------
    desk
        What it works at.
    name
        Of the part, for failures and for its thread.
    """

    status_changed = Signal(Status)

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self._name = name
        self._lane = Lane(desk.post, f"qsa-{name}")
        self._status = Status()

    @property
    def status(self) -> Status:
        """What it does now, or how the last work ended."""
        return self._status

    @property
    def running(self) -> bool:
        """Whether it works."""
        return self._status.state is State.RUNNING

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was to be written is written; False if it takes longer."""
        return self._lane.flush(timeout)

    def close(self) -> None:
        """Let go of its thread; what was to be written is written."""
        self._lane.close()

    def _begin(self, message: str) -> Project | None:
        """Start to work, if there is a project and nothing else is being done."""
        project = self._desk.project
        refused = ""
        if project is None:
            refused = "No project is open: open one first."
        elif self.running:
            refused = f"The last call for {self._name} is not done yet: wait for it, or cancel it."
        if refused:
            self._desk.fail(self._name, ProjectError(refused))
            return None
        self._show(State.RUNNING, message)
        return project

    def _fail(self, error: BaseException) -> None:
        """End with a failure, and tell everybody."""
        self._show(State.FAILED, str(error), details="\n".join(getattr(error, "__notes__", ())))
        self._desk.fail(self._name, error)

    def _complain(self, what: str, unusable: Sequence[Unusable]) -> None:
        """Tell everybody of images that could not be `what`; the work as such is done."""
        first, count = unusable[0].error, len(unusable)
        problem = QsaError(
            first if count == 1 else f"{images(count)} could not be {what}; the first: {first}"
        )
        for each in unusable:
            problem.add_note(each.error)
        self._desk.fail(self._name, problem)

    def _show(
        self, state: State, message: str = "", fraction: float | None = None, details: str = ""
    ) -> None:
        self._status = Status(state, message, fraction, details)
        self.status_changed.emit(self._status)
