"""No tab needs more than the width a dock has."""

import pytest

from napari_qsa.plugin.workbench.export_tab import ExportTab
from napari_qsa.plugin.workbench.segment_tab import SegmentTab
from napari_qsa.plugin.workbench.suggest_tab import SuggestTab
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
