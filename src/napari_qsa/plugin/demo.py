"""The window of `napari-qsa demo`: the sample image, segmented, in a process of its own.

Commands may not import this room, and their process may have loaded torch: they start it as a
program, by `napari_qsa.jobs.window.run_window`.
"""

import argparse
import sys
from pathlib import Path

import napari
from qtpy.QtCore import QTimer

from napari_qsa.plugin.docks.segment import SegmentDock
from napari_qsa.session.options import DEFAULT_ENSEMBLE
from napari_qsa.session.state import State, Status

PLUGIN = "napari-qsa"
SETTLE_MS = 1000
"""How long the window takes to draw new layers before its picture is taken."""


def show_demo(
    sample: str = "stained_glands",
    ensemble: str = DEFAULT_ENSEMBLE,
    screenshot: Path | None = None,
) -> bool:
    """Open napari with a sample, segment it as a user would, and stay until it is closed.

    Parameters
    ----------
    sample
        Key of a sample of the manifest.
    ensemble
        A shipped name or the path of a file.
    screenshot
        Write a picture of the whole window here when the result is shown, and close it.

    Returns
    -------
    bool
        Whether the last segmentation, if one ended, succeeded.
    """
    viewer = napari.Viewer(title="napari-qsa demo", ndisplay=2)
    viewer.window.resize(1500, 900)
    viewer.open_sample(PLUGIN, sample)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
    ends: list[State] = []

    def follow(status: Status) -> None:
        if status.state in (State.DONE, State.FAILED):
            ends.append(status.state)
            if screenshot is not None:
                QTimer.singleShot(SETTLE_MS, finish)

    def finish() -> None:
        viewer.screenshot(str(screenshot), canvas_only=False, flash=False)
        viewer.close()

    dock.segmentation.status_changed.connect(follow)
    _start(dock, ensemble)
    napari.run()
    return ends[-1:] != [State.FAILED]


def _start(dock: SegmentDock, ensemble: str) -> None:
    if Path(ensemble).is_file():
        dock.use_model(ensemble)
    else:
        dock.form.put(ensemble=ensemble)
    dock.start.click()


def main(arguments: list[str] | None = None) -> int:
    """Show the demo; 0, or 1 if the image could not be segmented."""
    parser = argparse.ArgumentParser(prog="python -m napari_qsa.plugin.demo")
    parser.add_argument("--sample", default="stained_glands")
    parser.add_argument("--ensemble", default=DEFAULT_ENSEMBLE)
    parser.add_argument("--screenshot", type=Path, help="write a picture here, and end")
    chosen = parser.parse_args(arguments)
    return 0 if show_demo(chosen.sample, chosen.ensemble, chosen.screenshot) else 1


if __name__ == "__main__":
    sys.exit(main())
