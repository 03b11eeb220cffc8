"""The session's object on a real engine process, with a stand-in for the networks: no Qt here."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import ImageError
from napari_qsa.jobs import Engine, tasks
from napari_qsa.session.dispatch import Inbox
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.segmentation import Segmentation
from napari_qsa.session.state import State, Subject

HERE = Path(__file__).parent
PIXELS = np.full((20, 30, 3), 200, np.uint8)


@pytest.fixture(scope="module", autouse=True)
def stand_in():
    """Make the child call `stand_in.segment`, which obeys the ensemble's name."""
    sys.path.insert(0, str(HERE))
    import stand_in

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "segment", stand_in.segment)
        patch.setattr(tasks, "warm_up", stand_in.warm_up)
        yield
    sys.path.remove(str(HERE))


class Owner:
    """A segmentation with its inbox, and all it has shown."""

    def __init__(self):
        self.inbox = Inbox()
        self.engine = Engine()
        self.segmentation = Segmentation(self.engine, self.inbox.post)
        self.shown, self.results, self.threads = [], [], set()
        self.segmentation.status_changed.connect(self._keep)
        self.segmentation.segmented.connect(self.results.append)

    def _keep(self, status):
        self.shown.append(status)
        self.threads.add(threading.current_thread())

    def states(self):
        return list(dict.fromkeys(status.state for status in self.shown))

    def wait_for(self, *states):
        self.inbox.run_until(lambda: self.segmentation.status.state in states, 20)

    def drain(self):
        """Let whatever the engine still sends arrive."""
        done = []
        self.engine.submit(tasks.warm_up, "good").add_done_callback(
            lambda _: self.inbox.post(lambda: done.append(True))
        )
        self.inbox.run_until(lambda: done, 20)

    def segment(self, ensemble="good", key="a", pixels=PIXELS, **options):
        subject = Subject(key, "slide", lambda: pixels, pixels.ndim == 3)
        self.segmentation.segment(subject, SegmentOptions(ensemble, **options))


@pytest.fixture
def owner():
    owner = Owner()
    yield owner
    owner.segmentation.close()
    owner.engine.shutdown()


def test_a_segmentation_runs_and_brings_its_result(owner):
    owner.segment(pixel_size=0.5)
    owner.wait_for(State.DONE)
    (result,) = owner.results
    assert owner.states() == [State.RUNNING, State.DONE]
    assert result.prediction.labels.shape == (20, 30)
    assert result.prediction.pixel_size == 0.5
    assert result.subject.key == "a"
    assert owner.segmentation.status.message.startswith("2 glands, mean uncertainty 0.250, ")
    assert owner.segmentation.status.message.endswith("A note.")


def test_progress_is_shown_and_everything_happens_in_the_owners_thread(owner):
    owner.segment("slow")
    owner.wait_for(State.DONE)
    fractions = [s.fraction for s in owner.shown if s.state is State.RUNNING and s.fraction]
    assert fractions == sorted(fractions)
    assert len(fractions) >= 2
    assert owner.threads == {threading.current_thread()}


def test_the_array_is_read_in_another_thread(owner):
    threads = []

    def read():
        threads.append(threading.current_thread())
        return PIXELS

    owner.segmentation.segment(Subject("a", "slide", read, True), SegmentOptions("good"))
    owner.wait_for(State.DONE)
    assert threading.current_thread() not in threads


def test_warm_up_goes_from_starting_to_ready(owner):
    owner.segmentation.warm_up("good")
    owner.wait_for(State.IDLE)
    assert owner.states() == [State.STARTING, State.IDLE]
    assert owner.engine.pid is not None


def test_a_model_that_cannot_be_loaded_is_said_at_the_start(owner):
    owner.segmentation.warm_up("missing")
    owner.wait_for(State.FAILED)
    assert owner.segmentation.status.message == "There is no ensemble 'missing'."
    assert "Traceback" in owner.segmentation.status.details


def test_segmenting_while_the_model_is_loaded_shows_only_the_segmentation(owner):
    owner.segmentation.warm_up("slow")
    owner.segment()
    owner.wait_for(State.DONE)
    owner.drain()
    assert owner.states() == [State.STARTING, State.RUNNING, State.DONE]
    assert owner.segmentation.status.state is State.DONE


@pytest.mark.parametrize("pause", [0, 0.5])
def test_cancel_is_immediate_and_the_engine_gets_ready_again(owner, pause):
    owner.segment("endless")
    if pause:
        owner.inbox.run_until(lambda: owner.segmentation.status.message == "Segmenting…", 20)
    before = time.monotonic()
    owner.segmentation.cancel()
    assert time.monotonic() - before < 2
    assert owner.segmentation.status.state is State.CANCELLED
    assert not owner.segmentation.running
    owner.drain()
    assert owner.results == []
    assert owner.segmentation.status.state is State.CANCELLED
    owner.segment()
    owner.wait_for(State.DONE)


def test_a_crash_is_a_failure_after_which_all_works(owner):
    owner.segment("crash")
    owner.wait_for(State.FAILED)
    assert "ended unexpectedly" in owner.segmentation.status.message
    owner.segment()
    owner.wait_for(State.DONE)
    assert len(owner.results) == 1


def test_a_result_of_a_changed_image_is_dropped(owner):
    owner.segment("slow")
    owner.segmentation.image_changed("b")
    owner.segmentation.image_changed("a")
    owner.wait_for(State.CANCELLED, State.DONE)
    assert owner.results == []
    assert "changed while it was segmented" in owner.segmentation.status.message


def test_a_change_of_another_image_drops_nothing(owner):
    owner.segmentation.image_changed("a")
    owner.segment("slow")
    owner.segmentation.image_changed("b")
    owner.segmentation.image_removed("b")
    owner.wait_for(State.CANCELLED, State.DONE)
    assert len(owner.results) == 1


def test_an_image_removed_while_it_is_segmented_cancels(owner):
    owner.segment("endless")
    owner.segmentation.image_removed("a")
    assert owner.segmentation.status.state is State.CANCELLED
    assert "slide was removed" in owner.segmentation.status.message


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.full((4, 5), np.nan, np.float32), "NaN"),
        (np.full((4, 5), 300.0), "300"),
        (np.zeros((0, 5, 3), np.uint8), "single plane"),
        (np.zeros((4, 5, 7), np.uint8), "channels"),
        (np.full((4, 5), -1), "-1"),
    ],
)
def test_pixels_that_cannot_be_used_fail_with_a_sentence(owner, pixels, sentence):
    owner.segment(pixels=pixels)
    owner.wait_for(State.FAILED)
    assert owner.segmentation.status.message.startswith("slide ")
    assert sentence in owner.segmentation.status.message


def test_a_lazy_array_that_fails_is_a_failure(owner):
    def read():
        raise OSError("the disk is gone")

    owner.segmentation.segment(Subject("a", "slide", read, True), SegmentOptions("good"))
    owner.wait_for(State.FAILED)
    assert owner.segmentation.status.message == "slide cannot be read: the disk is gone."
    assert "Traceback" in owner.segmentation.status.details


def test_an_error_of_the_child_is_shown_as_its_sentence(owner):
    owner.segment("refuse")
    owner.wait_for(State.FAILED)
    assert owner.segmentation.status.message == str(ImageError("Too small."))


def test_only_one_image_at_a_time(owner):
    owner.segment("endless")
    with pytest.raises(RuntimeError, match="one image at a time"):
        owner.segment()


def test_release_frees_the_process_unless_it_works(owner):
    owner.segment()
    owner.wait_for(State.DONE)
    owner.segmentation.release()
    assert owner.engine.pid is None
    owner.segment("slow")
    owner.segmentation.release()
    owner.wait_for(State.DONE)
    assert len(owner.results) == 2


def test_after_the_end_nothing_is_shown(owner):
    owner.segment("endless")
    shown = len(owner.shown)
    owner.segmentation.close()
    owner.engine.shutdown()
    with pytest.raises(TimeoutError):
        owner.inbox.run_until(lambda: False, 0.2)
    assert len(owner.shown) == shown
    assert owner.engine.pid is None
    with pytest.raises(RuntimeError):
        owner.segment()


def test_the_session_loads_neither_qt_nor_torch():
    import subprocess

    program = (
        "import sys, napari_qsa.session.segmentation\n"
        "print([m for m in ('torch', 'openvino', 'qtpy', 'napari', 'magicgui')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
