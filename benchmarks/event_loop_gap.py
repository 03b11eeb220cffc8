"""The longest gap of the window's event loop: painting alone, and painting while networks train.

Opens the real window on a project of drawn images, paints with real mouse events for some seconds,
then does the same while five networks train in as many processes as there are cores. A timer of
1 ms ticks in the window's event loop all the while; a gap is the time between two of its ticks.
Rounds alternate, so that both see the same machine. The painting is the same in each.

It needs a screen and a machine that does nothing else; about six minutes with the defaults.
Without a screen:

    xvfb-run -a -s "-screen 0 1600x1000x24" \
        python benchmarks/event_loop_gap.py --out benchmarks/results/event_loop_gap.json

Wanted: while training the longest gap is at most twice that without.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_qsa.images import GLAS_PIXEL_SIZE, open_images, synthetic_glas
from napari_qsa.project import Project
from napari_qsa.session.trainer import ProjectTrainingOptions

IMAGES, SHAPE, SMALL_SHAPE = 4, (522, 775), (128, 160)
NETWORKS = 5
SMALL_CROP = {"crop": 64}
ITERATIONS = 4000
"""More than are done while this runs."""
STROKE_MS = 8
"""Between two events of the mouse: 125 a second."""
PATIENCE = 600


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of painting in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--networks", type=int, default=NETWORKS)
    parser.add_argument("--small", action="store_true", help="small images, to try it out")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for variable in ("XDG_CONFIG_HOME", "NAPARI_QSA_CACHE"):
            os.environ[variable] = str(Path(name) / variable)
        project = make_project(Path(name), SMALL_SHAPE if args.small else SHAPE)
        window = Window(project)
        # What is imported or compiled at the first stroke counts for neither.
        window.paint(min(3.0, args.seconds))
        rounds = []
        for number in range(args.rounds):
            alone = window.paint(args.seconds)
            processes = window.train(args.workers, args.networks, args.small)
            training = window.paint(args.seconds)
            window.stop()
            rounds.append({"alone": facts(alone), "training": facts(training) | processes})
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        window.close()
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "command": "python benchmarks/event_loop_gap.py",
        "seed": 0,
        "data": f"{IMAGES} drawn images",
        "networks": args.networks,
        "seconds": args.seconds,
        "rounds": rounds,
        "longest_ms": {
            kind: float(np.median([found[kind]["longest_ms"] for found in rounds]))
            for kind in ("alone", "training")
        },
    }
    result["ratio"] = round(result["longest_ms"]["training"] / result["longest_ms"]["alone"], 2)
    print(f"longest gap, median of {args.rounds}: {result['longest_ms']}, ratio {result['ratio']}")
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


def make_project(folder: Path, shape: tuple[int, int]) -> Path:
    """Write drawn images and a project of them, accepted as they were drawn."""
    pictures = folder / "pictures"
    pictures.mkdir()
    made = list(synthetic_glas(IMAGES, seed=0, shape=shape))
    for number, (pixels, _, _) in enumerate(made):
        Image.fromarray(pixels).save(pictures / f"drawn {number}.png")
    with Project.create(folder / "gap.qsa", "Gap", pixel_size=GLAS_PIXEL_SIZE) as project:
        project.add_images(open_images([pictures]))
        for image_id, (_, labels, _) in zip(list(project.images), made, strict=True):
            project.accept(image_id, labels, np.ones_like(labels))
            project.set_role([image_id], "train")
        return project.folder


class Window:
    """The real window with the workbench, and a hand that paints in it."""

    def __init__(self, folder: Path) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1500, 950)
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
        self.workbench: Any = dock.workbench
        self.failures: list[str] = []
        self.workbench.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        self.workbench.open_project(folder)
        self.spin(lambda: len(self.workbench.pool.rows) == IMAGES)
        self.workbench.pool.open(self.workbench.pool.rows[0].id)
        tab = dock.tabs.make(0)
        self.layers, self.tools = tab.layers, tab.tools
        self.spin(lambda: self.layers.glands is not None)
        dock.tabs.go("Train")  # its curves are drawn while it trains
        self.canvas = next(
            widget
            for widget in QApplication.allWidgets()
            if type(widget).__name__ == "CanvasBackendDesktop"
        )
        self.rest(1.0)

    def spin(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.failures or time.monotonic() > end:
                sys.exit(self.failures[0] if self.failures else "It did not happen in time.")
            QApplication.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float) -> None:
        """Let the event loop run."""
        end = time.monotonic() + seconds
        self.spin(lambda: time.monotonic() > end)

    def train(self, workers: int, networks: int, small: bool) -> dict[str, int]:
        """Start to train networks; return when all processes are at work."""
        trainer = self.workbench.trainer
        usual = ProjectTrainingOptions()
        crop = SMALL_CROP if small else {}
        trainer.start(
            replace(
                usual,
                iterations=ITERATIONS,
                members=networks,
                workers=workers,
                keep_running=False,
                suggestive={**usual.suggestive, **crop},
                segmentation={**usual.segmentation, **crop},
            )
        )
        # Each network tells when it enters a phase: it has read the images and begins to learn.
        self.spin(lambda: trainer.under_way and len(trainer.curves) >= min(workers, networks))
        return {"workers": workers, "networks_at_work": len(trainer.curves)}

    def stop(self) -> None:
        """Stop the training, and forget it."""
        trainer = self.workbench.trainer
        trainer.cancel()
        self.spin(lambda: not trainer.running)
        trainer.discard(trainer.shown)
        self.rest(2.0)

    def paint(self, seconds: float) -> list[float]:
        """Paint strokes as a hand does, and give the gaps between the ticks of the event loop."""
        self.tools.clear()
        self.spin(lambda: not self.layers.glands.data.any())
        self.rest(1.0)
        loop, strokes, ticks = QEventLoop(), QTimer(), QTimer()
        gaps: list[float] = []
        hand = Hand(self.canvas)
        last = time.perf_counter()
        end = last + seconds

        def tick() -> None:
            nonlocal last
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
            if now > end:
                loop.quit()

        for timer, call, interval in ((strokes, hand.move, STROKE_MS), (ticks, tick, 1)):
            timer.setTimerType(Qt.TimerType.PreciseTimer)
            timer.timeout.connect(call)
            timer.start(interval)
        loop.exec()
        hand.lift()
        for timer in (strokes, ticks):
            timer.stop()
        if not self.layers.glands.data.any():
            sys.exit("Nothing was painted: look where the hand is.")
        self.workbench.annotator.flush(30)
        return gaps

    def close(self) -> None:
        """Close the window; the workbench goes with it."""
        self.viewer.close()
        QApplication.processEvents()


class Hand:
    """Paints one arc after another, each of 40 events."""

    LENGTH = 40

    def __init__(self, canvas: Any) -> None:
        self._canvas, self._step = canvas, 0
        self._random = np.random.default_rng(0)

    def move(self) -> None:
        """Send one event of the mouse."""
        place = self._step % self.LENGTH
        if place == 0:
            self._middle = self._random.uniform(0.35, 0.65, 2)
            QTest.mousePress(self._canvas, Qt.MouseButton.LeftButton, pos=self._at(0))
        elif place < self.LENGTH - 1:
            QTest.mouseMove(self._canvas, self._at(place))
        else:
            self.lift()
        self._step += 1

    def lift(self) -> None:
        """End the stroke."""
        QTest.mouseRelease(self._canvas, Qt.MouseButton.LeftButton, pos=self._at(self._step))

    def _at(self, place: int) -> QPoint:
        angle = 2 * np.pi * place / self.LENGTH
        share = self._middle + 0.1 * np.array([np.cos(angle), np.sin(angle)])
        return QPoint(*(int(x) for x in share * (self._canvas.width(), self._canvas.height())))


def facts(gaps: list[float]) -> dict[str, Any]:
    """Sum up gaps, in milliseconds."""
    sizes = 1000 * np.array(gaps)
    return {
        "longest_ms": round(float(sizes.max()), 1),
        "p99_ms": round(float(np.percentile(sizes, 99)), 1),
        "median_ms": round(float(np.median(sizes)), 1),
        "ticks": len(gaps),
    }


if __name__ == "__main__":
    main()
