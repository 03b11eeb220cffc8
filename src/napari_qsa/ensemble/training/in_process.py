"""Train a whole run in the caller's process, one member after another."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path

from napari_qsa.ensemble.engines.torch_engine import find_device
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.training.member import Report
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import TrainingError

logger = logging.getLogger(__name__)


def train_in_process(
    data: str | Path,
    options: TrainingOptions | None,
    folder: str | Path | None,
    part: str,
    resume: bool,
    report: Report | None,
    device: str,
) -> Ensemble:
    """Train every pending member in this process; see :meth:`Ensemble.train`."""
    if folder is None and resume:
        raise TrainingError("There is no run to resume: give the folder of the run.")
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="napari-qsa-"))
        if resume:
            run = TrainingRun.open(Path(folder))
        else:
            run = TrainingRun.create(Path(folder), Path(data), options or TrainingOptions(), part)
            for sentence in run.notes:
                logger.warning("%s", sentence)
        chosen = find_device(device)
        for member in run.pending():
            run.train_member(member, report, chosen)
        return run.assemble(device)
