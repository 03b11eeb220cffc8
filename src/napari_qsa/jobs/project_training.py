"""Training on a project by a process of its own that may outlive the one that started it.

All they say to each other goes through the run's folder: ``job.json`` says what to do,
``process.json`` who does it, ``state.json`` how far it is, and a file ``cancel`` asks it to stop.
What is trained stays in the folder, and another process goes on from there. Importing this loads
no torch.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import napari_qsa
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.errors import QsaError, TrainingError
from napari_qsa.formats import replacing
from napari_qsa.jobs.identity import started_at
from napari_qsa.jobs.lock import lock

JOB, PROCESS, STATE, CANCEL, LOG = "job.json", "process.json", "state.json", "cancel", "trainer.log"
TRAIN, VALIDATION, COMPARISON = "train.json", "validation.json", "comparison.json"

Progress = Literal["starting", "running", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class Stage:
    """One of the two trainings of a run.

    Attributes
    ----------
    slot : str
        ``suggestive`` or ``segmentation``: a folder of this name in the run's holds the training.
    options : TrainingOptions
        Their iterations matter only where the job has no minutes.
    share : float
        Of the minutes.
    """

    slot: str
    options: TrainingOptions
    share: float


@dataclass(frozen=True)
class ProjectJob:
    """What a project's run trains, in order.

    Attributes
    ----------
    stages : tuple of Stage
    minutes : float or None
        Of the whole run; turned into iterations once, by a measurement.
    workers : int or None
        Processes that train members; None is a core less than there are.
    current : str or None
        The segmentation model in use, a file or a shipped name, to compare the new one with.
    """

    stages: tuple[Stage, ...]
    minutes: float | None
    workers: int | None = None
    current: str | None = None


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes
    ----------
    progress : {"starting", "running", "finished", "cancelled", "failed"}
    message : str
        What is being done; of a failure, what was wrong and what to do.
    fraction : float
        Of the run, 0 to 1.
    seconds_left : float or None
    """

    progress: Progress
    message: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None


def write_job(folder: Path, job: ProjectJob) -> None:
    """Write down what a run is to train."""
    write_json(folder / JOB, asdict(job))


def read_job(folder: Path) -> ProjectJob:
    """Read what a run is to train; TrainingError if that cannot be read."""
    try:
        values = json.loads((folder / JOB).read_text(encoding="utf-8"))
        stages = tuple(
            Stage(stage["slot"], TrainingOptions.from_json(stage["options"]), stage["share"])
            for stage in values["stages"]
        )
        return ProjectJob(stages, values["minutes"], values["workers"], values["current"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder / JOB} cannot be read ({error}): start a new run.") from error


def start(folder: Path, keep_running: bool = True) -> None:
    """Start the process that trains a run, new or interrupted, and return at once.

    Parameters
    ----------
    folder
        Of the run; it holds a job.
    keep_running
        Whether it goes on when this process ends.

    Raises
    ------
    TrainingError
        If the run is being trained already, or the process cannot be started.
    """
    if is_running(folder):
        raise TrainingError(f"{folder} is being trained already: wait for it, or cancel it.")
    read_job(folder)
    (folder / CANCEL).unlink(missing_ok=True)
    write_state(folder, RunState("starting", "Starting to train"))
    package = str(Path(napari_qsa.__file__).resolve().parent.parent)
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    arguments = [str(folder), *([] if keep_running else ["--end-with-parent"])]
    try:
        with open(folder / LOG, "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "napari_qsa.jobs.project_worker", *arguments],
                stdin=subprocess.DEVNULL if keep_running else subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
                | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
    except OSError as error:
        raise TrainingError(
            f"A training process cannot be started ({error}): look at what it names, then resume "
            "the run."
        ) from error
    write_process(folder, child.pid)
    # Somebody must take note of its end, and hold the pipe till then.
    threading.Thread(target=_reap, args=(child,), name="qsa-reaper", daemon=True).start()


def write_process(folder: Path, pid: int) -> None:
    """Write down which process trains a run."""
    values = {
        "run": folder.name,
        "pid": pid,
        "started": started_at(pid),
        "host": socket.gethostname(),
        "time": round(time.time(), 3),
    }
    write_json(folder / PROCESS, values)


def is_running(folder: Path) -> bool:
    """Tell whether a process trains a run: the very one that is written down, not its number."""
    values = _read(folder / PROCESS)
    pid = values.get("pid")
    if values.get("run") != folder.name or type(pid) is not int:
        return False
    if values.get("host") == socket.gethostname():
        return values.get("started") is not None and started_at(pid) == values["started"]
    try:
        with lock(folder / "lock") as free:  # of another machine, only the lock tells
            return not free
    except QsaError:  # on a share that is read-only here it cannot be asked: better not to disturb
        return True


def cancel(folder: Path) -> None:
    """Ask the process that trains a run to stop; it does so within a second."""
    write_json(folder / CANCEL, {})


def read_state(folder: Path) -> RunState:
    """Read how far a run is; of a process that was killed, how far it had come."""
    values = _read(folder / STATE)
    try:
        return RunState(**{name: values[name] for name in RunState.__dataclass_fields__})
    except KeyError:
        return RunState("starting")


def write_state(folder: Path, state: RunState) -> None:
    """Write down how far a run is."""
    write_json(folder / STATE, asdict(state))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a JSON file as a whole; QsaError if it cannot be written."""
    with replacing(path) as file:
        file.write(json.dumps(values, indent=1, allow_nan=False).encode() + b"\n")


def _reap(child: "subprocess.Popen[bytes]") -> None:
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
