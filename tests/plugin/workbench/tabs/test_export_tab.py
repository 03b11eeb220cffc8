"""The tab that exports: what is asked for, where it goes, and what comes of it."""

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_qsa.plugin.workbench.export_tab import ExportTab
from napari_qsa.session.state import State

pytestmark = pytest.mark.window


@pytest.fixture
def tab(workbench, viewer, qtbot):
    tab = ExportTab(workbench, viewer)
    qtbot.addWidget(tab)
    return tab


def choose(box, key):
    box.setCurrentIndex(box.findData(key))


def test_all_choices_go_to_the_session(tab, workbench, select, image_row):
    workbench.pool.put(image_row("one"), image_row("two"))
    select(["two", "one"])
    choose(tab.what, "selection")
    choose(tab.format, "bmp")
    tab.folder.setText("/data/out")
    tab.uncertainty.setChecked(True)
    tab.region.setChecked(True)
    tab.table.setChecked(False)
    tab.start.click()
    options = {"uncertainty": True, "table": False, "region": True, "ids": ("two", "one")}
    options["volumes"] = False
    asked = ("export", "selection", Path("/data/out"), "bmp", options)
    assert workbench.exporter.calls == [asked]


def test_the_region_is_left_out_unless_it_is_asked_for(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    tab.start.click()
    (call,) = workbench.exporter.calls
    assert call[1] == "this"
    assert call[3] == "tiff16"
    options = {"uncertainty": False, "table": True, "region": False, "ids": ("one",)}
    assert call[4] == options | {"volumes": False}


def test_label_volumes_are_offered_where_there_are_volumes(tab, workbench, image_row):
    workbench.exporter.has_volumes = True
    tab.volumes.setChecked(True)
    assert tab.volumes.isHidden()
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    assert not tab.volumes.isHidden()
    tab.start.click()
    workbench.exporter.has_volumes = False  # another project
    workbench.pool.put(image_row("one"))
    assert tab.volumes.isHidden()
    tab.start.click()
    assert [call[4]["volumes"] for call in workbench.exporter.calls] == [True, False]


@pytest.mark.parametrize("what", ["this", "selection", "accepted", "segmented"])
def test_only_what_is_there_can_be_exported(tab, workbench, select, image_row, what):
    choose(tab.what, what)
    assert not tab.start.isEnabled()
    workbench.pool.put(image_row("one", annotation="accepted"))
    select(["one"])
    workbench.pool.open("one")
    assert tab.start.isEnabled()
    tab.folder.clear()
    assert not tab.start.isEnabled()


def test_the_choices_say_how_many(tab, workbench, select, image_row):
    workbench.pool.put(image_row("one", annotation="accepted"), image_row("two"))
    select(["one"])
    texts = [tab.what.itemText(index) for index in range(tab.what.count())]
    assert texts[1:3] == ["Selected images (1)", "All accepted annotations (1)"]


def test_a_folder_beside_the_project_is_proposed(tab):
    assert tab.folder.text() == str(Path("/data/colon export"))


def test_a_folder_can_be_chosen(tab, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/data/chosen")
    tab.choose.click()
    assert tab.folder.text() == "/data/chosen"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    tab.choose.click()
    assert tab.folder.text() == "/data/chosen"


def test_progress_and_the_summary_are_shown(tab, workbench, image_row):
    workbench.pool.put(image_row("one"))
    workbench.pool.open("one")
    assert tab.look.isHidden()
    workbench.exporter.become(State.RUNNING, "Writing one…", 0.5)
    assert not tab.start.isEnabled()
    assert not tab.work.cancel.isHidden()
    workbench.exporter.become(State.DONE, "3 files written.", 1.0)
    assert tab.work.message.text() == "3 files written."
    assert tab.start.isEnabled()
    assert not tab.look.isHidden()


def test_a_refusal_is_shown_and_kept(tab, workbench):
    workbench.exporter.become(State.FAILED, "one has 300 glands: export it as TIFF.")
    assert "export it as TIFF" in tab.work.error.message.text()
    workbench.pool.rows_changed.emit()
    assert not tab.work.error.isHidden()
