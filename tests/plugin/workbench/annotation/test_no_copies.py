"""No whole image is copied or compared in the owner's thread by our own code."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_qsa.plugin.workbench.toolbox import Tool
from napari_qsa.session import annotator, edits

SIZE = 60 * 80
"""Of the images; what is smaller is no whole image."""


class Watched(np.ndarray):
    """Notes each new array of its size that is made from it, with the thread."""

    made: tuple[list[int], list[int]] = ([], [])

    def __array_finalize__(self, source):
        if isinstance(source, Watched) and self.flags.owndata:
            self.note(self, source)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        if array is not self:  # else it was computed in place
            self.note(array, self)
        return super().__array_wrap__(array, context, return_scalar)

    @staticmethod
    def note(new, source):
        if new.size >= source.size >= SIZE:
            here = threading.current_thread() is threading.main_thread()
            Watched.made[not here].append(new.size)


@pytest.fixture
def watched(bench, monkeypatch):
    """The bench, with arrays that are watched from their opening on."""
    read = annotator.open_image

    def open_watched(project, image_id):
        opened = read(project, image_id)
        glands, region = opened.glands.view(Watched), opened.region.view(Watched)
        pixels = opened.image.pixels.view(Watched)
        image = replace(opened.image, pixels=pixels)
        return replace(opened, glands=glands, region=region, image=image)

    monkeypatch.setattr(annotator, "open_image", open_watched)
    for made in Watched.made:
        made.clear()
    return bench


def test_a_copy_would_be_noticed():
    here, elsewhere = Watched.made
    here.clear()
    array = np.zeros((60, 80), np.uint16).view(Watched)
    array[2:4], array[np.array([1]), np.array([2])]
    assert not here
    for compute in (array.copy, lambda: array == 3, lambda: array.astype(int)):
        before = len(here)
        compute()
        assert len(here) > before
    assert not elsewhere


def test_opening_painting_tools_and_accepting(watched, make_proposal):
    bench = watched
    bench.proposals[bench.ids[0]] = make_proposal(bench.ids[0], ((40, 55), (5, 20)))
    opened = bench.open(0)
    assert isinstance(bench.layers.glands.data, Watched)
    for number, columns in ((3, (10, 30)), (5, (33, 53))):
        where = np.nonzero(np.ones((20, 20), bool))
        pixels = (where[0] + 10, where[1] + columns[0])
        bench.layers.glands.data_setitem(pixels, number)
    # napari's own undo looks at all that changes: let that be less than the whole.
    bench.layers.region.data_setitem((np.array([0]), np.array([0])), 1)
    bench.tools.begin_stroke((50, 60))
    bench.layers.glands.paint((50, 60), bench.layers.glands.selected_label)
    for tool, place in (
        (Tool.SMOOTH, (12, 12)),
        (Tool.TAKE_OVER, (45, 10)),
        (Tool.FILL_HOLES, (12, 12)),
        (Tool.DELETE, (45, 10)),
        (Tool.MERGE, (12, 12)),
        (Tool.MERGE, (12, 40)),
    ):
        if bench.tools.tool is not tool:
            bench.tools.choose(tool)
        bench.tools.click(place)
        bench.settle()
    bench.tools.choose(Tool.SPLIT)
    bench.tools.draw(np.array([(5.0, 20.0), (35.0, 20.0)]))
    bench.tools.take_over_all()
    bench.settle()
    bench.tools.undo()
    bench.tools.redo()
    bench.viewer.layers.remove(bench.layers.glands)
    bench.layers.show_again()
    bench.layers.toggle_overlays()
    bench.layers.toggle_overlays()
    bench.tools.no_glands()
    bench.settle()
    bench.layers.glands.data = np.ones_like(np.asarray(opened.glands))
    bench.settle()
    bench.annotator.accept()
    bench.wait(lambda: bench.pool.row(bench.image_id).annotation == "accepted")
    bench.open(1)
    here, elsewhere = Watched.made
    assert elsewhere
    assert here == []
    assert edits.new_number(np.asarray(opened.glands)) == 2
