"""What was meant for one image is never done to the next one."""

import threading

import numpy as np
import pytest

from napari_qsa.plugin.workbench.changing import TOO_LATE


@pytest.fixture
def opened(bench):
    bench.open(0)
    bench.put(3, (10, 30), (10, 30))
    return bench


def test_a_change_that_waited_for_a_stroke_is_not_put_into_the_next_image(opened):
    late = threading.Event()
    opened.lane.do(late.wait)
    opened.tools.clear()
    with opened.layers.glands.block_history():  # a stroke is under way
        late.set()
        opened.wait(lambda: bool(opened.tools.changing._held))
        opened.pool.open(opened.ids[1])
        opened.wait(lambda: opened.image_id == opened.ids[1])
    opened.put(7, (5, 40), (5, 40))
    before = opened.glands.copy()
    opened.settle()
    np.testing.assert_array_equal(opened.glands, before)
    assert TOO_LATE in opened.said


def test_accepting_one_image_does_not_accept_the_next(opened):
    late = threading.Event()
    opened.lane.do(late.wait)
    opened.tools.clear()
    opened.tools.changing.when_idle(opened.annotator.accept)
    opened.pool.open(opened.ids[1])
    opened.wait(lambda: opened.image_id == opened.ids[1])
    late.set()
    opened.settle()
    status = [opened.desk.project.summary(image_id).status for image_id in opened.ids[:2]]
    assert "accepted" not in status
    assert TOO_LATE in opened.said
