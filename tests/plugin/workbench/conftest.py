"""What tests of the docks share: a place for settings, and a session of plain objects."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image
from psygnal import Signal
from qtpy.QtCore import QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_qsa.plugin.workbench.room import furnish
from napari_qsa.project import Project
from napari_qsa.session.desk import Failure
from napari_qsa.session.pool import Row
from napari_qsa.session.state import Status


@pytest.fixture(autouse=True)
def settings_folder(tmp_path, monkeypatch):
    """Where docks remember their places: not where the user's own docks do."""
    folder = tmp_path / "settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))  # for windows in other processes
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(folder))
    return folder


class PlainDesk:
    """Does its work at once."""

    failed = Signal(Failure)
    project_changed = Signal()

    def __init__(self):
        self.project = None

    def post(self, call):
        call()

    def do(self, part, work, then=None):
        result = work()
        if then is not None:
            then(result)

    def put_project(self, project):
        self.project = project
        self.project_changed.emit()


class PlainPool:
    """Rows as they are given, and a list of what was asked for."""

    rows_changed = Signal()
    row_changed = Signal(str)
    current_changed = Signal(object)

    def __init__(self):
        self.rows = ()
        self.current = None
        self.asked = []

    def put(self, *rows):
        self.rows = rows
        self.rows_changed.emit()

    def put_row(self, row):
        self.rows = tuple(row if each.id == row.id else each for each in self.rows)
        self.row_changed.emit(row.id)

    def row(self, image_id):
        return next(row for row in self.rows if row.id == image_id)

    def open(self, image_id):
        self.current = image_id
        self.current_changed.emit(image_id)

    def __getattr__(self, name):
        if name in ("next", "back", "set_role", "relocate", "confirm_changed", "add_images"):
            return lambda *values: self.asked.append((name, *values))
        raise AttributeError(name)


class PlainThumbnails:
    """Pictures that are there as soon as they are wanted and `deliver` is called."""

    ready = Signal(str)

    def __init__(self):
        self.wanted = []
        self.pictures = {}

    def want(self, ids):
        self.wanted = list(ids)

    def get(self, image_id):
        return self.pictures.get(image_id)

    def deliver(self):
        for image_id in self.wanted:
            self.pictures[image_id] = np.full((72, 96, 3), 200, np.uint8)
            self.ready.emit(image_id)


class PlainWorkbench:
    status_changed = Signal(Status)

    def __init__(self):
        self.desk, self.pool, self.thumbnails = PlainDesk(), PlainPool(), PlainThumbnails()
        self.asked = []
        self.status, self.running = Status(), False
        self.annotator = SimpleNamespace(
            current=None,
            flush=lambda seconds: self.asked.append("flush") or True,
            save_now=lambda: self.asked.append("save_now"),
            accept=lambda **options: self.asked.append(("accept", options)),
        )

    def close(self):
        self.asked.append("close")

    def __getattr__(self, name):
        if name in (
            "new_project",
            "new_sample_project",
            "open_project",
            "close_project",
            "cancel",
        ):
            return lambda *values, **named: self.asked.append((name, *values, named))
        raise AttributeError(name)


@pytest.fixture
def plain():
    """A workbench of plain objects."""
    return PlainWorkbench()


@pytest.fixture
def plain_room(qapp, plain):
    """A room with that workbench; its viewer needs no window."""
    viewer = ViewerModel()
    room = furnish(viewer, plain)
    yield room
    room.close()


@pytest.fixture
def rows():
    """A function that makes many rows."""

    def make(number):
        return tuple(
            Row(
                f"image-{place:05d}",
                f"slide {place:05d}",
                role="train",
                uncertainty=(place * 37 % 500) / 1000,
            )
            for place in range(number)
        )

    return make


@pytest.fixture
def images(tmp_path):
    """A folder of three small images, in a folder of its own."""
    folder = tmp_path / "slides" / "colon"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("one", "two", "three"):
        pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def project_folder(images):
    """A project of those images, closed; it need not ask for a pixel size."""
    from napari_qsa.images import open_images

    folder = images.parent / "colon.qsa"
    with Project.create(folder, "Colon", pixel_size=0.5) as project:
        project.add_images(open_images([images]))
        project.assign_roles()
    return folder


class Screen:
    """A window with the workbench, on a real session."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.frame, self.dock = viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
        self.workbench = self.dock.workbench
        qtbot.waitUntil(lambda: "Images" in viewer.window.dock_widgets)

    @property
    def window(self):
        return next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))

    @property
    def images(self):
        return self.viewer.window.dock_widgets["Images"]

    def click(self, button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait_for_project(self, number=3):
        self.qtbot.waitUntil(
            lambda: (
                self.workbench.desk.project is not None
                and not self.workbench.running
                and len(self.workbench.pool.rows) == number
            ),
            timeout=60_000,
        )

    def open(self, folder):
        self.workbench.open_project(folder)
        self.wait_for_project()

    def find(self, kind):
        self.qtbot.waitUntil(lambda: self.dock.findChild(kind) is not None)
        return self.dock.findChild(kind)


@pytest.fixture
def screen(make_napari_viewer, qtbot):
    return Screen(make_napari_viewer(), qtbot)


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    return Screen(make_napari_viewer(show=True), qtbot)
