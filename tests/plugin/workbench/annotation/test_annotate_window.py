"""The tab in a real window, by real mouse events and keys."""

import gc
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_qsa.plugin.workbench import looks
from napari_qsa.plugin.workbench.toolbox import Tool

pytestmark = pytest.mark.window
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def test_strokes_by_the_mouse(window):
    window.drag((60, 60), (60, 120))
    assert window.numbers() == {1}
    assert window.glands[60, 90] == 1
    window.drag((60, 250), (60, 320))
    assert window.numbers() == {1, 2}
    window.drag((60, 90), (120, 90))  # begins in the first
    assert window.glands[110, 90] == 1
    window.drag((60, 260), (60, 90))  # runs into the first, and leaves it alone
    assert window.glands[60, 90] == 1
    assert window.glands[60, 200] == 2
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.glands[60, 200] == 0
    for _ in range(10):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert window.numbers() == set()
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert window.numbers() == {1}


def test_a_gland_is_encircled_with_the_right_button(window):
    QTest.mousePress(window.canvas, RIGHT, pos=window.at((60, 60)))
    QTest.mouseRelease(window.canvas, RIGHT, pos=window.at((60, 60)))
    corners = [(60, 60), (60, 160), (140, 160), (140, 60), (60, 60)]
    for before, after in pairwise(corners):
        for share in np.linspace(0, 1, 12)[1:]:
            window.point(np.array(before) + share * (np.array(after) - before))
    assert window.glands[100, 110] == 1
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.numbers() == set()


def test_the_eraser_takes_any_gland_and_the_others_stay_protected(window):
    window.drag((60, 60), (60, 120))
    window.drag((90, 60), (90, 120))
    window.key(Qt.Key.Key_E)
    assert window.tab.tool_buttons[Tool.ERASE].isChecked()
    window.drag((60, 110), (60, 120))
    assert window.glands[60, 120] == 0
    assert window.glands[60, 70] == 1
    assert window.layers.glands.preserve_labels


def test_split_and_merge_by_keys_and_mouse(window):
    window.drag((100, 60), (100, 160))
    window.key(Qt.Key.Key_J)
    assert window.tab.tool_buttons[Tool.SPLIT].isChecked()
    layers = len(window.viewer.layers)
    window.drag((70, 110), (130, 110))
    window.end_of_tool()
    assert len(window.numbers()) == 2
    assert window.glands[100, 70] != window.glands[100, 150]
    assert len(window.viewer.layers) == layers
    assert window.viewer.layers.selection.active is window.layers.glands
    window.key(Qt.Key.Key_K)
    window.click((100, 70))
    window.click((100, 150))
    assert len(window.numbers()) == 1
    window.key(Qt.Key.Key_K)  # back to the brush
    assert window.tools.tool is Tool.GLAND
    window.key(Qt.Key.Key_Z, CONTROL)
    assert len(window.numbers()) == 2


def test_the_line_is_seen_while_it_is_drawn(window):
    window.key(Qt.Key.Key_J)
    before = len(window.viewer.layers)
    QTest.mousePress(window.canvas, LEFT, pos=window.at((70, 110)))
    window.point((100, 110))
    window.point((130, 110))
    assert len(window.viewer.layers) == before + 1
    QTest.mouseRelease(window.canvas, LEFT, pos=window.at((130, 110)))
    assert len(window.viewer.layers) == before


def test_proposals_are_taken_over_and_deleted_under_the_mouse(window):
    window.hover((230, 80))
    window.key(Qt.Key.Key_T)
    assert window.numbers() == {1}
    assert window.glands[230, 80] == 1
    window.press(window.tab.take_all)
    assert window.numbers() == {1, 2}
    window.hover((230, 80))
    window.key(Qt.Key.Key_D)
    assert window.numbers() == {2}
    window.press(window.tab.tool_buttons[Tool.DELETE])
    window.click((230, 250))
    assert window.numbers() == set()


def test_a_drag_with_a_click_tool_moves_the_image_and_deletes_nothing(window):
    window.press(window.tab.take_all)
    window.press(window.tab.tool_buttons[Tool.DELETE])
    center = window.viewer.scene.camera.center
    window.drag((230, 80), (150, 160))
    window.end_of_tool()
    assert window.numbers() == {1, 2}
    assert window.viewer.scene.camera.center != center


def test_dont_know_hide_and_heatmap_keys(window):
    window.key(Qt.Key.Key_Q)
    window.drag((100, 100), (100, 140))
    assert (window.layers.opened.region == 2).any()
    assert window.numbers() == set()
    window.key(Qt.Key.Key_G)
    assert window.tools.tool is Tool.GLAND
    window.key(Qt.Key.Key_U)
    assert window.layers["uncertainty"].visible
    assert window.tab.heatmap.isChecked()
    window.key(Qt.Key.Key_H)
    assert not window.layers.glands.visible
    window.key(Qt.Key.Key_H)
    assert window.layers.glands.visible
    window.key(Qt.Key.Key_U)
    assert not window.tab.heatmap.isChecked()


def test_accept_and_next_by_key_and_the_way_back(window):
    window.drag((60, 60), (60, 120))
    first = window.image_id
    window.key(Qt.Key.Key_Return, SHIFT)
    window.wait(lambda: window.image_id != first)
    assert window.pool.row(first).annotation == "accepted"
    assert set(np.unique(window.stored(first).glands)) == {0, 1}
    assert (window.stored(first).region == 1).all()
    second = window.image_id
    window.key(Qt.Key.Key_N, SHIFT)
    window.wait(lambda: window.image_id == first)
    assert window.numbers() == {1}
    assert "✓ Accepted" in window.tab.about.text()
    window.key(Qt.Key.Key_N)
    window.wait(lambda: window.image_id == second)
    assert window.numbers() == set()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.numbers() == set()


def test_strokes_are_saved_by_themselves_and_it_says_when(window):
    assert window.tab.saving.text() == ""
    window.drag((60, 60), (60, 120))
    assert "not saved yet" in window.tab.saving.text()
    window.wait(lambda: "✓ Saved" in window.tab.saving.text())
    assert window.tab.saving.text().endswith("s ago")
    assert set(np.unique(window.stored().glands)) == {0, 1}
    window.wait(lambda: window.tab.saving.text() == "✓ Saved 2 s ago")


def test_a_hidden_dock_has_saved(window):
    window.drag((60, 60), (60, 120))
    window.dock.hide()
    window.settle()
    assert set(np.unique(window.stored().glands)) == {0, 1}


def test_removed_layers_are_offered_again(window):
    window.drag((60, 60), (60, 120))
    assert window.tab.lost.isHidden()
    window.viewer.layers.clear()
    assert not window.tab.lost.isHidden()
    assert "saved" in window.tab.lost_words.text()
    assert not window.tab.tool_buttons[Tool.GLAND].isEnabled()
    window.press(window.tab.show_again)
    assert window.tab.lost.isHidden()
    assert window.numbers() == {1}
    window.drag((100, 60), (100, 120))
    assert window.numbers() == {1, 2}
    window.settle()
    assert 1 in window.stored().glands


def test_findings_are_listed_and_a_click_goes_there(window):
    first = window.image_id
    window.put(4, (100, 140), (100, 140))
    window.put(4, (20, 24), (380, 384))
    window.press(window.tab.accept_next)
    window.wait(lambda: window.image_id != first and window.tab.findings.list.count())
    assert "Gland 4 is in 2 pieces" in window.tab.findings.list.item(0).text()
    item = window.tab.findings.list.visualItemRect(window.tab.findings.list.item(0))
    QTest.mouseClick(window.tab.findings.list.viewport(), LEFT, pos=item.center())
    window.wait(lambda: window.image_id == first)
    assert window.layers.glands.selected_label == 4
    row, column = np.array(window.viewer.scene.camera.center[1:]) / 0.5
    assert (abs(row - 22), abs(column - 382)) < (4, 4)


def test_no_glands_here_then_accept_at_once(window):
    window.drag((60, 60), (60, 120))
    QTest.mouseClick(window.tab.no_glands, LEFT)
    QTest.mouseClick(window.tab.accept_this, LEFT)
    window.wait(lambda: window.pool.row(window.image_id).annotation == "accepted")
    assert window.stored().glands.max() == 0


def test_a_former_version_comes_back(window):
    window.drag((60, 60), (60, 120))
    window.press(window.tab.accept_this)
    window.wait(lambda: window.pool.row(window.image_id).annotation == "accepted")
    window.press(window.tab.clear)
    window.press(window.tab.versions)
    window.wait(lambda: window.tab.version_menu is not None)
    words = [action.text() for action in window.tab.version_menu.actions()]
    assert ["draft" in text for text in words] == [True, False]
    assert "accepted" in words[1]
    assert "1 gland" in words[1]
    before = window.layers.opened
    window.tab.version_menu.actions()[1].trigger()
    window.tab.version_menu.close()
    window.wait(lambda: window.layers.opened is not before)
    assert window.numbers() == {1}


def test_keys_are_released_with_their_layers_and_with_the_tab(window):
    former = window.layers.glands
    image = window.layers["image"]
    assert former.keymap
    window.open(1)
    assert not former.keymap
    assert not image.keymap
    now = window.layers.glands
    window.viewer.window.remove_dock_widget(window.dock)
    window.tab.deleteLater()
    window.wait(lambda: not now.keymap)
    assert window.layers.all() == ()


def test_buttons_and_panel_list_the_keys(window):
    texts = [button.text() for button in window.tab.tool_buttons.values()]
    assert {"New gland (G)", "Split (J)", "Merge two (K)", "Don't know (Q)"} <= set(texts)
    assert window.tab.accept_next.text() == "Accept and next (Shift+Enter)"
    assert window.tab.minimumSizeHint().width() <= 340


def test_no_file_is_touched_in_the_windows_thread(window, tmp_path):
    touched, elsewhere = [], []
    watching = True

    def hook(event, arguments):
        if watching and event in ("open", "os.listdir", "os.rename", "os.scandir", "os.remove"):
            here = threading.current_thread() is threading.main_thread()
            if str(arguments[0]).startswith(str(tmp_path)):
                (touched if here else elsewhere).append((event, arguments[0]))

    sys.addaudithook(hook)
    window.drag((60, 60), (60, 120))
    window.press(window.tab.take_all)
    window.press(window.tab.accept_next)
    window.wait(lambda: window.image_id == window.ids[1])
    window.drag((60, 60), (60, 120))
    window.viewer.layers.clear()
    window.press(window.tab.show_again)
    window.key(Qt.Key.Key_N)
    window.settle()
    watching = False
    assert window.pool.row(window.ids[1]).annotation == "draft"
    assert elsewhere
    assert touched == []


def test_glands_are_outlined_while_the_heatmap_shows(window):
    glands = window.layers.glands
    before = glands.contour, glands.opacity
    assert not window.tab.shows.bar.isEnabled()
    window.key(Qt.Key.Key_U)
    assert (glands.contour, glands.opacity) == (looks.GLANDS_OUTLINE, 1.0)
    assert window.layers["uncertainty"].colorbar.visible
    window.tab.shows.bar.click()
    assert not window.layers["uncertainty"].colorbar.visible
    window.key(Qt.Key.Key_H)
    assert (glands.contour, glands.opacity) == before
    window.key(Qt.Key.Key_H)
    assert glands.contour == looks.GLANDS_OUTLINE
    window.key(Qt.Key.Key_U)
    assert (glands.contour, glands.opacity) == before


def test_garbage_is_collected_once_when_the_image_changes(window, monkeypatch):
    assert len(window.layers.all()) == 5
    calls = []
    monkeypatch.setattr(gc, "collect", lambda *_: calls.append("collect") or 0)
    window.open(1)
    assert calls == ["collect"], "it stalls the window"
    monkeypatch.undo()
