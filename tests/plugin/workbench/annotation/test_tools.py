"""Each tool changes what it should, in one undo step; no image gets the strokes of another."""

import threading

import numpy as np
import pytest

from napari_qsa.plugin.workbench.toolbox import Tool
from napari_qsa.session import edits

WHOLE = ((0, 60), (0, 80))


def area(bench, number):
    return int((bench.glands == number).sum())


@pytest.fixture
def opened(bench, make_proposal):
    """An image with gland 3, which has a hole, gland 5 beside it, and a proposal of two."""
    bench.proposals[bench.ids[0]] = make_proposal(
        bench.ids[0], ((40, 55), (5, 20)), ((10, 20), (12, 22))
    )
    bench.open(0)
    bench.put(3, (10, 30), (10, 30))
    bench.put(0, (18, 22), (18, 22))
    bench.put(5, (10, 30), (33, 53))
    return bench


def act(bench, tool, *places):
    bench.tools.choose(tool)
    for place in places:
        bench.tools.click(place)
    bench.settle()


def draw(bench, tool, *points):
    bench.tools.choose(tool)
    bench.tools.draw(np.array(points, float))
    bench.settle()


def stroke(bench, *places, erase=False):
    """What a drag of the mouse does in the glands' layer."""
    layer = bench.layers.glands
    bench.tools.choose(Tool.ERASE if erase else Tool.GLAND)
    bench.tools.begin_stroke(places[0])
    with layer.block_history():
        for place in places:
            layer.paint(place, 0 if erase else layer.selected_label)


TOOLS = {
    "new gland": lambda bench: stroke(bench, (45, 60), (45, 65)),
    "extend": lambda bench: stroke(bench, (29, 20), (33, 20)),
    "split": lambda bench: draw(bench, Tool.SPLIT, (5, 20), (35, 20)),
    "merge by clicks": lambda bench: act(bench, Tool.MERGE, (12, 12), (12, 40)),
    "merge by a line": lambda bench: draw(bench, Tool.MERGE, (12, 12), (12, 40)),
    "delete": lambda bench: act(bench, Tool.DELETE, (12, 12)),
    "fill holes": lambda bench: act(bench, Tool.FILL_HOLES, (12, 12)),
    "smooth": lambda bench: act(bench, Tool.SMOOTH, (12, 12)),
    "take over": lambda bench: act(bench, Tool.TAKE_OVER, (45, 10)),
    "take over all": lambda bench: (bench.tools.take_over_all(), bench.settle()),
    "clear": lambda bench: (bench.tools.clear(), bench.settle()),
    "no glands": lambda bench: (bench.tools.no_glands(), bench.settle()),
}


@pytest.mark.parametrize("use", TOOLS.values(), ids=TOOLS)
def test_each_tool_is_one_step_that_undo_takes_back_whole(opened, use):
    glands, region = opened.glands.copy(), opened.layers.opened.region.copy()
    use(opened)
    after, marked = opened.glands.copy(), opened.layers.opened.region.copy()
    assert not np.array_equal(after, glands)
    assert opened.annotator.saving.state == "dirty"
    opened.tools.undo()
    np.testing.assert_array_equal(opened.glands, glands)
    np.testing.assert_array_equal(opened.layers.opened.region, region)
    opened.tools.redo()
    np.testing.assert_array_equal(opened.glands, after)
    np.testing.assert_array_equal(opened.layers.opened.region, marked)
    opened.tools.undo()
    opened.tools.undo()  # there is nothing before
    np.testing.assert_array_equal(opened.glands, glands)


def test_a_stroke_outside_any_gland_starts_a_new_number(opened):
    stroke(opened, (50, 60))
    assert opened.glands[50, 60] == 6
    stroke(opened, (50, 75))
    assert opened.glands[50, 75] == 7


def test_a_stroke_that_starts_in_a_gland_extends_it_and_spares_the_other(opened):
    before = area(opened, 5)
    stroke(opened, (20, 28), (20, 31), (20, 35))
    assert opened.glands[20, 31] == 3
    assert area(opened, 5) == before


def test_split_gives_the_parts_numbers_of_their_own(opened):
    before = area(opened, 3)
    TOOLS["split"](opened)
    numbers = set(np.unique(opened.glands[10:30, 10:30])) - {0}
    assert len(numbers) == 2
    assert sum(area(opened, number) for number in numbers) == before
    assert area(opened, 5) == 400


def test_merged_glands_are_one(opened):
    TOOLS["merge by clicks"](opened)
    assert area(opened, 5) == 0
    assert opened.glands[12, 40] == 3
    assert edits.pieces(opened.glands) == {}


def test_deleting_leaves_the_others(opened):
    TOOLS["delete"](opened)
    assert area(opened, 3) == 0
    assert area(opened, 5) == 400


def test_holes_are_filled(opened):
    TOOLS["fill holes"](opened)
    assert area(opened, 3) == 400


def test_one_proposal_is_taken_over_as_a_new_gland(opened):
    TOOLS["take over"](opened)
    assert area(opened, 6) == 15 * 15
    assert opened.glands[45, 10] == 6


def test_all_are_taken_over_where_nothing_is_annotated(opened):
    TOOLS["take over all"](opened)
    assert area(opened, 6) == 15 * 15
    assert area(opened, 3) == 400 - 16


def test_no_glands_empties_and_reviews_everything(opened):
    TOOLS["no glands"](opened)
    assert opened.glands.max() == 0
    assert (opened.layers.opened.region == 1).all()


def test_the_tool_at_the_cursor(opened):
    opened.viewer.cursor.position = (6.0, 20.0)
    opened.tools.click_at_cursor(Tool.DELETE)
    opened.settle()
    assert area(opened, 5) == 0
    opened.viewer.cursor.position = (-10.0, 20.0)
    opened.tools.click_at_cursor(Tool.DELETE)
    assert "Point at" in opened.said[-1]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda b: act(b, Tool.DELETE, (55, 70)), "no gland here"),
        (lambda b: act(b, Tool.FILL_HOLES, (12, 40)), "no holes"),
        (lambda b: act(b, Tool.TAKE_OVER, (55, 70)), "proposes no gland"),
        (lambda b: draw(b, Tool.SPLIT, (40, 60), (50, 70)), "divides no gland"),
        (lambda b: draw(b, Tool.MERGE, (12, 12), (50, 70)), "end in another"),
        (lambda b: act(b, Tool.MERGE, (12, 12), (14, 14)), "another gland"),
    ],
)
def test_what_changes_nothing_says_why_and_is_no_step(opened, use, words):
    before = opened.glands.copy()
    opened.said.clear()
    use(opened)
    assert words in opened.said[-1]
    np.testing.assert_array_equal(opened.glands, before)
    assert opened.annotator.saving.state != "saved"
    assert not opened.layers.history._done


def test_without_a_proposal_it_says_so(bench):
    bench.open(0)
    bench.tools.take_over_all()
    assert "segment it first" in bench.said[-1]


def test_without_an_image_nothing_happens(bench):
    bench.tools.choose(Tool.SPLIT)
    assert bench.said == ["Open an image first."]


# -- what is worked out is worked out from the pixels as they are


def test_tools_are_worked_out_in_another_thread(opened, monkeypatch):
    threads = []
    clear = edits.clear

    def watched(glands):
        threads.append(threading.current_thread())
        return clear(glands)

    monkeypatch.setattr(edits, "clear", watched)
    opened.tools.clear()
    opened.settle()
    assert threads
    assert threading.main_thread() not in threads


def test_a_stroke_meanwhile_is_kept(opened):
    opened.tools.clear()
    stroke(opened, (50, 60))
    opened.settle()
    assert opened.glands.max() == 0
    opened.tools.undo()
    assert opened.glands[50, 60] == 6


def test_a_tool_in_the_middle_of_a_stroke_waits_for_its_end(opened):
    layer = opened.layers.glands
    opened.tools.begin_stroke((50, 60))
    with layer.block_history():
        layer.paint((50, 60), layer.selected_label)
        opened.tools.clear()
        opened.settle()
        assert opened.glands[50, 60] == 6
        layer.paint((50, 65), layer.selected_label)
    opened.settle()
    assert opened.glands.max() == 0
    opened.tools.undo()
    assert opened.glands[50, 65] == 6
    opened.tools.undo()
    assert opened.glands[50, 65] == 0
    assert area(opened, 5) == 400


def test_undo_takes_back_a_tool_that_is_under_way(opened):
    stroke(opened, (50, 60))
    before = opened.glands.copy()
    opened.tools.clear()
    opened.tools.undo()
    opened.settle()
    np.testing.assert_array_equal(opened.glands, before)
    opened.tools.redo()
    assert opened.glands.max() == 0


def test_undo_in_the_middle_of_a_stroke_does_nothing(opened):
    layer, before = opened.layers.glands, opened.glands.copy()
    stroke(opened, (50, 60))
    opened.tools.begin_stroke((50, 75))
    with layer.block_history():
        layer.paint((50, 75), layer.selected_label)
        opened.tools.undo()
    assert opened.glands[50, 60] == 6
    assert opened.glands[50, 75] == 7
    opened.tools.undo()
    opened.tools.undo()
    np.testing.assert_array_equal(opened.glands, before)


def test_what_comes_after_the_image_was_changed_is_dropped(opened):
    before, late = opened.glands.copy(), threading.Event()
    opened.lane.do(late.wait)
    opened.tools.clear()
    opened.pool.open(opened.ids[1])
    opened.wait(lambda: opened.image_id == opened.ids[1])
    late.set()
    opened.settle()
    np.testing.assert_array_equal(opened.stored(opened.ids[0]).glands, before)
    assert not opened.layers.history._done
    heard = []
    opened.tools.changing.when_idle(lambda: heard.append(True))
    assert heard


def test_accepting_waits_for_a_tool_that_is_under_way(opened):
    opened.tools.no_glands()
    opened.tools.changing.when_idle(opened.annotator.accept)
    opened.wait(lambda: opened.pool.row(opened.image_id).annotation == "accepted")
    assert opened.stored().glands.max() == 0


def test_a_fault_is_told_and_leaves_the_tools_usable(opened, monkeypatch):
    monkeypatch.setattr(edits, "clear", lambda glands: 1 / 0)
    opened.tools.clear()
    opened.settle()
    assert "ZeroDivisionError" in opened.failures[-1].details
    monkeypatch.undo()
    opened.tools.clear()
    opened.settle()
    assert opened.glands.max() == 0


# -- past the end of the steps, and over a change of image


def test_undo_past_every_action_and_over_a_change_of_image(opened):
    first = opened.layers.opened
    start = first.glands.copy()
    for use in (TOOLS["new gland"], TOOLS["split"], TOOLS["take over"], TOOLS["no glands"]):
        use(opened)
    for _ in range(20):
        opened.tools.undo()
    np.testing.assert_array_equal(first.glands, start)
    np.testing.assert_array_equal(first.region, 0)
    for _ in range(20):
        opened.tools.redo()
    painted = first.glands.copy()
    old = opened.layers.glands

    second = opened.open(1)
    untouched = second.glands.copy()
    for _ in range(20):
        opened.tools.undo()
        opened.layers.glands.undo()
        old.undo()  # somebody kept the former layer
    for _ in range(20):
        opened.tools.redo()
        opened.layers.glands.redo()
    np.testing.assert_array_equal(second.glands, untouched)
    np.testing.assert_array_equal(second.region, 0)
    stroke(opened, (5, 5))
    on_second = second.glands.copy()

    opened.open(0)
    np.testing.assert_array_equal(opened.glands, painted)
    for _ in range(20):
        opened.tools.undo()
        opened.layers.glands.undo()
    np.testing.assert_array_equal(opened.glands, painted)
    np.testing.assert_array_equal(opened.stored(opened.ids[1]).glands, on_second)


def test_more_steps_than_napari_keeps_are_forgotten_together(opened):
    TOOLS["no glands"](opened)
    for number in range(100):
        opened.layers.glands.paint((50, 60), 1 + number % 2)
        opened.layers.glands.preserve_labels = False
    for _ in range(150):
        opened.tools.undo()
    # The first step is too old for one of its layers, so it is kept in both.
    assert (opened.layers.opened.region == 1).all()
    assert opened.glands.max() == 0
