"""Results as layers, on a viewer's model without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_qsa.plugin import results
from napari_qsa.plugin.identity import KEY, record

PIXELS = np.full((20, 30, 3), 200, np.uint8)
PLACED = {
    "scale": (0.5, 0.5),
    "translate": (10, -7),
    "rotate": 30,
    "shear": (0.1,),
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
    "affine": [[1, 0.2, 3], [0, 1, 4], [0, 0, 1]],
}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def source(viewer):
    return viewer.add_image(PIXELS, rgb=True, name="slide", **PLACED)


def test_three_layers_are_added_above_their_image(viewer, source, segmented):
    layers = results.show(viewer, source, segmented())
    assert list(viewer.layers) == [source, *layers.values()]
    assert list(layers) == ["probability", "uncertainty", "glands"]
    assert [layer.visible for layer in layers.values()] == [False, True, True]
    assert isinstance(layers["glands"], Labels)
    assert layers["glands"].data.max() == 1
    assert not layers["uncertainty"].rgb


def test_results_lie_over_their_image(viewer, source, segmented):
    for layer in results.show(viewer, source, segmented()).values():
        for name in results.PLACE:
            ours, its = getattr(layer, name), getattr(source, name)
            assert np.array_equal(np.asarray(ours), np.asarray(its)), name
        for corner in ((0, 0), (19, 29)):
            np.testing.assert_allclose(layer.data_to_world(corner), source.data_to_world(corner))


def test_the_heatmap_is_fixed_and_transparent_where_certain(viewer, source, segmented):
    layer = results.show(viewer, source, segmented())["uncertainty"]
    assert tuple(layer.contrast_limits) == (0.0, 0.5)
    assert layer.colorbar.visible
    none, half, most = layer.colormap.map(np.array([0.0, 0.25, 1.0]))
    assert none[3] == 0
    assert 0.3 < half[3] < 0.7
    assert most[3] == pytest.approx(0.9)
    np.testing.assert_allclose(most[:3], [0.99, 0.91, 0.14], atol=0.01)  # the end of viridis


def test_a_second_run_updates_the_layers_of_the_first(viewer, source, segmented):
    first = results.show(viewer, source, segmented(value=1))
    first["glands"].name = "renamed by the user"
    first["uncertainty"].opacity = 0.3
    first["uncertainty"].contrast_limits = (0, 0.25)
    source.name = "renamed too"
    second = results.show(viewer, source, segmented(value=2))
    assert second == first
    assert len(viewer.layers) == 4
    assert first["glands"].data.max() == 2
    assert first["glands"].name == "renamed by the user"
    assert first["uncertainty"].opacity == 0.3
    assert tuple(first["uncertainty"].contrast_limits) == (0, 0.25)
    np.testing.assert_array_equal(first["probability"].data, 0.5)


def test_a_second_run_leaves_edited_glands_alone(viewer, source, segmented):
    first = results.show(viewer, source, segmented(value=1))["glands"]
    first.paint((12, 12), 7)
    edited = first.data.copy()
    second = results.show(viewer, source, segmented(value=2))
    assert second["glands"] is not first
    np.testing.assert_array_equal(first.data, edited)
    assert len(viewer.layers) == 5
    third = results.show(viewer, source, segmented(value=3))
    assert third == second
    assert third["glands"].data.max() == 3
    np.testing.assert_array_equal(first.data, edited)


@pytest.mark.parametrize("edit", ["direct write", "replaced data"])
def test_edits_past_the_brush_are_seen_too(viewer, source, segmented, edit):
    first = results.show(viewer, source, segmented())["glands"]
    if edit == "direct write":
        first.data[0, 0] = 5
    else:
        first.data = np.full_like(first.data, 5)
    assert results.show(viewer, source, segmented(value=2))["glands"] is not first
    assert first.data[0, 0] == 5


def test_an_edit_that_was_undone_is_none(viewer, source, segmented):
    first = results.show(viewer, source, segmented())["glands"]
    first.paint((12, 12), 7)
    first.undo()
    assert results.show(viewer, source, segmented(value=2))["glands"] is first


def test_undo_after_an_update_does_not_bring_old_strokes(viewer, source, segmented):
    glands = results.show(viewer, source, segmented(value=1))["glands"]
    glands.mode = "paint"
    glands.paint((12, 12), 7)
    glands.undo()
    results.show(viewer, source, segmented(value=2))
    new = glands.data.copy()
    glands.redo()
    glands.undo()
    np.testing.assert_array_equal(glands.data, new)
    assert glands.mode == "paint"
    assert glands.editable


def test_a_copy_of_a_layer_is_the_users(viewer, source, segmented):
    first = results.show(viewer, source, segmented(value=1))["glands"]
    copied = Labels(first.data.copy(), name="copy", metadata={KEY: dict(first.metadata[KEY])})
    viewer.layers.insert(1, copied)
    results.show(viewer, source, segmented(value=2))
    assert copied.data.max() == 1
    assert first.data.max() == 2
    assert record(copied) == {}


def test_images_do_not_share_layers(viewer, source, segmented):
    other = viewer.add_image(PIXELS, rgb=True, name="other")
    first = results.show(viewer, source, segmented(value=1))
    second = results.show(viewer, other, segmented(value=2))
    assert not set(map(id, first.values())) & set(map(id, second.values()))
    assert first["glands"].data.max() == 1


def test_a_removed_layer_is_made_again(viewer, source, segmented):
    first = results.show(viewer, source, segmented())["glands"]
    viewer.layers.remove(first)
    second = results.show(viewer, source, segmented())["glands"]
    assert second is not first
    assert second in viewer.layers


def test_a_plane_of_a_stack_lies_where_it_is_shown(viewer, segmented):
    stack = viewer.add_image(
        np.zeros((5, 20, 30, 3), np.uint8), rgb=True, scale=(4, 0.5, 0.5), translate=(100, 1, 2)
    )
    layers = results.show(viewer, stack, segmented(plane=(3,)))
    for layer in layers.values():
        assert layer.data.shape == (1, 20, 30)
        np.testing.assert_allclose(layer.data_to_world((0, 2, 3)), stack.data_to_world((3, 2, 3)))
    assert results.show(viewer, stack, segmented(plane=(3,))) == layers
    others = results.show(viewer, stack, segmented(plane=(1,)))
    assert others["glands"] is not layers["glands"]
    assert len(viewer.layers) == 7


def test_results_of_a_small_image_are_not_taken_for_colours(viewer, segmented):
    source = viewer.add_image(np.zeros((4, 3, 3), np.uint8), rgb=True)
    layers = results.show(viewer, source, segmented(shape=(4, 3)))
    assert all(layer.data.shape == (4, 3) for layer in layers.values())
    assert all(layer.ndim == 2 for layer in layers.values() if isinstance(layer, Image))


def test_outlines_are_drawn_where_they_are_quick(viewer, source, segmented, monkeypatch):
    assert results.show(viewer, source, segmented())["glands"].contour == 2
    monkeypatch.setattr(results, "OUTLINED_PIXELS", 599)
    other = viewer.add_image(PIXELS, rgb=True)
    glands = results.show(viewer, other, segmented())["glands"]
    assert glands.contour == 0
    assert glands.opacity < 1


def test_an_update_in_the_same_place_draws_each_layer_no_more_than_needed(
    viewer, source, segmented
):
    layers = results.show(viewer, source, segmented())
    moved = []
    for layer in layers.values():
        for name in results.PLACE:
            getattr(layer.events, name).connect(moved.append)
    results.show(viewer, source, segmented(value=2))
    assert moved == []
