"""Have the engine do one thing for many images of a project; the bad ones do not stop it."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from napari_qsa.errors import EngineError, EnsembleFileError, ImageError, QsaError
from napari_qsa.jobs import Job, Progress
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.lane import Lane
from napari_qsa.wording import counted

R = TypeVar("R")
CRASHES = 3
"""So many failures of the engine in a row end an errand: it is not the images' fault."""


@dataclass(frozen=True)
class Source:
    """An image of a project as the engine needs it.

    Attributes
    ----------
    image_id, name
        Of the image.
    path, page
        Where its pixels are.
    pixel_size
        In µm; None where it is unknown.
    image_hash
        The sampled hash it had when it was looked at.
    """

    image_id: str
    name: str
    path: str
    page: int | None
    pixel_size: float | None
    image_hash: str


@dataclass(frozen=True)
class Unusable:
    """An image for which nothing could be done, and why."""

    image_id: str
    name: str
    error: str


@dataclass(frozen=True)
class Outcome:
    """How an errand ended.

    Attributes
    ----------
    done
        Images for which it was done, in order.
    unusable
        Those for which it could not be.
    cancelled
        Whether it was stopped before the end.
    error
        What ended it, if something did.
    """

    done: tuple[str, ...]
    unusable: tuple[Unusable, ...]
    cancelled: bool
    error: BaseException | None


def find_source(project: Project, image_id: str) -> Source:
    """Look where an image is, and whether it is the one that is known; reads the file's ends.

    Raises
    ------
    ImageError
        If its file is missing or changed.
    """
    record = project.image(image_id)
    path = project.path_of(image_id)
    presence = project.check_images([image_id])[image_id]
    if presence == "missing":
        raise ImageError(f"{path} is missing: find where the image was moved to.")
    if presence == "changed":
        raise ImageError(f"{path} was changed: confirm the new image, or put the old one back.")
    pixel_size = project.pixel_size_of(image_id)
    return Source(image_id, record.name, str(path), record.page, pixel_size, record.sampled_hash)


class Errand(Generic[R]):
    """One thing done for some images, one after another; lives in the owner's thread.

    Parameters
    ----------
    desk, lane
        Whose engine does it, and where files are read and written.
    project
        Of the images.
    submit
        Hands one image over to the engine.
    keep
        Called in the lane with each image and its result; a QsaError makes the image unusable.
    tell
        Called with a share of the work and the name of an image.
    ended
        Called once, when all that was kept is written.
    """

    def __init__(
        self,
        desk: Desk,
        lane: Lane,
        project: Project,
        submit: Callable[[Source], Job[R]],
        keep: Callable[[Source, R], object],
        tell: Callable[[float, str], object],
        ended: Callable[[Outcome], object],
    ) -> None:
        self._desk, self._lane, self._project = desk, lane, project
        self._submit, self._keep, self._tell, self._ended = submit, keep, tell, ended
        self._waiting: deque[str] = deque()
        self._total = 0
        self._job: Job[R] | None = None
        self._done: list[str] = []
        self._unusable: list[Unusable] = []
        self._crashes = 0
        self._stopped = False
        self._cancelled = False
        self._error: BaseException | None = None

    def start(self, image_ids: Sequence[str]) -> None:
        """Begin with the first image."""
        self._waiting.extend(image_ids)
        self._total = len(image_ids)
        self._next()

    def cancel(self) -> None:
        """Stop at once; `ended` comes when what was done is written."""
        if not self._stopped:
            self._cancelled = True
            self._stop()

    def _next(self) -> None:
        if self._stopped:
            return
        if not self._waiting:
            self._stop()
            return
        image_id = self._waiting.popleft()
        look = partial(find_source, self._project, image_id)
        self._lane.do(look, self._ask, partial(self._refused, image_id))

    def _ask(self, source: Source) -> None:
        if self._stopped:
            return
        self._tell(self._share(0.0), source.name)
        job = self._job = self._submit(source)
        post = self._desk.post
        job.add_progress_callback(lambda report: post(partial(self._heard, job, source, report)))
        job.add_done_callback(lambda _: post(partial(self._answered, job, source)))

    def _heard(self, job: Job[R], source: Source, report: Progress) -> None:
        if job is self._job:
            self._tell(self._share(report.fraction or 0.0), source.name)

    def _answered(self, job: "Future[R]", source: Source) -> None:
        if self._stopped:
            return
        self._job = None
        if job.cancelled():  # by whoever ended the engine's process
            self.cancel()
            return
        error = job.exception()
        if error is not None:
            self._refused(source.image_id, error)
            return
        self._crashes = 0
        more = bool(self._waiting)
        if more:  # is looked at first: the engine need not wait for what is written
            self._next()
        self._lane.do(
            partial(self._check_and_keep, source, job.result()),
            lambda _: self._done.append(source.image_id),
            partial(self._lost, source.image_id),
        )
        if not more:
            self._stop()

    def _check_and_keep(self, source: Source, result: R) -> None:
        """Keep a result, unless the image became another one while it was made; in the lane."""
        now = find_source(self._project, source.image_id)
        if now.image_hash != source.image_hash:
            raise ImageError(f"{source.path} was changed while it was at work: do it again.")
        self._keep(source, result)

    def _refused(self, image_id: str, error: BaseException) -> None:
        if self._stopped:
            return
        self._lost(image_id, error)
        self._crashes = self._crashes + 1 if isinstance(error, EngineError) else 0
        if isinstance(error, EnsembleFileError) or self._crashes >= CRASHES:
            self._error = error
            self._stop()
        else:
            self._next()

    def _lost(self, image_id: str, error: BaseException) -> None:
        name = self._project.image(image_id).name
        known = isinstance(error, QsaError)
        text = str(error) if known else f"{name}: something unexpected went wrong: {error!r}."
        self._unusable.append(Unusable(image_id, name, text))

    def _share(self, of_this: float) -> float:
        before = self._total - len(self._waiting) - 1
        return (before + of_this) / self._total

    def _stop(self) -> None:
        """Let the last results be written, then say how it ended."""
        self._stopped = True
        job, self._job = self._job, None
        if job is not None:
            job.cancel()
        self._lane.do(_nothing, lambda _: self._end())

    def _end(self) -> None:
        unusable = tuple(self._unusable)
        self._ended(Outcome(tuple(self._done), unusable, self._cancelled, self._error))


def images(count: int) -> str:
    """Write how many images."""
    return counted(count, "image")


def _nothing() -> None:
    pass
