"""Train a project's models in a process of its own, watch it, and take over what it finds."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from psygnal import Signal

from napari_qsa.errors import ProjectError, TrainingError
from napari_qsa.evaluation.model_comparison import ModelComparison
from napari_qsa.jobs import project_training
from napari_qsa.project import Project
from napari_qsa.project.facts import Slot
from napari_qsa.project.models import present
from napari_qsa.session.desk import Desk
from napari_qsa.session.lane import Lane
from napari_qsa.session.run_watch import Curve, CurveKey, RunInfo, Seen, look
from napari_qsa.session.state import State, Status
from napari_qsa.session.training_plan import (
    SHIPPED,
    Plan,
    ProjectTrainingOptions,
    make_job,
    make_plan,
    to_json,
)

__all__ = [
    "Curve",
    "ModelComparison",
    "Plan",
    "ProjectTrainingOptions",
    "RunInfo",
    "Trainer",
]

POLL_SECONDS = 1.0
_NAME = "training"
_NO_PROJECT = "No project is open: open one, or make a new one."


class Trainer:
    """Starts, watches, cancels and resumes training runs; adopts their models.

    The training is a process of its own that nothing here waits for. What it does is read from
    the run's folder, so another window, or the same one later, sees the same.

    Parameters
    ----------
    desk
        What the parts of the workbench share.
    """

    status_changed = Signal(Status)
    curves_changed = Signal()
    finished = Signal(str)
    """A run that was being trained is done: its id."""
    changed = Signal()
    """The list of runs, a comparison, or a model in use is another one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lane = Lane(desk.post, "qsa-training")
        self._status = Status()
        self._seen = Seen()
        self._starting = False
        self._unwanted: Project | None = None
        self._awaited: str | None = None
        self._looked = False
        self._reading = False
        self._again = False
        self._closed = False
        self._timer: threading.Timer | None = None
        desk.project_changed.connect(self._on_project)

    # What there is

    @property
    def status(self) -> Status:
        """What is being trained now, or how the last training ended."""
        return self._status

    @property
    def running(self) -> bool:
        """Whether a training is being started, or runs."""
        return self._starting or self._running_run() is not None

    @property
    def under_way(self) -> bool:
        """Whether the process of a training has been seen at work."""
        return self._running_run() is not None

    @property
    def looked(self) -> bool:
        """Whether the runs of the open project have been looked at."""
        return self._looked

    @property
    def curves(self) -> Mapping[CurveKey, Curve]:
        """Curves of the shown run, by slot and number of the network."""
        return self._seen.curves or {}

    @property
    def shown(self) -> str | None:
        """The run whose curves there are: the one that runs, else the last."""
        return self._seen.shown

    def runs(self) -> tuple[RunInfo, ...]:
        """List the training runs, oldest first, as they were when they were looked at last."""
        return self._seen.runs

    def comparison(self, run_id: str) -> ModelComparison | None:
        """Give the comparison of a run's model with the one that was in use; None if none."""
        return (self._seen.comparisons or {}).get(run_id)

    def plan(
        self, then: Callable[[Plan], object], options: ProjectTrainingOptions | None = None
    ) -> None:
        """Look what would be trained on, and call `then` with it in the owner's thread."""
        project = self._project()
        if project is not None:
            work = partial(make_plan, project, options or ProjectTrainingOptions())
            self._lane.follow(self._desk.disk)  # what was accepted just now is part of it
            self._lane.do(work, then, self._fail)

    # Training

    def start(self, options: ProjectTrainingOptions | None = None) -> None:
        """Freeze what is accepted now, and begin to train on it."""
        chosen = options or ProjectTrainingOptions()
        self._lane.follow(self._desk.disk)  # what was accepted just now is trained on
        self._launch("Preparing the training", lambda project: _begin(project, chosen))

    def resume(self, run_id: str) -> None:
        """Go on with a run that was stopped, from where it was."""
        self._launch("Resuming the training", lambda project: _resume(project, run_id))

    def cancel(self) -> None:
        """Stop the training; what is trained so far is kept, and `resume` goes on."""
        project, run_id = self._desk.project, self._running_run()
        self._unwanted = project if self._starting else None
        if project is not None and run_id is not None:
            self._show(Status(State.RUNNING, "Stopping the training", self._status.fraction))
            folder = project.folder / "runs" / run_id
            self._lane.do(partial(project_training.cancel, folder), None, self._fail)
            self.poll()

    def poll(self) -> None:
        """Look now how far the runs are; while one runs, this happens every second by itself."""
        project = self._desk.project
        if project is None or self._closed:
            return
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._lane.do(
            partial(look, project), partial(self._take, project), partial(self._lost, project)
        )

    # Its results

    def adopt(self, run_id: str) -> None:
        """Put the models of a finished run into use."""
        self._change(lambda project: project.adopt(run_id))

    def back(self, slot: Slot) -> None:
        """Use the model again that was in use before; before the first one, the shipped one."""
        self._change(lambda project: _back(project, slot))

    def discard(self, run_id: str) -> None:
        """Note that the models of a run are not wanted; its folder stays."""
        self._change(lambda project: project.discard(run_id))

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was asked for is written; False if it takes longer."""
        return self._lane.flush(timeout)

    def close(self) -> None:
        """Watch no more; the training goes on if it was started so."""
        self._closed = True
        self._stop_timer()
        self._lane.close()

    # Inside

    def _project(self) -> Project | None:
        if self._desk.project is None:
            self._fail(ProjectError(_NO_PROJECT))
        return self._desk.project

    def _running_run(self) -> str | None:
        running = [run.id for run in self._seen.runs if run.status == "running"]
        return running[-1] if running else None

    def _launch(self, message: str, work: Callable[[Project], str]) -> None:
        project = self._project()
        if project is None:
            return
        if self.running:
            self._fail(TrainingError("A training runs already: wait for it, or cancel it."))
            return
        self._starting = True
        self._show(Status(State.RUNNING, message))

        def launch() -> str:
            run_id = work(project)
            if self._unwanted is project:  # also if nobody is there any more to hear of it
                project_training.cancel(project.folder / "runs" / run_id)
            return run_id

        self._lane.do(
            launch, partial(self._launched, project), partial(self._not_launched, project)
        )

    def _launched(self, project: Project, run_id: str) -> None:
        if project is self._desk.project:
            self._awaited = run_id  # what is read from now on was read after it began
            self.poll()

    def _not_launched(self, project: Project, error: BaseException) -> None:
        if project is self._desk.project:
            self._starting = False
        self._fail(error)
        self.poll()

    def _change(self, work: Callable[[Project], object]) -> None:
        project = self._project()
        if project is not None:
            self._lane.do(partial(work, project), self._changed, self._fail)

    def _changed(self, _: object) -> None:
        self.changed.emit()
        self.poll()

    def _on_project(self) -> None:
        self._stop_timer()
        self._seen, self._starting, self._awaited, self._looked = Seen(), False, None, False
        self._show(Status())
        self.curves_changed.emit()
        self.changed.emit()
        self.poll()

    def _take(self, project: Project, seen: Seen) -> None:
        """Take over what was read in the lane, and say what is new about it."""
        self._reading = False
        if project is not self._desk.project:
            self.poll()
            return
        self._looked = True
        before, self._seen = self._seen, seen
        was_running = {run.id for run in before.runs if run.status == "running"}
        if self._awaited is not None:
            was_running.add(self._awaited)
            self._starting, self._awaited = False, None
        ended = [run for run in seen.runs if run.id in was_running and run.status != "running"]
        self._show_runs(ended)
        if self._unwanted is project and not self._starting:  # cancelled before it had begun
            self.cancel()
        if before.curves != seen.curves:
            self.curves_changed.emit()
        if before.runs != seen.runs or before.comparisons != seen.comparisons:
            self.changed.emit()
        for run in ended:
            if run.status in ("finished", "adopted"):
                self.finished.emit(run.id)
        self._go_on()

    def _show_runs(self, ended: list[RunInfo]) -> None:
        running = [run for run in self._seen.runs if run.status == "running"]
        if running:
            self._show(Status(State.RUNNING, running[-1].message, running[-1].fraction))
            return
        for run in ended:
            if run.status == "failed":
                self._fail(TrainingError(run.message))
            elif run.status == "interrupted":
                message = "The training was stopped; what is trained so far is kept: resume it."
                self._show(Status(State.CANCELLED, message))
            else:
                message = "The training is done: look at the comparison, and choose."
                self._show(Status(State.DONE, message, 1.0))

    def _lost(self, project: Project, error: BaseException) -> None:
        self._reading = False
        if project is self._desk.project:
            self._fail(error)
        self._go_on()

    def _go_on(self) -> None:
        if self._again:
            self._again = False
            self.poll()
        elif self.running and not self._closed:
            self._stop_timer()
            self._timer = threading.Timer(POLL_SECONDS, self._desk.post, [self.poll])
            self._timer.daemon = True
            self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, error: BaseException) -> None:
        if not self.running:
            self._show(Status(State.FAILED, str(error)))
        self._desk.fail(_NAME, error)

    def _show(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self.status_changed.emit(status)


def _begin(project: Project, options: ProjectTrainingOptions) -> str:
    job = make_job(project, options)
    run = project.new_run(to_json(options))
    project_training.write_job(run.folder, job)
    project_training.start(run.folder, options.keep_running)
    return run.id


def _back(project: Project, slot: Slot) -> str:
    uses = project.facts.slots[slot]
    if present(uses) == 0:
        project.use_model(slot, SHIPPED[slot])
        return SHIPPED[slot]
    return project.back(slot)


def _resume(project: Project, run_id: str) -> str:
    if project.read_only:  # its owner may be doing the same
        raise ProjectError(f"{project.folder} is open read-only: open it as its owner to train.")
    run = project.run(run_id)
    if run.state != "new":
        raise TrainingError(f"Run {run_id} is {run.state}: there is nothing to resume.")
    keep_running = bool(run.options.get("keep_running", True))
    project_training.start(run.folder, keep_running)
    return run.id
