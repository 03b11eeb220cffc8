"""The layers of an opened image, in a viewer without a window."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_qsa.plugin.identity import record


def kinds(viewer):
    return [record(layer).get("kind") for layer in viewer.layers]


def paint(bench, place=(30, 40), number=7):
    bench.layers.glands.paint(place, number)


def test_an_opened_image_has_layers_that_lie_over_it(bench, make_proposal):
    bench.proposals[bench.ids[0]] = make_proposal(bench.ids[0], ((5, 20), (5, 20)))
    bench.open(0)
    assert kinds(bench.viewer) == ["image", "uncertainty", "glands", "region", "proposal"]
    image, *others = bench.viewer.layers
    assert isinstance(image, Image)
    assert image.rgb
    assert all(record(layer)["image"] == bench.ids[0] for layer in bench.viewer.layers)
    for layer in others:
        np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        for corner in ((0, 0), (59, 79)):
            np.testing.assert_allclose(layer.data_to_world(corner), image.data_to_world(corner))
    assert bench.viewer.layers.selection.active is bench.layers.glands


def test_the_layers_paint_into_the_opened_arrays_themselves(bench):
    opened = bench.open(0)
    assert bench.layers.glands.data is opened.glands
    assert bench.layers.region.data is opened.region
    assert np.shares_memory(bench.layers["image"].data, opened.image.pixels)
    paint(bench)
    assert opened.glands[30, 40] == 7


def test_another_image_has_other_layers_and_the_former_ones_go(bench):
    first = bench.open(0)
    before = list(bench.viewer.layers)
    paint(bench)
    second = bench.open(1)
    assert kinds(bench.viewer) == ["image", "glands", "region"]
    assert not set(map(id, before)) & set(map(id, bench.viewer.layers))
    assert second.glands.max() == 0
    assert first.glands.max() == 7
    np.testing.assert_array_equal(bench.stored(bench.ids[0]).glands, first.glands)


def test_closing_removes_all_layers_and_leaves_those_of_others(bench):
    theirs = bench.viewer.add_image(np.zeros((5, 5)))
    bench.open(0)
    paint(bench)
    bench.annotator.close()
    assert list(bench.viewer.layers) == [theirs]
    bench.settle()
    assert bench.stored(bench.ids[0]).glands[30, 40] == 7


def test_the_other_glands_are_protected_from_a_stroke(bench):
    bench.open(0)
    bench.put(3, (25, 35), (35, 45))
    paint(bench, number=7)
    assert (bench.glands[25:35, 35:45] == 3).all()
    assert (bench.glands == 7).any()


def test_names_say_nothing(bench):
    bench.open(0)
    for layer in bench.viewer.layers:
        layer.name = "renamed"
    bench.open(1)
    assert kinds(bench.viewer) == ["image", "glands", "region"]
    assert "renamed" not in [layer.name for layer in bench.viewer.layers]


# -- somebody removes layers


@pytest.mark.parametrize(
    "remove",
    [
        lambda viewer, layer: viewer.layers.remove(layer),
        lambda viewer, layer: viewer.layers.clear(),
        lambda viewer, layer: viewer.layers.pop(viewer.layers.index(layer)),
        lambda viewer, layer: viewer.layers.__delitem__(slice(None)),
    ],
    ids=["remove", "clear", "pop", "all"],
)
def test_a_removed_layer_is_saved_and_offered_again(bench, remove):
    opened = bench.open(0)
    paint(bench)
    former = bench.layers.glands
    remove(bench.viewer, former)
    assert "glands" in bench.layers.missing
    assert bench.layers.glands is None
    bench.settle()
    assert bench.stored().glands[30, 40] == 7
    bench.layers.show_again()
    assert bench.layers.missing == ()
    assert kinds(bench.viewer) == ["image", "glands", "region"]
    assert bench.layers.glands is not former
    assert bench.layers.glands.data is opened.glands
    paint(bench, (10, 10), 8)
    bench.annotator.save_now()
    bench.settle()
    assert set(np.unique(bench.stored().glands)) == {0, 7, 8}


def test_strokes_on_a_removed_layer_are_no_longer_ours(bench):
    bench.open(0)
    former = bench.layers.glands
    bench.viewer.layers.remove(former)
    bench.layers.history.undo()
    before = bench.layers.edits
    former.paint((30, 40), 7)
    assert bench.layers.edits == before


# -- proposals and their heatmap


def test_a_proposal_is_an_outline_that_nobody_paints_on(bench, make_proposal):
    bench.open(0)
    assert bench.layers["proposal"] is None
    proposal = make_proposal(bench.ids[0], ((5, 20), (5, 20)))
    bench.segmenter.shown.emit(proposal)
    layer = bench.layers["proposal"]
    assert isinstance(layer, Labels)
    assert layer.data is proposal.labels
    assert layer.contour > 0
    assert not layer.editable
    assert bench.viewer.layers.selection.active is bench.layers.glands
    assert kinds(bench.viewer) == ["image", "uncertainty", "glands", "region", "proposal"]


def test_a_newer_proposal_changes_the_layers_in_place_and_no_annotation(bench, make_proposal):
    bench.open(0)
    paint(bench)
    annotated = bench.glands.copy()
    bench.segmenter.shown.emit(make_proposal(bench.ids[0], ((5, 20), (5, 20))))
    layer = bench.layers["proposal"]
    bench.segmenter.shown.emit(make_proposal(bench.ids[0], ((30, 40), (5, 20))))
    assert bench.layers["proposal"] is layer
    assert layer.data[35, 10] == 1
    assert not layer.editable
    np.testing.assert_array_equal(bench.glands, annotated)
    bench.segmenter.shown.emit(None)
    assert kinds(bench.viewer) == ["image", "glands", "region"]


def test_a_proposal_for_an_image_on_its_way_waits_for_it(bench, make_proposal):
    bench.open(0)
    bench.proposals[bench.ids[1]] = make_proposal(bench.ids[1], ((5, 20), (5, 20)))
    bench.segmenter.show(bench.ids[1])
    assert bench.layers["proposal"] is None
    bench.segmenter.show = lambda image_id: None
    bench.open(1)
    assert bench.layers["proposal"].data[10, 10] == 1


def test_the_heatmap_is_fixed_and_clear_where_certain(bench, make_proposal):
    bench.open(0)
    bench.segmenter.shown.emit(make_proposal(bench.ids[0]))
    layer = bench.layers["uncertainty"]
    assert not layer.visible
    assert bench.layers.show_heatmap(True)
    assert layer.visible
    assert tuple(layer.contrast_limits) == (0.0, 0.5)
    assert layer.colorbar.visible
    certain, _, unsure = layer.colormap.map(np.array([0.0, 0.5, 1.0]))
    assert certain[3] == 0
    assert unsure[3] > 0.8
    np.testing.assert_allclose(unsure[:3], [0.99, 0.91, 0.14], atol=0.01)  # the end of viridis


def test_the_heatmap_stays_wanted_on_the_next_image(bench, make_proposal):
    for image_id in bench.ids[:2]:
        bench.proposals[image_id] = make_proposal(image_id)
    bench.open(0)
    bench.layers.show_heatmap(True)
    bench.open(1)
    assert bench.layers["uncertainty"].visible
    bench.open(2)
    assert not bench.layers.show_heatmap(True)


def test_hiding_shows_again_what_was_shown(bench, make_proposal):
    bench.proposals[bench.ids[0]] = make_proposal(bench.ids[0])
    bench.open(0)
    bench.layers["region"].visible = False
    bench.layers.toggle_overlays()
    assert [layer.visible for layer in bench.viewer.layers] == [True, False, False, False, False]
    bench.layers.toggle_overlays()
    assert [layer.visible for layer in bench.viewer.layers] == [True, False, True, False, True]


# -- what colours mean


def test_region_values_are_said_in_words(bench):
    bench.open(0)
    bench.layers.region.data[30, 40] = 2
    status = bench.layers.region.get_status((15.0, 20.0), world=True, dims_displayed=[0, 1])
    assert "don't know" in status["value"]


def test_what_was_reviewed_is_seen_while_it_is_marked(bench):
    bench.open(0)
    region = bench.layers.region

    def opacities():
        return region.colormap.map(np.array([0, 1, 2], np.uint8))[:, 3]

    assert opacities()[1] == 0
    assert opacities()[2] > 0.5
    bench.viewer.layers.selection.active = region
    assert opacities()[1] > 0
    bench.viewer.layers.selection.active = bench.layers.glands
    assert opacities()[1] == 0


def test_neighbouring_numbers_have_other_colours_and_lightness_differs(bench):
    bench.open(0)
    colours = bench.layers.glands.colormap.map(np.arange(1, 7, dtype=np.uint16))[:, :3]
    gray = colours @ [0.2126, 0.7152, 0.0722]
    assert len(np.unique(colours, axis=0)) == 6
    assert np.abs(np.diff(gray)).min() > 0.05


def test_a_place_is_told_from_the_outside(bench):
    bench.open(0)
    assert bench.layers.place_of((15.0, 20.0)) == (30, 40)
    assert bench.layers.place_of((-1.0, 20.0)) is None
    assert bench.layers.place_of((15.0, 40.0)) is None


def test_a_read_only_project_is_not_painted_on(bench, project, tmp_path):
    project.close()
    from napari_qsa.project import Project

    with Project.open(tmp_path / "glands.qsa", read_only=True) as other:
        bench.desk.put_project(other)
        bench.open(0)
        assert not bench.layers.glands.editable
        bench.tools.clear()
        assert "read-only" in bench.said[-1]
