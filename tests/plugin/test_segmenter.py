"""What changes in a viewer while an image is segmented; the engine's answers are given by hand."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_qsa.jobs import Job, tasks
from napari_qsa.plugin.segmenter import Segmenter
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.segmentation import Segmentation
from napari_qsa.session.state import State

PIXELS = np.full((20, 30, 3), 200, np.uint8)


class HandEngine:
    """An engine whose calls end when a test says so."""

    def __init__(self):
        self.calls = []

    def submit(self, fn, /, *args, **kwargs):
        job = Job()
        self.calls.append((fn, args, job))
        return job

    def cancel(self):
        for _, _, job in self.calls:
            job.cancel()

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.cancel()

    def answer(self, prediction):
        job = next(job for fn, _, job in self.calls if fn is tasks.segment and not job.done())
        job.set_result(prediction)


class Bench:
    def __init__(self):
        self.viewer = ViewerModel()
        self.engine = HandEngine()
        self.segmentation = Segmentation(self.engine, lambda call: call())
        self.segmenter = Segmenter(self.viewer, self.segmentation)
        self.layer = self.viewer.add_image(PIXELS, rgb=True, name="slide")

    def start(self):
        before = len(self.engine.calls)
        self.segmenter.segment(self.layer, SegmentOptions("any"))
        self.segmentation._reader.submit(lambda: None).result(20)  # it reads one at a time
        assert len(self.engine.calls) == before + 1

    @property
    def state(self):
        return self.segmentation.status.state


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.segmentation.close()


def test_a_result_becomes_layers(bench, segmented):
    bench.start()
    bench.engine.answer(segmented().prediction)
    assert bench.state is State.DONE
    assert len(bench.viewer.layers) == 4


def test_pixels_replaced_meanwhile_drop_the_result(bench, segmented):
    bench.start()
    bench.layer.data = PIXELS + 1
    bench.engine.answer(segmented().prediction)
    assert bench.state is State.CANCELLED
    assert "slide changed" in bench.segmentation.status.message
    assert len(bench.viewer.layers) == 1


def test_another_scale_meanwhile_drops_the_result(bench, segmented):
    bench.start()
    bench.layer.scale = (0.5, 0.5)
    bench.engine.answer(segmented().prediction)
    assert len(bench.viewer.layers) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: setattr(layer, "name", "renamed"),
        lambda layer: setattr(layer, "visible", False),
        lambda layer: setattr(layer, "translate", (5, 5)),
        lambda layer: layer.refresh(),
    ],
    ids=["name", "visible", "translate", "refresh"],
)
def test_what_leaves_the_pixels_alone_drops_nothing(bench, segmented, change):
    bench.start()
    change(bench.layer)
    bench.engine.answer(segmented().prediction)
    assert bench.state is State.DONE
    for layer in bench.viewer.layers:
        np.testing.assert_array_equal(layer.translate, bench.layer.translate)


def test_an_image_removed_meanwhile_cancels(bench):
    bench.start()
    bench.viewer.layers.remove(bench.layer)
    assert bench.state is State.CANCELLED
    assert len(bench.viewer.layers) == 0


def test_another_layer_removed_meanwhile_does_nothing(bench, segmented):
    other = bench.viewer.add_image(PIXELS, rgb=True)
    bench.start()
    bench.viewer.layers.remove(other)
    bench.engine.answer(segmented().prediction)
    assert bench.state is State.DONE


def test_results_follow_their_image(bench, segmented):
    bench.start()
    bench.engine.answer(segmented().prediction)
    bench.layer.scale = (0.5, 0.5)
    bench.layer.translate = (7, 8)
    for layer in bench.viewer.layers:
        np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
        np.testing.assert_array_equal(layer.translate, (7, 8))


def test_clearing_the_viewer_with_results_is_harmless(bench, segmented):
    bench.start()
    bench.engine.answer(segmented().prediction)
    bench.viewer.layers.clear()
    assert bench.state is State.DONE
