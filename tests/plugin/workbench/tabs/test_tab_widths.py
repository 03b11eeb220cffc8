"""No tab needs more than the width a dock has."""

import pytest
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_qsa.plugin.workbench.export_tab import ExportTab
from napari_qsa.plugin.workbench.segment_tab import SegmentTab
from napari_qsa.plugin.workbench.suggest_tab import SuggestTab
from napari_qsa.plugin.workbench.tab_parts import Section, column, text
from napari_qsa.plugin.workbench.train_tab import TrainTab

pytestmark = pytest.mark.window
WIDEST = 320
LONG = "a_file_name_without_any_space_that_goes_on_and_on_and_on_and_on_" * 3


@pytest.mark.parametrize("kind", [SegmentTab, SuggestTab, TrainTab, ExportTab])
def test_a_tab_is_narrow_whatever_it_shows(workbench, viewer, qtbot, image_row, run_info, kind):
    tab = kind(workbench, viewer)
    qtbot.addWidget(tab)
    workbench.pool.put(image_row(LONG, round=1, asked_for="annotate", rank=1, why=LONG))
    workbench.trainer.put(run_info(status="failed"))
    tab.work.error.show_failure(LONG, LONG)
    for opened in tab.findChildren(type(tab.work.error.more)):
        opened.setChecked(True)
    assert tab.minimumSizeHint().width() <= WIDEST
    tab.resize(WIDEST, 900)
    tab.show()
    qtbot.waitExposed(tab)
    beyond = [
        child
        for child in tab.findChildren(type(tab).__mro__[1])
        if child.isVisible()
        and child.parentWidget() is tab
        and child.geometry().right() > tab.rect().right()
    ]
    assert beyond == []


def test_words_that_wrap_are_seen_whole_where_a_tab_scrolls(qtbot):
    area, content, panel = QScrollArea(), QWidget(), QWidget()
    qtbot.addWidget(area)
    area.setWidgetResizable(True)
    lines = [text(f"{number} words that wrap more than once " * 3) for number in range(6)]
    below = column(panel)
    for line in lines[3:]:
        below.addWidget(line)
    layout = column(content)
    for line in lines[:3]:
        layout.addWidget(line)
    section = Section("Keys", panel)
    layout.addWidget(section)
    area.setWidget(content)
    area.resize(280, 160)
    area.show()
    qtbot.waitExposed(area)
    section.title.setChecked(True)
    lines[1].setText("Other words, and many more of them than there were before. " * 3)

    def whole():
        return all(line.height() >= line.heightForWidth(line.width()) > 0 for line in lines)

    qtbot.waitUntil(whole)
    area.resize(200, 160)
    qtbot.waitUntil(whole)
    high = lines[1].height()
    lines[1].setText("Few.")
    qtbot.waitUntil(lambda: lines[1].height() < high)
