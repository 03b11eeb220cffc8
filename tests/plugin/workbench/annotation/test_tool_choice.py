"""Which tool is in hand, and which layer it works on."""

import numpy as np
import pytest

from napari_qsa.plugin.workbench.toolbox import HINTS, Tool


@pytest.fixture
def opened(bench):
    bench.open(0)
    bench.put(3, (10, 30), (10, 30))
    return bench


@pytest.mark.parametrize("tool", list(Tool))
def test_every_tool_has_a_hint_and_can_be_chosen(opened, tool):
    opened.tools.choose(tool)
    assert opened.tools.tool is tool
    assert opened.said[-1] == HINTS[tool]


def test_dont_know_paints_into_the_region_alone(opened):
    opened.tools.choose(Tool.DONT_KNOW)
    region, glands = opened.layers.region, opened.glands.copy()
    assert opened.viewer.layers.selection.active is region
    region.paint((45, 60), region.selected_label)
    assert opened.layers.opened.region[45, 60] == 2
    np.testing.assert_array_equal(opened.glands, glands)
    opened.tools.toggle(Tool.DONT_KNOW)
    assert opened.tools.tool is Tool.GLAND
    assert opened.viewer.layers.selection.active is opened.layers.glands
    opened.tools.undo()
    assert opened.layers.opened.region.max() == 0


def test_naparis_own_buttons_are_followed(opened):
    told = []
    opened.tools.tool_changed.connect(told.append)
    for mode in ("erase", "pan_zoom", "fill", "paint"):
        opened.layers.glands.mode = mode
    assert told == [Tool.ERASE, Tool.MOVE, None, Tool.GLAND]


def test_a_new_image_starts_with_the_brush(opened):
    opened.tools.choose(Tool.SPLIT)
    opened.open(1)
    assert opened.tools.tool is Tool.GLAND
    assert str(opened.layers.glands.mode) == "paint"


def test_a_proposal_that_comes_leaves_the_tool_in_hand(opened, make_proposal):
    opened.tools.choose(Tool.SPLIT)
    opened.segmenter.shown.emit(make_proposal(opened.ids[0]))
    assert opened.tools.tool is Tool.SPLIT


def test_hidden_glands_are_shown_before_they_are_painted(opened):
    opened.layers.toggle_overlays()
    opened.tools.choose(Tool.GLAND)
    assert opened.layers.glands.visible
