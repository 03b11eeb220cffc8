"""Commands for napari's palette and menus: what the docks' buttons do, from anywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from napari.utils.notifications import show_warning

from napari_qsa.plugin.workbench import projects
from napari_qsa.plugin.workbench.preferences import PLUGIN

if TYPE_CHECKING:
    from napari_qsa.plugin.workbench.dock import WorkbenchDock

WIDGET = "Workbench"
NO_PROJECT = "No project is open: open or make one in the QSA dock first."


def open_dock() -> "WorkbenchDock":
    """Show the workbench of the viewer in front, and return its dock."""
    viewer = napari.current_viewer()
    if viewer is None:
        raise RuntimeError("no napari window is open")
    frame, dock = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    frame.show()
    return dock


def try_samples() -> None:
    """Open the sample project."""
    projects.try_samples(open_dock().workbench)


def new_project() -> None:
    """Make a project from a folder of images."""
    dock = open_dock()
    projects.new_project(dock, dock.workbench)


def open_project() -> None:
    """Open a project."""
    dock = open_dock()
    projects.open_project(dock, dock.workbench)


def close_project() -> None:
    """Close the project; what was painted is saved."""
    if (workbench := _with_project()) is not None:
        workbench.close_project()


def segment_image() -> None:
    """Segment the image that is shown."""
    dock = open_dock()
    if dock.workbench.desk.project is None:
        dock.first.quick.segment()
    elif (current := dock.workbench.pool.current) is not None:
        dock.tabs.go("Segment")
        dock.workbench.segmenter.segment([current])


def next_image() -> None:
    """Go to the next image to annotate."""
    if (workbench := _with_project()) is not None:
        workbench.pool.next()


def previous_image() -> None:
    """Go back to the image before."""
    if (workbench := _with_project()) is not None:
        workbench.pool.back()


def accept_and_next() -> None:
    """Accept the annotation and go to the next image."""
    if (workbench := _with_project()) is not None:
        workbench.annotator.accept(then_next=True)


def suggest_next() -> None:
    """Suggest which images to annotate next."""
    _show_tab("Suggest")


def train() -> None:
    """Look at what a training would use, and start it."""
    _show_tab("Train")


def export() -> None:
    """Write masks and tables."""
    _show_tab("Export")


def open_folder(folder: Path) -> None:
    """Open a project, or images for one, that was given to napari as a folder."""
    open_dock().take(folder)


def _with_project() -> Any:
    workbench = open_dock().workbench
    if workbench.desk.project is None:
        show_warning(NO_PROJECT)
        return None
    return workbench


def _show_tab(title: str) -> None:
    if _with_project() is not None:
        open_dock().tabs.go(title)
