"""The QSA dock in a window, on a real session: ways into a project, drops, problems, the end."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from PIL import Image
from qtpy.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDialog, QDockWidget, QMessageBox

from napari_qsa.plugin.workbench import problems as problems_module
from napari_qsa.plugin.workbench import projects, tabs
from napari_qsa.plugin.workbench.room import room_of, workbench_of
from napari_qsa.plugin.workbench.toasts import toasts
from napari_qsa.project import Project
from napari_qsa.session.desk import Failure

pytestmark = pytest.mark.window


@pytest.fixture(autouse=True)
def no_tabs(monkeypatch):
    """Leave the tabs out: they have tests of their own."""
    monkeypatch.setattr(tabs, "TABS", ())


def choose(monkeypatch, folder):
    chosen = [str(folder)]
    monkeypatch.setattr(projects.QFileDialog, "getExistingDirectory", lambda *_: chosen[0])
    return chosen


def test_the_workbench_opens_two_docks_once(screen):
    right = screen.window.dockWidgetArea(screen.frame)
    below = screen.window.dockWidgetArea(screen.images.parentWidget())
    assert right == Qt.DockWidgetArea.RightDockWidgetArea
    assert below == Qt.DockWidgetArea.BottomDockWidgetArea
    again, dock = screen.viewer.window.add_plugin_dock_widget("napari-qsa", "Workbench")
    assert (again, dock) == (screen.frame, screen.dock)
    names = [each.objectName() for each in screen.window.findChildren(QDockWidget)]
    assert names.count("Images") == 1


def test_the_images_button_hides_and_shows_the_images(shown):
    shown.click(shown.dock.images_button)
    assert not shown.images.isVisible()
    shown.click(shown.dock.images_button)
    assert shown.images.isVisible()
    shown.viewer.window.remove_dock_widget(shown.images)
    shown.click(shown.dock.images_button)
    shown.qtbot.waitUntil(lambda: shown.images.isVisible())


def test_a_closed_dock_leaves_the_project_open_and_nothing_behind(screen, project_folder):
    screen.open(project_folder)
    before = len(screen.workbench.desk.project_changed), len(screen.workbench.pool.rows_changed)
    gone = []
    screen.dock.destroyed.connect(lambda: gone.append("qsa"))
    screen.images.destroyed.connect(lambda: gone.append("images"))
    for dock in (screen.images, screen.dock):
        screen.viewer.window.remove_dock_widget(dock)
    screen.qtbot.waitUntil(lambda: len(gone) == 2)
    after = type(screen)(screen.viewer, screen.qtbot)
    assert after.workbench is screen.workbench
    assert after.workbench.desk.project is not None
    assert after.dock.pages.currentWidget() is after.dock.tabs
    assert after.images.model.rowCount() == 3
    assert (
        len(after.workbench.desk.project_changed),
        len(after.workbench.pool.rows_changed),
    ) == before


def test_a_new_project_from_a_folder(screen, images, monkeypatch):
    choose(monkeypatch, images)
    screen.click(screen.dock.first.new)
    dialog = screen.find(projects.NewProject)
    assert dialog.name.text() == "colon"
    dialog.name.setText("Colon: a/b")
    assert dialog.folder == images.parent / "Colon a b.qsa"
    screen.click(dialog.make)
    screen.wait_for_project()
    assert screen.dock.pages.currentWidget() is screen.dock.tabs
    project = screen.workbench.desk.project
    assert project.facts.name == "Colon: a/b"
    assert project.folder == images.parent / "Colon a b.qsa"
    assert {row.role for row in screen.workbench.pool.rows} <= {"train", "validation"}
    assert screen.images.model.rowCount() == 3


def test_a_new_project_needs_a_name_and_may_lie_elsewhere(screen, images, monkeypatch, tmp_path):
    choose(monkeypatch, images)
    screen.click(screen.dock.first.new)
    dialog = screen.find(projects.NewProject)
    dialog.name.clear()
    assert not dialog.make.isEnabled()
    dialog.name.setText("x")
    choose(monkeypatch, tmp_path)
    screen.click(dialog.change)
    assert dialog.folder == tmp_path / "x.qsa"
    dialog.reject()
    assert screen.workbench.desk.project is None


def test_nothing_chosen_does_nothing(screen, monkeypatch):
    choose(monkeypatch, "")
    screen.click(screen.dock.first.new)
    screen.click(screen.dock.first.open)
    assert screen.dock.findChild(QDialog) is None
    assert not screen.workbench.running


def test_open_project_then_close_it(screen, project_folder, monkeypatch):
    choose(monkeypatch, project_folder)
    screen.click(screen.dock.first.open)
    screen.wait_for_project()
    menu = {action.text(): action for action in screen.dock.bar.fill().actions()}
    assert "Add images…" in menu
    menu["Close project"].trigger()
    assert screen.workbench.desk.project is None
    assert screen.dock.pages.currentWidget() is screen.dock.first
    assert screen.images.model.rowCount() == 0


def test_the_sample_project_is_made_once(screen, monkeypatch, tmp_path):
    monkeypatch.setattr(projects, "home", lambda: tmp_path)
    asked = []
    monkeypatch.setattr(screen.workbench, "new_sample_project", lambda f: asked.append(("new", f)))
    monkeypatch.setattr(screen.workbench, "open_project", lambda f: asked.append(("open", f)))
    screen.click(screen.dock.first.samples)
    screen.qtbot.waitUntil(lambda: len(asked) == 1)
    folder = asked[0][1]
    assert asked == [("new", folder)]
    assert folder.suffix == ".qsa"
    folder.mkdir(parents=True)
    (folder / "project.json").touch()
    screen.click(screen.dock.first.samples)
    screen.qtbot.waitUntil(lambda: len(asked) == 2)
    assert asked[1] == ("open", folder)


def test_what_cannot_be_opened_is_told_and_kept(screen, tmp_path):
    screen.workbench.open_project(tmp_path / "nothing.qsa")
    screen.qtbot.waitUntil(lambda: screen.dock.problems.list.count() == 1, timeout=20_000)
    assert screen.workbench.desk.project is None
    assert screen.dock.pages.currentWidget() is screen.dock.first
    told = notification_manager.records[-1]
    assert "nothing.qsa" in told.message
    assert [text for text, _ in told.actions] == ["Details"]
    assert told.message in screen.dock.problems.list.item(0).text()
    assert screen.dock.bar.work.error.message.text() == f"⚠ {told.message}"


def test_problems_have_details_until_they_are_cleared(shown, monkeypatch):
    assert not shown.dock.problems.isVisible()
    shown.workbench.desk.failed.emit(Failure("The disk is full.", "first trace", "annotation"))
    shown.workbench.desk.failed.emit(Failure("No memory.", "second trace", "training"))
    problems = shown.dock.problems
    assert problems.isVisible()
    assert problems.section.title.text() == "⚠ 2 problems"
    assert not problems.list.isVisible()
    callback = dict(notification_manager.records[-1].actions)["Details"]
    shown.frame.hide()
    callback(None)
    assert shown.frame.isVisible()
    assert problems.list.isVisible()
    assert "second trace" in problems.details.toPlainText()
    problems.list.setCurrentRow(1)
    assert "first trace" in problems.details.toPlainText()
    clipboard = SimpleNamespace(setText=lambda text: setattr(clipboard, "text", text))
    monkeypatch.setattr(problems_module.QGuiApplication, "clipboard", lambda: clipboard)
    problems.copy.click()
    copied = clipboard.text
    assert "first trace" in copied
    assert "second trace" in copied
    problems.clear.click()
    assert not problems.isVisible()


def test_a_damaged_file_of_a_project_is_a_problem(screen, project_folder):
    with Project.open(project_folder) as project:
        image_id = next(iter(project.images))
        blank = np.zeros((48, 64), np.uint16)
        project.accept(image_id, blank, blank.astype(np.uint8))
    (written,) = (project_folder / "annotations").rglob("*.tif")
    written.write_bytes(b"no image")
    screen.open(project_folder)
    screen.qtbot.waitUntil(lambda: screen.dock.problems.list.count() >= 1, timeout=20_000)
    kept = [problem.failure for problem in room_of(screen.viewer).problems]
    assert any("000001" in failure.message for failure in kept)


def drop(widget, *paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, *how)
    QCoreApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, *how)
    QCoreApplication.sendEvent(widget, event)


def canvas(screen):
    return next(
        widget
        for widget in QApplication.allWidgets()
        if type(widget).__name__ == "QtViewer" and widget.window() is screen.window
    )


@pytest.mark.parametrize("place", ["dock", "canvas"])
def test_a_dropped_project_opens(shown, project_folder, place):
    drop(shown.dock if place == "dock" else canvas(shown), project_folder)
    shown.wait_for_project()
    assert len(shown.viewer.layers) == 0


@pytest.mark.parametrize("place", ["dock", "canvas"])
def test_a_dropped_folder_becomes_a_project(shown, images, place):
    drop(shown.dock if place == "dock" else canvas(shown), images)
    dialog = shown.find(projects.NewProject)
    assert dialog.images == images
    assert len(shown.viewer.layers) == 0
    dialog.reject()


def test_a_folder_dropped_on_an_open_project_may_be_added(screen, project_folder, tmp_path):
    screen.open(project_folder)
    more = tmp_path / "more"
    more.mkdir()
    Image.fromarray(np.full((48, 64, 3), 9, np.uint8)).save(more / "four.png")
    drop(screen.dock, more)
    box = screen.find(QMessageBox)
    add = next(b for b in box.buttons() if b.text() == "Add to this project")
    screen.click(add)
    screen.wait_for_project(4)


def test_a_dropped_file_is_still_naparis(shown, images):
    drop(canvas(shown), images / "one.png")
    assert len(shown.viewer.layers) == 1
    assert not shown.workbench.running


def test_the_window_lets_go_of_its_project_when_it_closes(screen, project_folder):
    screen.open(project_folder)
    screen.viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def free():
        with Project.open(project_folder) as project:
            return not project.read_only

    assert free()


def test_each_viewer_has_a_workbench_of_its_own(make_napari_viewer):
    first, second = make_napari_viewer(), make_napari_viewer()
    assert workbench_of(first) is workbench_of(first)
    assert workbench_of(first) is not workbench_of(second)


def test_what_was_painted_is_saved_when_the_dock_hides_or_the_window_loses_focus(
    shown, monkeypatch
):
    asked = []
    monkeypatch.setattr(shown.workbench.annotator, "save_now", lambda: asked.append("save"))
    shown.frame.hide()
    assert asked == ["save"]
    application = QApplication.instance()
    application.applicationStateChanged.emit(Qt.ApplicationState.ApplicationInactive)
    assert asked == ["save", "save"]


def test_the_name_of_a_projects_folder_is_fit_for_every_system():
    assert projects.folder_name('a\\b/c:d*e?f"g<h>i|j') == "a b c d e f g h i j.qsa"
    assert projects.folder_name(" .. ") == "project.qsa"


def test_samples_lie_in_the_preferred_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(projects.preferences, "get", lambda *_: f" {tmp_path} ")
    assert projects.home() == tmp_path
    monkeypatch.setattr(projects.preferences, "get", lambda *_: "")
    assert projects.home() != Path()


def test_a_project_in_use_is_opened_read_only_by_a_button(shown, project_folder):
    with Project.open(project_folder):
        shown.workbench.open_project(project_folder)
        error = shown.dock.bar.work.error
        shown.qtbot.waitUntil(error.remedy.isVisible, timeout=20_000)
        assert "in use" in error.message.text()
        assert error.remedy.text() == "Open read-only"
        told = notification_manager.records[-1]
        assert [text for text, _ in told.actions] == ["Open read-only", "Details"]
        shown.click(error.remedy)
        shown.wait_for_project()
        assert shown.workbench.desk.project.read_only
        assert not error.isVisible()


def test_other_failures_offer_no_such_button(shown, tmp_path):
    shown.workbench.open_project(tmp_path / "nothing.qsa")
    error = shown.dock.bar.work.error
    shown.qtbot.waitUntil(error.isVisible, timeout=20_000)
    assert not error.remedy.isVisible()


def test_a_notification_shows_the_whole_of_a_long_sentence(shown):
    words = "The disk with this project is full: make room on it, then save once more. " * 3
    shown.workbench.desk.failed.emit(Failure(words.strip(), "", "annotation"))
    shown.qtbot.waitUntil(lambda: len(toasts()) == 1)
    (toast,) = toasts()
    message = toast.message
    shown.qtbot.waitUntil(lambda: message.height() >= message.sizeHint().height() > 40)
    assert toast.timer.interval() > 10_000, "it is not read in 4 s"
    shown.qtbot.waitUntil(lambda: toast.parentWidget().rect().contains(toast.geometry()))
    toast.close()
