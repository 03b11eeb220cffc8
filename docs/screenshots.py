"""Take the pictures of the guide: the real window, at work on the sample project.

Run by ``make screenshots``; by hand, with a screen or below ``xvfb-run``:

    python docs/screenshots.py docs/images

Nothing is downloaded, and what is shown are the sample images alone: drawn glands, and
scikit-image's immunohistochemistry. The models shown are the shipped ones; the training that is
shown is a short one of five networks, so it takes some minutes.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME = Path(tempfile.gettempdir(), "Ada")
"""Whoever works in the pictures has her documents here; removed at the end."""
SIZE = (1366, 900)
THEMES = ("light", "dark")
ROUND = 4
"""Images that are suggested; one to check the model with comes on top."""
ITERATIONS = 60
SMALL = {"crop": 128}
"""Crops of the training, so that the pictures need not wait long for it."""
PATIENCE = 3600


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="of the training")
    args = parser.parse_args()
    if HOME.exists():
        sys.exit(f"{HOME} is there already: remove it, then run this again.")
    (HOME / "Documents").mkdir(parents=True)
    try:
        os.environ |= {
            "HOME": str(HOME),
            "XDG_CONFIG_HOME": str(HOME / "config"),
            "XDG_CACHE_HOME": str(HOME / "cache"),
            "NAPARI_QSA_CACHE": str(HOME / "index"),
        }
        folder = args.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        Shoot(folder).all(args.iterations)
    finally:
        shutil.rmtree(HOME)


class Shoot:
    """The window, and the way through it."""

    def __init__(self, folder: Path) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        self._folder = folder
        self._events = QApplication.processEvents
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
        self.workbench: Any = self.dock.workbench
        self.pool = self.workbench.pool
        self.failures: list[str] = []
        self.workbench.desk.failed.connect(lambda failure: self.failures.append(failure.message))

    def all(self, iterations: int) -> None:
        """Go through a round, and take a picture at each stop."""
        self.take("first-run")
        self.dock.first.samples.click()
        self.until(lambda: self.workbench.desk.project is not None and self.idle(self.workbench))
        self.suggest()
        self.annotate()
        self.train(iterations)
        self.export()
        self.viewer.close()
        self._events()

    # -- the stops

    def suggest(self) -> None:
        """Ask for images, and show them with their heatmaps."""
        tab = self.dock.tabs.go("Suggest")
        tab.number.setValue(ROUND)
        tab.start.click()
        self.until(lambda: bool(tab.batch.cards) and self.idle(self.workbench.suggester))
        self.until(lambda: self.idle(self.workbench.segmenter))
        self.pool.open(self.wanted()[0])
        self.until_open(self.wanted()[0])
        self.take("batch")

    def annotate(self) -> None:
        """Show an image that is being corrected; then accept all that is asked for, as drawn."""
        import numpy as np

        from napari_qsa.images import synthetic_glas
        from napari_qsa.session.samples import DRAWN, SEED, SHAPE

        tab = self.dock.tabs.go("Annotate")
        self.until(lambda: tab.layers.proposal is not None)
        self.take_some_over(tab)
        tab.heatmap.setChecked(True)
        self.take("annotate")
        tab.heatmap.setChecked(False)
        truth = [labels for _, labels, _ in synthetic_glas(DRAWN, SEED, SHAPE)]
        for image_id in self.wanted():
            name = self.pool.row(image_id).name
            if not name.startswith("drawn"):
                continue
            self.pool.open(image_id)
            self.until_open(image_id)
            if tab.layers.opened.glands.any():
                tab.tools.clear()
                self.until(lambda: not tab.layers.opened.glands.any())
            labels = truth[int(name.split()[-1]) - 1]
            where = np.nonzero(labels)
            tab.layers.glands.data_setitem(where, labels[where])
            tab.accept()
            self.until(lambda i=image_id: self.pool.row(i).annotation == "accepted")

    def take_some_over(self, tab: Any) -> None:
        """Take half of the proposed glands over, so that both can be seen."""
        import numpy as np

        from napari_qsa.plugin.workbench.toolbox import Tool

        labels = tab.layers.proposal.labels
        for number in range(1, int(labels.max()) + 1, 2):
            rows, columns = np.nonzero(labels == number)
            tab.tools.click(
                (int(rows[len(rows) // 2]), int(columns[len(rows) // 2])), Tool.TAKE_OVER
            )
            self.until(lambda n=number: bool((tab.layers.opened.glands[labels == n] > 0).any()))
        self.until(lambda: self.workbench.annotator.saving.state == "saved")

    def train(self, iterations: int) -> None:
        """Show the curves while the last networks learn, then the comparison."""
        from napari_qsa.session.trainer import ProjectTrainingOptions

        tab = self.dock.tabs.go("Train")
        trainer = self.workbench.trainer
        tab.form.base = ProjectTrainingOptions(suggestive=SMALL, segmentation=SMALL)
        tab.form.iterations.setValue(iterations)
        tab.form.keep_running.setChecked(False)  # whoever stops this stops it too
        self.until(lambda: tab.start.isEnabled())
        tab.start.click()
        last = ("segmentation", tab.form.members.value() - 1)
        self.until(lambda: 2 * last_iteration(trainer.curves.get(last)) > iterations)
        self.scroll_to(tab.work)
        self.take("training")
        self.until(lambda: self.idle(trainer))
        self.scroll_to(tab.comparison)
        self.take("comparison")

    def export(self) -> None:
        """Export what is accepted."""
        tab = self.dock.tabs.go("Export")
        tab.what.setCurrentIndex(tab.what.findData("accepted"))
        tab.start.click()
        self.until(lambda: self.idle(self.workbench.exporter))
        self.take("export")

    # -- how

    def take(self, name: str) -> None:
        """Write a picture of the window in each theme, in 256 colours."""
        from PIL import Image

        self.point_at((0.5, 0.45))
        for theme in THEMES:
            self.viewer.theme = theme
            self.rest(1.5)
            path = self._folder / f"{name}-{theme}.png"
            pixels = self.viewer.screenshot(canvas_only=False, flash=False)
            # Seldom colours count as much as others: else the top of the colour bar is lost.
            coverage = Image.Quantize.MAXCOVERAGE
            lean = Image.fromarray(pixels).convert("RGB").quantize(256, coverage, kmeans=2)
            lean.save(path, optimize=True)
            sys.stderr.write(f"{path}\n")

    def wanted(self) -> list[str]:
        """List what is asked for, the first to annotate first."""
        rows = [row for row in self.pool.rows if row.asked_for]
        return [row.id for row in sorted(rows, key=lambda r: (r.asked_for, r.rank or 0))]

    def until_open(self, image_id: str) -> Any:
        """Wait until an image is open for annotation; give what is open."""
        annotator = self.workbench.annotator
        self.until(lambda: annotator.current is not None)
        self.until(lambda: annotator.current.image_id == image_id)
        self.rest(0.5)
        return annotator.current

    def idle(self, part: Any) -> bool:
        """Tell whether a part of the workbench has nothing to do."""
        return not part.running

    def scroll_to(self, widget: Any) -> None:
        """Bring a widget of the shown tab into sight, with what is below it."""
        area = self.dock.tabs.currentWidget()
        area.verticalScrollBar().setValue(widget.pos().y() - 8)

    def point_at(self, share: tuple[float, float]) -> None:
        """Move the mouse to a place of the canvas, given as shares of its width and height."""
        from qtpy.QtCore import QPoint
        from qtpy.QtTest import QTest
        from qtpy.QtWidgets import QApplication

        canvas = next(
            widget
            for widget in QApplication.allWidgets()
            if type(widget).__name__ == "CanvasBackendDesktop"
        )
        across, down = share
        QTest.mouseMove(canvas, QPoint(int(across * canvas.width()), int(down * canvas.height())))

    def rest(self, seconds: float) -> None:
        """Let the window draw."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.failures or time.monotonic() > end:
                sys.exit(self.failures[0] if self.failures else "It did not happen in time.")
            self._events()
            time.sleep(0.01)


def last_iteration(curve: Any) -> int:
    """Give how far a network is."""
    return 0 if curve is None or not curve.iterations else int(curve.iterations[-1])


if __name__ == "__main__":
    main()
