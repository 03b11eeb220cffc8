"""Image layers as what is segmented, on a viewer's model without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_qsa.plugin import results, sources

PIXELS = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3).astype(np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((0.62, 0.62), ("um", "um"), 0.62),
        ((0.62, 0.62), ("µm", "µm"), 0.62),
        ((500, 500), ("nm", "nm"), 0.5),
        ((0.001, 0.001), ("mm", "mm"), 1.0),
        ((0.62, 0.62), ("pixel", "pixel"), None),
        ((1, 1), ("s", "s"), None),
        ((0.5, 0.505), ("um", "um"), (0.5 * 0.505) ** 0.5),
        ((0.5, 0.6), ("um", "um"), None),
        ((25, 25), ("um", "um"), None),
        ((0.04, 0.04), ("um", "um"), None),
    ],
)
def test_pixel_size_is_known_where_the_scale_is_a_length(viewer, scale, units, expected):
    layer = viewer.add_image(PIXELS, rgb=True, scale=scale, units=units)
    assert sources.pixel_size(layer) == (None if expected is None else pytest.approx(expected))


def test_pixel_size_of_a_stack_is_that_of_its_planes(viewer):
    layer = viewer.add_image(
        np.zeros((4, 20, 30)), scale=(5, 0.25, 0.25), units=("s", "um", "um"), rgb=False
    )
    assert sources.pixel_size(layer) == pytest.approx(0.25)


def test_maps_that_we_made_are_no_sources(viewer, segmented):
    layer = viewer.add_image(PIXELS, rgb=True)
    gray = viewer.add_image(PIXELS[..., 0], rgb=False)
    viewer.add_labels(np.zeros((20, 30), int))
    results.show(viewer, layer, segmented())
    assert list(sources.sources(viewer)) == [layer, gray]


def test_a_subject_holds_the_shown_plane(viewer):
    stack = np.stack([PIXELS, PIXELS + 1, PIXELS + 2])
    layer = viewer.add_image(stack, rgb=True, scale=(4, 1, 1), translate=(10, 0, 0))
    viewer.dims.set_point(0, 18)
    subject = sources.subject(viewer, layer)
    assert subject.plane == (2,)
    assert subject.rgb
    np.testing.assert_array_equal(subject.read(), stack[2])


def test_the_plane_stays_inside_a_stack_that_is_shorter_than_the_viewer(viewer):
    viewer.add_image(np.zeros((9, 20, 30)), rgb=False)
    layer = viewer.add_image(np.zeros((3, 20, 30)), rgb=False)
    viewer.dims.set_point(0, 8)
    assert sources.subject(viewer, layer).plane == (2,)


def test_a_plane_image_in_a_deeper_viewer_is_read_whole(viewer):
    viewer.add_image(np.zeros((9, 20, 30)), rgb=False)
    layer = viewer.add_image(PIXELS, rgb=True)
    viewer.dims.set_point(0, 8)
    subject = sources.subject(viewer, layer)
    assert subject.plane == ()
    np.testing.assert_array_equal(subject.read(), PIXELS)


def test_the_finest_scale_of_a_pyramid_is_read(viewer):
    layer = viewer.add_image([PIXELS, PIXELS[::2, ::2]], rgb=True, multiscale=True)
    assert np.shape(sources.subject(viewer, layer).read()) == PIXELS.shape


def test_describing_a_lazy_image_computes_nothing(viewer):
    dask = pytest.importorskip("dask.array")
    computed = []

    def compute(block):
        computed.append(block.shape)
        return block

    lazy = dask.from_array(np.stack([PIXELS] * 4), chunks=(1, 20, 30, 3)).map_blocks(
        compute, meta=np.zeros((0, 0, 0, 0), np.uint8)
    )
    layer = viewer.add_image(lazy, rgb=True, contrast_limits=(0, 255))
    viewer.dims.set_point(0, 2)
    computed.clear()
    subject = sources.subject(viewer, layer)
    assert computed == []
    np.testing.assert_array_equal(np.asarray(subject.read()), PIXELS)


def test_a_renamed_layer_is_found(viewer):
    layer = viewer.add_image(PIXELS, rgb=True)
    key = sources.subject(viewer, layer).key
    layer.name = "something else"
    assert sources.find(viewer, key) is layer
    viewer.layers.remove(layer)
    assert sources.find(viewer, key) is None


def test_a_copy_of_an_image_is_another_image(viewer):
    layer = viewer.add_image(PIXELS, rgb=True)
    key = sources.subject(viewer, layer).key
    copied = viewer.add_image(PIXELS, rgb=True, metadata=dict(layer.metadata))
    assert sources.find(viewer, key) is layer
    assert sources.subject(viewer, copied).key != key
    assert sources.subject(viewer, layer).key == key
