"""Slices of a volume: the neighbours are looked at, and only the open one is annotated."""

import nibabel
import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_qsa.images import open_dataset, read_image
from napari_qsa.plugin.workbench.toolbox import Tool
from napari_qsa.project import Project

PAGES, HOME = 12, 5
SHAPE = (60, 80)


def write_volume(folder):
    values = np.zeros((*SHAPE[::-1], PAGES), np.int16)
    for page in range(PAGES):
        values[..., page] = 100 * page + np.random.default_rng(page).integers(0, 50, SHAPE[::-1])
    image = nibabel.Nifti1Image(values, np.diag([0.5, 0.5, 2, 1]))
    image.header.set_xyzt_units(xyz="mm")
    nibabel.save(image, folder / "ct.nii.gz")


def write_stack(folder):
    values = np.random.default_rng(0).integers(0, 256, (PAGES, *SHAPE, 3), dtype=np.uint8)
    tifffile.imwrite(folder / "ct.tif", values, photometric="rgb")


def make_project(tmp_path, write):
    folder = tmp_path / "ct"
    folder.mkdir()
    write(folder)
    project = Project.create(tmp_path / "ct.qsa", "CT", seed=7)
    project.add_images(open_dataset(folder))
    return project


@pytest.fixture(params=[write_volume, write_stack], ids=["nifti", "tiff"])
def bench(request, tmp_path, bench_of):
    with make_project(tmp_path, request.param) as project:
        bench = bench_of(project)
        bench.open(HOME)
        yield bench


def look_at(bench, page):
    bench.viewer.dims.set_point(0, page)
    bench.settle()


def overlays(bench):
    return {kind: bench.layers[kind].visible for kind in ("glands", "region")}


def test_the_slider_holds_the_file_and_stands_at_the_open_slice(bench):
    image = bench.layers["image"]
    assert image.data.shape[:3] == (PAGES, *SHAPE)
    assert image.rgb == (image.data.ndim == 4)
    assert bench.viewer.dims.nsteps[0] == PAGES
    assert bench.viewer.dims.point[0] == HOME
    assert not bench.layers.away
    opened = bench.layers.opened
    assert (opened.glands.shape, bench.layers.glands.ndim) == (SHAPE, 2)
    assert opened.slices.ids == dict(enumerate(bench.ids))
    np.testing.assert_array_equal(bench.layers.glands.scale, image.scale[1:])
    for corner in ((0, 0), (59, 79)):
        here = bench.layers.glands.data_to_world(corner)
        np.testing.assert_allclose(here, image.data_to_world((HOME, *corner))[1:])


def test_neighbours_are_read_when_they_are_looked_at(bench):
    slices = bench.layers.opened.slices
    path = bench.desk.project.path_of(bench.image_id)
    assert [page for page in range(PAGES) if slices.has(page)] == list(range(HOME - 3, HOME + 4))
    for page in (HOME, HOME - 1, PAGES - 1, 0):
        look_at(bench, page)
        wanted = np.squeeze(read_image(path, page).pixels)
        np.testing.assert_array_equal(slices[page], wanted)
        np.testing.assert_array_equal(bench.layers["image"]._slice.image.raw, wanted)
    assert bench.failures == []


def test_over_a_neighbour_the_annotation_is_hidden_and_comes_back(bench):
    bench.put(1, (5, 20), (5, 20))
    bench.layers.region.visible = False
    look_at(bench, HOME + 1)
    assert bench.layers.away
    assert bench.layers.slider.whereabouts == "Slice 6 is being annotated; you look at 7."
    assert overlays(bench) == {"glands": False, "region": False}
    look_at(bench, HOME)
    assert not bench.layers.away
    assert bench.layers.slider.whereabouts == ""
    assert overlays(bench) == {"glands": True, "region": False}


def test_nothing_shows_the_annotation_over_a_neighbour(bench, make_proposal):
    bench.proposals[bench.image_id] = make_proposal(bench.image_id, ((5, 20), (5, 20)))
    look_at(bench, HOME - 2)
    bench.layers.toggle_overlays()
    bench.layers.show_overlays()
    bench.layers.glands.visible = True
    bench.layers.show_heatmap(True)
    bench.show(bench.image_id)  # a proposal that comes late
    assert bench.layers["proposal"] is not None
    assert not any(layer.visible for layer in bench.layers.all()[1:])
    look_at(bench, HOME)
    assert all(layer.visible for layer in bench.layers.all())


def test_no_tool_changes_anything_over_a_neighbour(bench):
    bench.put(1, (5, 20), (5, 20))
    bench.tools.choose(Tool.SPLIT)
    look_at(bench, HOME + 3)
    before = bench.glands.copy()
    bench.tools.draw(np.array([[10.0, 0.0], [10.0, 40.0]]))
    bench.tools.click((10, 10), Tool.DELETE)
    bench.tools.clear()
    bench.tools.no_glands()
    bench.tools.undo()
    for tool in (Tool.GLAND, Tool.DONT_KNOW):
        bench.tools.choose(tool)
    for mode in ("paint", "erase", "fill"):
        bench.layers.glands.mode = mode
        assert bench.layers.glands.mode == "pan_zoom"
    bench.settle()
    np.testing.assert_array_equal(bench.glands, before)
    assert bench.said[-1].startswith("Slice 6 is being annotated; you look at 9. Go back")


def test_the_tool_in_hand_comes_back(bench):
    assert bench.layers.glands.mode == "paint"
    look_at(bench, HOME + 1)
    assert bench.layers.glands.mode == "pan_zoom"
    look_at(bench, HOME)
    assert bench.layers.glands.mode == "paint"


def test_a_finding_brings_the_slider_home(bench):
    bench.put(1, (5, 20), (5, 20))
    look_at(bench, 0)
    bench.layers.look_at((10, 10), 1)
    assert bench.viewer.dims.point[0] == HOME
    assert bench.layers.glands.visible


def test_across_the_slices_nothing_is_annotated(bench):
    bench.viewer.dims.ndisplay = 3
    assert bench.layers.away
    assert bench.layers.slider.whereabouts.endswith("you look across the slices.")
    bench.layers.slider.go_home()
    assert bench.viewer.dims.ndisplay == 2
    assert not bench.layers.away


def test_a_neighbour_is_opened_like_any_image(bench):
    bench.put(1, (5, 20), (5, 20))
    bench.annotator.edited()
    first = bench.image_id
    look_at(bench, HOME + 1)
    opened = bench.open(HOME + 1)
    assert not bench.layers.away
    assert bench.viewer.dims.point[0] == HOME + 1
    assert opened.glands.max() == 0
    assert bench.layers.glands.visible
    assert bench.stored(first).glands[10, 10] == 1


def test_a_neighbour_that_cannot_be_read_is_said_and_stays_black(bench, monkeypatch):
    from napari_qsa.errors import ImageError
    from napari_qsa.session import slices

    def fail(path, page):
        raise ImageError("It is damaged.")

    monkeypatch.setattr(slices, "read_image", fail)
    look_at(bench, 0)
    assert bench.layers.slider.whereabouts.endswith("you look at 1. It is damaged.")
    assert not np.any(bench.layers.opened.slices[0])
    assert bench.failures == []


def test_an_ordinary_image_has_no_slider(project, bench_of):
    bench = bench_of(project)
    opened = bench.open(0)
    assert opened.slices is None
    assert bench.viewer.dims.ndim == 2
    bench.viewer.add_image(np.zeros((4, *SHAPE)))
    bench.viewer.dims.set_point(0, 2)
    assert not bench.layers.away
    assert bench.layers.glands.visible


@pytest.mark.window
def test_in_the_window(tmp_path, window_of):
    with make_project(tmp_path, write_volume) as project:
        window = window_of(project, HOME)
        tab = window.tab
        assert tab.elsewhere.isHidden()
        window.drag((20, 20), (20, 60))
        assert window.numbers() == {1}
        painted = window.glands.copy()

        look_at(window, HOME + 1)
        QApplication.processEvents()
        assert tab.elsewhere.words.text() == "Slice 6 is being annotated; you look at 7."
        assert tab.elsewhere.isVisible()
        assert overlays(window) == {"glands": False, "region": False}
        window.drag((40, 20), (40, 60))  # by the mouse, over the neighbour
        window.key(Qt.Key.Key_P)
        window.drag((45, 20), (45, 60))
        window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        window.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        window.settle()
        np.testing.assert_array_equal(window.glands, painted)
        assert project.summary(window.ids[HOME]).status != "accepted"
        assert project.summary(window.ids[HOME + 1]).newest is None

        window.press(tab.elsewhere.back)
        assert window.viewer.dims.point[0] == HOME
        assert tab.elsewhere.isHidden()
        assert overlays(window) == {"glands": True, "region": True}
        window.drag((40, 20), (40, 60))
        assert window.numbers() == {1, 2}

        look_at(window, HOME + 1)
        window.press(tab.elsewhere.here)
        window.wait(lambda: window.image_id == window.ids[HOME + 1])
        window.settle()
        assert window.viewer.dims.point[0] == HOME + 1
        assert window.numbers() == set()
        assert window.stored(window.ids[HOME]).facts.glands == 2
        assert window.failures == []
