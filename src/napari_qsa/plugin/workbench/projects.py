"""What makes and opens projects: the dialogs, for the docks, the drops and the commands."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QStandardPaths
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.plugin.workbench import preferences
from napari_qsa.plugin.workbench.tab_parts import text
from napari_qsa.session.adding import is_empty

if TYPE_CHECKING:
    from napari_qsa.session.workbench import Workbench

SUFFIX = ".qsa"
SAMPLE = Path("napari-qsa samples", f"samples{SUFFIX}")
PART = "project"
_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


def path(chosen: str) -> Path:
    """Turn what a file dialog gave into a path."""
    return Path(chosen)


def home() -> Path:
    """Return the folder for projects: the preferred one, else the user's documents."""
    preferred = str(preferences.get("projects", "folder")).strip()
    if preferred:
        return Path(preferred).expanduser()
    place = QStandardPaths.StandardLocation.DocumentsLocation
    return Path(QStandardPaths.writableLocation(place) or Path.home())


def folder_name(name: str) -> str:
    """Turn a project's name into that of its folder, fit for every system."""
    plain = " ".join(_FORBIDDEN.sub(" ", name).split()).strip(" .")
    return f"{plain or 'project'}{SUFFIX}"


def try_samples(workbench: "Workbench") -> None:
    """Open the sample project; it is made at the first time."""
    folder = home() / SAMPLE

    def go_on(there: bool) -> None:
        if there:
            workbench.open_project(folder)
        else:
            workbench.new_sample_project(folder)

    workbench.desk.do(PART, lambda: is_project(folder) and not is_empty(folder), go_on)


def new_project(parent: QWidget, workbench: "Workbench", images: Path | None = None) -> None:
    """Ask for a folder of images, unless it is given, and for a name; then make the project."""
    if images is None:
        chosen = QFileDialog.getExistingDirectory(parent, "Choose the folder of your images")
        if not chosen:
            return
        images = path(chosen)
    dialog = NewProject(parent, images)

    def make() -> None:
        workbench.new_project(dialog.folder, dialog.images, name=dialog.name.text().strip())

    dialog.accepted.connect(make)
    dialog.open()


def open_project(parent: QWidget, workbench: "Workbench", read_only: bool = False) -> None:
    """Ask for a project's folder and open it."""
    chosen = QFileDialog.getExistingDirectory(
        parent, f"Choose a project: a folder NAME{SUFFIX}", str(home())
    )
    if chosen:
        workbench.open_project(path(chosen), read_only=read_only)


def add_images(parent: QWidget, workbench: "Workbench") -> None:
    """Ask for a folder of images and add them to the project."""
    chosen = QFileDialog.getExistingDirectory(parent, "Choose a folder of images to add")
    if chosen:
        workbench.pool.add_images([path(chosen)])


def relocate(parent: QWidget, workbench: "Workbench") -> None:
    """Ask where missing images are now, and refer to them there."""
    chosen = QFileDialog.getExistingDirectory(parent, "Where are the missing images now?")
    if chosen:
        workbench.pool.relocate(path(chosen))


def open_path(parent: QWidget, workbench: "Workbench", folder: Path) -> None:
    """Open a folder that was dropped: a project, or else images for one."""

    def go_on(project: bool) -> None:
        if project:
            workbench.open_project(folder)
        elif workbench.desk.project is None or workbench.desk.project.read_only:
            new_project(parent, workbench, folder)
        else:
            _ask_where(parent, workbench, folder)

    workbench.desk.do(PART, partial(is_project, folder), go_on)


def is_project(folder: Path) -> bool:
    """Whether a folder is a project; for a thread that may wait for a slow disk."""
    return (folder / "project.json").is_file()


def _ask_where(parent: QWidget, workbench: "Workbench", folder: Path) -> None:
    box = QMessageBox(parent)
    box.setText(f"What are the images in {folder.name} for?")
    add = box.addButton("Add to this project", QMessageBox.ButtonRole.AcceptRole)
    new = box.addButton("New project…", QMessageBox.ButtonRole.ActionRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    add.clicked.connect(lambda: workbench.pool.add_images([folder]))
    new.clicked.connect(lambda: new_project(parent, workbench, folder))
    box.open()


class NewProject(QDialog):
    """The name of a new project and where it goes."""

    def __init__(self, parent: QWidget, images: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("New project")
        self.images = images
        self._place = images.parent
        self.name = QLineEdit(images.name)
        self.shown = text()
        self.change = QPushButton("Another place…")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.make = self.buttons.addButton("Make project", QDialogButtonBox.ButtonRole.AcceptRole)
        form = QFormLayout()
        form.addRow("Images", text(str(images)))
        form.addRow("Name", self.name)
        form.addRow("Project", self.shown)
        form.addRow("", self.change)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(
            text("The images stay where they are; nothing of them is changed or copied.")
        )
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self.name.textChanged.connect(self._show)
        self.change.clicked.connect(self._change)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._show()

    @property
    def folder(self) -> Path:
        """The folder of the project."""
        return self._place / folder_name(self.name.text())

    def _show(self, _: object = None) -> None:
        self.shown.setText(str(self.folder))
        self.make.setEnabled(bool(self.name.text().strip()))

    def _change(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Where shall the project lie?", str(self._place)
        )
        if chosen:
            self._place = path(chosen)
            self._show()
