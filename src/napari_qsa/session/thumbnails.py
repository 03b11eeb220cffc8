"""Small pictures of the images: made in a thread of their own, those that are visible first."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_qsa.errors import QsaError
from napari_qsa.formats import replacing
from napari_qsa.images import Image, read_image, to_unit
from napari_qsa.project import Project
from napari_qsa.project.index import cache_folder
from napari_qsa.session.cleaning import clean, note_use
from napari_qsa.session.desk import Desk
from napari_qsa.session.lane import Lane

SIDE = 96
"""Pixels of the longest side."""

KEPT = 1000
"""Pictures in memory; the one that was looked at longest ago goes first."""

EARLIER = 100
"""So many that were asked for earlier are still made, as several views ask."""

CACHED = 500 * 10**6
"""Bytes of pictures in the cache folder: about 100,000."""

_QUALITY = 90
_FOLDER = "thumbnails"

Picture = NDArray[np.uint8]


class Thumbnails:
    """Pictures of the open project's images.

    They are kept in the user's cache folder, by content, so that they are there at once the
    next time; a lost cache costs time only.

    Parameters
    ----------
    desk
        With the project.
    """

    ready = Signal(str)
    """The picture of an image can be had from `get` now."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lane = Lane(desk.post, "qsa-thumbnails")
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._without: set[str] = set()
        self._wanted: list[str] = []
        self._busy = False
        self._project: Project | None = None
        self._cleaning: Lane | None = None
        self._closed = False
        desk.project_changed.connect(self._project_changed)

    def want(self, ids: Sequence[str]) -> None:
        """Ask for pictures in this order, before those that were asked for earlier.

        Of these only some are made: who scrolls through thousands of images waits for those
        that are visible in the end.
        """
        now = set(ids)
        earlier = [image_id for image_id in self._wanted if image_id not in now][:EARLIER]
        self._wanted = [i for i in (*ids, *earlier) if i not in self._without]
        self._clean()
        self._go_on()

    def get(self, image_id: str) -> Picture | None:
        """Give the (h, w, 3) picture of an image; None while there is none. Reads no file."""
        if image_id in self._pictures:
            self._pictures.move_to_end(image_id)
        return self._pictures.get(image_id)

    def forget(self, ids: Iterable[str]) -> None:
        """Make the pictures of images anew when they are asked for: their files are others now."""
        for image_id in ids:
            self._pictures.pop(image_id, None)
            self._without.discard(image_id)

    def close(self) -> None:
        """Make no more pictures."""
        self._wanted = []
        self._closed = True
        self._lane.close()

    def _clean(self) -> None:
        """Once, in a thread that nobody waits for, let the cache not grow for ever."""
        cache = cache_folder()
        if self._cleaning is None and cache is not None and not self._closed:
            self._cleaning = Lane(self._desk.post, "qsa-cleaning")
            self._cleaning.do(
                partial(clean, cache / _FOLDER, CACHED, lambda: self._closed),
                None,
                partial(self._desk.fail, "images"),
            )
            self._cleaning.close()

    def _project_changed(self) -> None:
        self._project = self._desk.project
        self._pictures.clear()
        self._without.clear()
        self._wanted = []

    def _go_on(self) -> None:
        """Make the next picture, one at a time, so that a new wish comes first."""
        if self._busy or self._project is None:
            return
        while self._wanted and self._wanted[0] in self._pictures:
            self._wanted.pop(0)
        if self._wanted:
            self._busy = True
            image_id, project = self._wanted.pop(0), self._project
            self._lane.do(
                partial(picture_of, project, image_id),
                partial(self._made, project, image_id),
                partial(self._failed, project, image_id),
            )

    def _made(self, project: Project, image_id: str, picture: Picture) -> None:
        self._busy = False
        if project is self._project:
            self._pictures[image_id] = picture
            while len(self._pictures) > KEPT:
                self._pictures.popitem(last=False)
            self.ready.emit(image_id)
        self._go_on()

    def _failed(self, project: Project, image_id: str, error: BaseException) -> None:
        """Go without: the table tells of missing images, and opening it says what is wrong."""
        self._busy = False
        if project is self._project:
            self._without.add(image_id)
            if not isinstance(error, QsaError):
                self._desk.fail("images", error)
        self._go_on()


def picture_of(project: Project, image_id: str) -> Picture:
    """Make the picture of an image, or read it from the cache; for a thread of its own.

    Raises
    ------
    QsaError
        If the image's file is missing, is another one now, or cannot be read.
    """
    record = project.image(image_id)
    place = _place(record.sampled_hash, record.page)
    picture = None if place is None else _read(place)
    if picture is None:
        path = project.path_of(image_id)
        if project.check_images([image_id], quick=True)[image_id] != "present":
            raise QsaError(f"{path} is missing or another file now: there is no picture of it.")
        picture = reduced(read_image(path, record.page))
        if place is not None:
            _write(place, picture)
    return picture


def reduced(image: Image) -> Picture:
    """Reduce an image to a picture whose longest side is at most `SIDE`."""
    from PIL.Image import Resampling, fromarray

    pixels = image.pixels
    height, width = pixels.shape[:2]
    step = max(1, max(height, width) // (8 * SIDE))
    unit = to_unit(pixels[::step, ::step], 3, image.full_scale)
    small = fromarray(np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8))
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(small.resize(size, Resampling.BOX))


def _place(digest: str, page: int | None) -> Path | None:
    cache = cache_folder()
    if cache is None:
        return None
    name = digest if page is None else f"{digest}-{page}"
    return cache / _FOLDER / digest[:2] / f"{name}-{SIDE}.jpg"


def _read(path: Path) -> Picture | None:
    """Read a kept picture; one that is damaged is made anew."""
    try:
        picture: Picture = read_image(path).pixels
    except QsaError:
        return None
    sound = picture.dtype == np.uint8 and picture.shape[2] == 3 and max(picture.shape) <= SIDE
    note_use(path)
    return picture if sound else None


def _write(path: Path, picture: Picture) -> None:
    from PIL.Image import fromarray

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    except (OSError, QsaError):  # it is made anew the next time
        return
