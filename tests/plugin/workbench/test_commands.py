"""What napari's menus and palette can do with the workbench."""

from types import SimpleNamespace

import pytest
from napari.settings import get_plugin_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest, plugin_manager
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_qsa.plugin.workbench import commands, preferences, projects
from napari_qsa.session.trainer import ProjectTrainingOptions
from napari_qsa.suggestion import strategy_names

pytestmark = pytest.mark.window


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def entries(viewer, *path):
    """Return the texts of a menu, and of those above it."""
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    place = window.menuBar()
    for text in path:
        action = next(a for a in place.actions() if text in a.text().replace("&", ""))
        place = action.menu()
        place.aboutToShow.emit()
    return [action.text().replace("&", "") for action in place.actions()]


def test_the_menus_offer_the_workbench(viewer):
    assert "Workbench (napari-qsa)" in entries(viewer, "Plugins", "napari-qsa")
    assert "Workbench (napari-qsa)" in entries(viewer, "Layers", "Annotate")
    assert "Segment this image (napari-qsa)" in entries(viewer, "Layers", "Segment")
    assert "Open project… (napari-qsa)" in entries(viewer, "File", "IO Utilities")


def test_the_palette_offers_what_the_docks_do(viewer):
    from napari._app_model import get_app_model

    app = get_app_model()
    known = {item.command.id for item in app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)}
    wanted = {"workbench", "new_project", "open_project", "next_image", "accept_and_next", "train"}
    assert {f"napari-qsa.{name}" for name in wanted} <= known


class Dock(QWidget):
    """Stands for the QSA dock."""

    def __init__(self, workbench):
        super().__init__()
        self.workbench, self.asked = workbench, []
        self.tabs = SimpleNamespace(go=self.asked.append)
        self.take = lambda folder: self.asked.append(("take", folder))
        quick = SimpleNamespace(segment=lambda: self.asked.append("quick"))
        self.first = SimpleNamespace(quick=quick)


@pytest.fixture
def dock(qtbot, plain, monkeypatch):
    made = Dock(plain)
    qtbot.addWidget(made)
    plain.segmenter = SimpleNamespace(segment=lambda ids: plain.asked.append(("segment", ids)))
    monkeypatch.setattr(commands, "open_dock", lambda: made)
    return made


NEED_A_PROJECT = ["close_project", "next_image", "previous_image", "accept_and_next"]
TABS = {"suggest_next": "Suggest", "train": "Train", "export": "Export"}


@pytest.mark.parametrize("name", [*NEED_A_PROJECT, *TABS])
def test_without_a_project_a_command_says_what_is_missing(dock, plain, name):
    notification_manager.records.clear()
    getattr(commands, name)()
    assert (plain.asked, plain.pool.asked, dock.asked) == ([], [], [])
    assert "No project is open" in notification_manager.records[-1].message


def test_commands_do_what_the_buttons_do(dock, plain):
    plain.desk.project = SimpleNamespace(read_only=False)
    for name in NEED_A_PROJECT:
        getattr(commands, name)()
    assert [each[0] for each in plain.pool.asked] == ["next", "back"]
    assert [each[0] for each in plain.asked] == ["close_project", "accept"]
    assert plain.asked[1] == ("accept", {"then_next": True})
    for name in TABS:
        getattr(commands, name)()
    assert dock.asked == list(TABS.values())


def test_segment_this_image_needs_no_project(dock, plain):
    commands.segment_image()
    assert dock.asked == ["quick"]
    plain.desk.project = SimpleNamespace(read_only=False)
    plain.pool.current = "a"
    commands.segment_image()
    assert dock.asked == ["quick", "Segment"]
    assert plain.asked == [("segment", ["a"])]


def test_projects_are_asked_for(dock, plain, monkeypatch, tmp_path):
    asked = []
    for name in ("try_samples", "new_project", "open_project"):
        monkeypatch.setattr(projects, name, lambda *_, name=name: asked.append(name))
        getattr(commands, name)()
    assert asked == ["try_samples", "new_project", "open_project"]
    commands.open_folder(tmp_path)
    assert dock.asked == [("take", tmp_path)]


def test_a_command_opens_the_workbench_first(viewer, qtbot):
    made = commands.open_dock()
    assert made is commands.open_dock()
    assert "Workbench (napari-qsa)" in viewer.window.dock_widgets


def test_each_preference_is_found_by_the_name_the_code_uses():
    assert preferences.get("images", "view") == "filmstrip"
    assert preferences.get("projects", "folder") == ""
    usual = ProjectTrainingOptions()
    assert preferences.get("train", "minutes") == usual.minutes
    assert preferences.get("train", "members") == usual.members
    assert preferences.get("suggest", "number") == 8
    assert preferences.get("suggest", "propose") is True
    settings = get_plugin_settings("napari-qsa")
    manifest: PluginManifest = plugin_manager.get_manifest("napari-qsa")
    for group, contribution in manifest.contributions.configurations.items():
        for name in contribution.properties:
            assert hasattr(getattr(settings, group), name)
    offered = manifest.contributions.configurations["suggest"].properties["strategy"].enum
    assert tuple(offered) == strategy_names()
    assert preferences.get("suggest", "strategy") == offered[0]
