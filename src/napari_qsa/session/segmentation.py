"""Segment the current image: the object a dock shows and sends its commands to."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from psygnal import Signal

from napari_qsa.errors import ImageError, QsaError
from napari_qsa.images.arrays import image_from_array
from napari_qsa.images.reading import Image
from napari_qsa.jobs import Job, Progress, tasks
from napari_qsa.session.dispatch import Post
from napari_qsa.session.options import SegmentOptions
from napari_qsa.session.state import Segmented, State, Status, Subject, summary

if TYPE_CHECKING:
    from napari_qsa.ensemble.prediction import Prediction


@dataclass(frozen=True)
class _Run:
    subject: Subject
    options: SegmentOptions
    revision: int
    begun: float


class SegmentEngine(Protocol):
    """What a segmentation needs of `napari_qsa.jobs.Engine`."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Call a function in the engine's process."""

    def cancel(self) -> None:
        """Cancel every call and end the process."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls and end the process."""


class Segmentation:
    """Segments one image at a time in an engine's process; lives in one thread.

    Every method is called, every state changed and every signal emitted in the owner's thread;
    what other threads have to say is brought there by `post`. Pixels are not copied: a result
    whose image has changed meanwhile, as the owner tells `image_changed`, is dropped.

    Parameters
    ----------
    engine
        Not shared with others: `cancel` ends its process, and `close` shuts it down.
    post
        Makes a call in the owner's thread; from any thread.
    """

    status_changed = Signal(Status)
    segmented = Signal(Segmented)

    def __init__(self, engine: SegmentEngine, post: Post) -> None:
        self._engine = engine
        self._post = post
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="qsa-read")
        self._status = Status()
        self._revisions: Counter[Hashable] = Counter()
        self._run: _Run | None = None
        self._warming: Future[None] | None = None
        self._closed = False

    @property
    def status(self) -> Status:
        """What it does now."""
        return self._status

    @property
    def running(self) -> bool:
        """Whether an image is being segmented."""
        return self._run is not None

    def warm_up(self, ensemble: str) -> None:
        """Start the engine and load a model there, so that the first image need not wait."""
        if not self._closed and not self.running:
            self._show(State.STARTING, "Loading the model…")
            self._warm_up(ensemble)

    def segment(self, subject: Subject, options: SegmentOptions) -> None:
        """Start to segment an image.

        Raises
        ------
        RuntimeError
            If an image is being segmented already, or after `close`.
        """
        if self.running or self._closed:
            raise RuntimeError("one image at a time, and none after the end")
        run = _Run(subject, options, self._revisions[subject.key], time.monotonic())
        self._run, self._warming = run, None
        self._show(State.RUNNING, "Reading the image…")
        reading = self._reader.submit(_read, subject, options.pixel_size)
        reading.add_done_callback(partial(self._forward, self._submit, run))

    def cancel(self) -> None:
        """Stop at once, and make the engine ready again in the background."""
        if run := self._stop():
            self._show(State.CANCELLED, "Cancelled.")
            self._warm_up(run.options.ensemble)

    def release(self) -> None:
        """End the engine's process to free its memory, unless an image is being segmented."""
        if not self.running and not self._closed:
            self._warming = None
            self._engine.cancel()
            self._show(State.IDLE)

    def close(self) -> None:
        """Stop at once and for good."""
        if not self._closed:
            self._status = Status()
            self._closed = True
            self._run = self._warming = None
            self._reader.shutdown(wait=False, cancel_futures=True)
            self._engine.shutdown(wait=False, cancel_futures=True)

    def image_changed(self, key: Hashable) -> None:
        """Tell that an image's pixels or scale are others now."""
        self._revisions[key] += 1

    def image_removed(self, key: Hashable) -> None:
        """Tell that an image is gone."""
        if self._run and self._run.subject.key == key and (run := self._stop()):
            self._show(State.CANCELLED, f"Cancelled, as {run.subject.name} was removed.")
            self._warm_up(run.options.ensemble)
        del self._revisions[key]

    def _stop(self) -> _Run | None:
        run, self._run = self._run, None
        if run:
            self._engine.cancel()
        return run

    def _warm_up(self, ensemble: str) -> None:
        job = self._engine.submit(tasks.warm_up, ensemble)
        self._warming = job
        job.add_done_callback(partial(self._forward, self._warmed, job))

    def _warmed(self, job: Future[None], _: Future[None]) -> None:
        """Show that the model is loaded, unless something else is to be shown by now."""
        if job is not self._warming:
            return
        self._warming = None
        if error := _error(job):
            self._fail(error)
        elif self._status.state is State.STARTING:
            self._show(State.IDLE, "Ready.")

    def _submit(self, run: _Run, reading: Future[Image]) -> None:
        if run is not self._run:
            return
        if error := _error(reading):
            self._run = None
            self._fail(error)
            return
        image, options = reading.result(), run.options
        job = self._engine.submit(
            tasks.segment,
            image.pixels,
            options.ensemble,
            image.pixel_size,
            options.tta,
            image.full_scale,
        )
        job.add_progress_callback(lambda progress: self._post(partial(self._tell, run, progress)))
        job.add_done_callback(partial(self._forward, self._finish, run))

    def _tell(self, run: _Run, progress: Progress) -> None:
        if run is self._run:
            self._show(State.RUNNING, f"{progress.message}…", progress.fraction)

    def _finish(self, run: _Run, job: "Future[Prediction]") -> None:
        if run is not self._run:
            return
        self._run = None
        if error := _error(job):
            self._fail(error)
        elif job.cancelled():
            self._show(State.CANCELLED, "Cancelled.")
        elif self._revisions[run.subject.key] != run.revision:
            name = run.subject.name
            self._show(State.CANCELLED, f"{name} changed while it was segmented: segment it again.")
        else:
            seconds = time.monotonic() - run.begun
            result = Segmented(run.subject, run.options, job.result(), seconds)
            self._show(State.DONE, summary(result), 1.0)
            self.segmented.emit(result)

    def _fail(self, error: BaseException) -> None:
        details = "\n".join(getattr(error, "__notes__", ()))
        self._show(State.FAILED, str(error), details=details)

    def _forward(self, method: Callable[..., None], subject: Any, future: Future[Any]) -> None:
        """Call a method with a future that is done; in the owner's thread, soon."""
        self._post(partial(method, subject, future))

    def _show(
        self, state: State, message: str = "", fraction: float | None = None, details: str = ""
    ) -> None:
        if not self._closed:
            self._status = Status(state, message, fraction, details)
            self.status_changed.emit(self._status)


def _read(subject: Subject, pixel_size: float | None) -> Image:
    try:
        return image_from_array(subject.read(), subject.name, subject.rgb, pixel_size)
    except QsaError:
        raise
    except Exception as error:  # whatever computing a lazy array may raise
        unreadable = ImageError(f"{subject.name} cannot be read: {error}.")
        unreadable.add_note(traceback.format_exc())
        raise unreadable from error


def _error(future: Future[Any]) -> BaseException | None:
    return None if future.cancelled() else future.exception()
