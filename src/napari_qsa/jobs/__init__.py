"""Long work outside the caller's process: the engine process and what runs in it."""

from napari_qsa.jobs.engine import Engine, Job
from napari_qsa.jobs.progress import Progress, report

__all__ = ["Engine", "Job", "Progress", "report"]
