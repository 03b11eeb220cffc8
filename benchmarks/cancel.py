"""From *Cancel* to idle: how long a query for the next images takes to stop, and what it keeps.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/cancel.py --out benchmarks/results/cancel.json

The shipped suggestive ensemble scores the sample images in its engine process, as the window has
it do; each time the query is cancelled at another moment: while the engine starts, and while the
second image since is scored, a little later each time. Measured is the time from the call until
the session is idle again, with the scores there are written. After each cancel the scores on the
disk are counted: none may be lost, and none may come later.

Wanted: at most 2 s. It needs a machine that does nothing else; about three minutes there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from napari_qsa.project import Project
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.state import Status
from napari_qsa.session.workbench import Workbench

KINDS = ("starting", "scoring")
WANTED_S = 2.0
PATIENCE_S = 600.0
LONGEST_DELAY_S = 0.6
"""An image is scored in about this time: the last cancel comes near the end of one."""


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=10, help="of each kind of cancel")
    parser.add_argument("--only", choices=KINDS, help="cancel at this moment only")
    parser.add_argument("--images", type=int, help="of the sample images; all if left out")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["NAPARI_QSA_CACHE"] = str(Path(name, "cache"))
        fresh = make_samples(Path(name), args.images)
        cancels = []
        for number in range(args.times):
            delay = LONGEST_DELAY_S * number / max(1, args.times - 1)
            for kind in [args.only] if args.only else KINDS:
                cancels.append({"while": kind} | cancel_once(fresh, kind, delay))
                print(cancels[-1], flush=True)
    seconds = [found["seconds"] for found in cancels]
    result = {
        "command": "python benchmarks/cancel.py",
        "seed": 0,
        "data": "sample images, shipped suggestive ensemble",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "wanted_s": WANTED_S,
        "longest_s": max(seconds),
        "median_s": sorted(seconds)[len(seconds) // 2],
        "cancels": cancels,
    }
    print(f"longest {result['longest_s']} s, median {result['median_s']} s of {len(cancels)}")
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


class Sitting:
    """A session without a window, and a hand that waits for it."""

    def __init__(self) -> None:
        self._inbox = Inbox()
        self.workbench = Workbench(self._inbox.post)
        self.failures: list[str] = []
        self.workbench.desk.failed.connect(lambda failure: self.failures.append(failure.message))

    def until(self, condition: Callable[[], bool]) -> None:
        """Make the session's calls until something holds, or it has failed."""
        self._inbox.run_until(lambda: condition() or bool(self.failures), PATIENCE_S)
        if self.failures:
            raise RuntimeError(self.failures[0])

    def rest(self, seconds: float) -> None:
        """Make the session's calls for some time."""
        end = time.monotonic() + seconds
        with suppress(TimeoutError):
            self._inbox.run_until(lambda: time.monotonic() >= end, seconds)

    def open(self, folder: Path) -> None:
        """Open a project, and wait until its images are known."""
        self.workbench.open_project(folder)
        self.until(lambda: self.workbench.desk.project is not None)
        self.until(lambda: not self.workbench.running and len(self.workbench.pool.rows) > 0)


def make_samples(folder: Path, images: int | None) -> Path:
    """Make the sample project; nothing is scored in it."""
    sitting = Sitting()
    project = folder / "fresh" / "samples.qsa"
    sitting.workbench.new_sample_project(project)
    sitting.until(lambda: sitting.workbench.desk.project is not None)
    sitting.until(lambda: not sitting.workbench.running)
    if images is not None:
        opened = sitting.workbench.desk.project
        assert opened is not None
        opened.set_role(list(opened.images)[images:], "excluded")
    sitting.workbench.close()
    return project


def cancel_once(fresh: Path, kind: str, delay: float) -> dict[str, Any]:
    """Begin a query on a copy of a project, cancel it, and look at what is left.

    Parameters
    ----------
    fresh
        A project whose images have no scores.
    kind
        ``"starting"`` cancels while the engine's process starts, ``"scoring"`` while an image is
        scored and another one has been.
    delay
        Seconds from then on until the cancel.
    """
    folder = fresh.parent.parent / "copy" / fresh.name
    shutil.copytree(fresh.parent, folder.parent)  # its images lie beside it
    sitting = Sitting()
    try:
        sitting.open(folder)
        suggester, project = sitting.workbench.suggester, sitting.workbench.desk.project
        assert project is not None
        model = suggester.model
        assert model is not None
        begun: list[str] = []
        suggester.status_changed.connect(partial(note, begun))
        suggester.suggest()
        sitting.until(lambda: len(begun) >= (1 if kind == "starting" else 2))
        sitting.rest(delay)
        answered = len(begun) - 1
        began = time.perf_counter()
        suggester.cancel()
        sitting.until(lambda: not suggester.running)
        seconds = time.perf_counter() - began
        kept = len(project.read_scores(model))
        message = suggester.status.message
    finally:
        sitting.workbench.close()
    with Project.open(folder) as again:
        later = len(again.read_scores(model))
        wanted = sum(record.role != "excluded" for record in again.images.values())
    shutil.rmtree(folder.parent)
    return {
        "delay_s": round(delay, 2),
        "seconds": round(seconds, 3),
        "scored_before": answered,
        "kept": kept,
        "on_disk_after_closing": later,
        "images": wanted,
        "said": message,
    }


def note(begun: list[str], status: Status) -> None:
    """Note each image that is begun with, once: those before it are scored."""
    if status.message.startswith("Scoring") and status.message not in begun:
        begun.append(status.message)


if __name__ == "__main__":
    main()
