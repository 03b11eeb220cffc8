"""The neighbours of a slice that is annotated: read when they are looked at, never changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError, QsaError
from napari_qsa.images import Image, count_pages, read_image
from napari_qsa.project import Project

NEAR = 3
"""So many slices on either side of the one that is looked at are read in advance."""

KEPT_BYTES = 2**28
"""Of slices in memory; those furthest from the one that is looked at go first."""


class Slices:
    """The pages of a file as one array that napari can slice; those that were not read are black.

    Parameters
    ----------
    path
        Of a stack or a volume.
    home
        The page that is open, counted from 0.
    image
        What was read of it.
    count
        How many pages there are.
    ids
        The project's images among the pages.

    Attributes
    ----------
    home, count, ids
        As above.
    shape : (N, H, W) or (N, H, W, 3)
    failed : dict of str
        Why a page stays black, by page.
    """

    def __init__(
        self, path: Path, home: int, image: Image, count: int, ids: Mapping[int, str]
    ) -> None:
        pixels = _shown(image)
        self.home, self.count, self.ids = home, count, ids
        self.shape = (count, *pixels.shape)
        self.dtype = pixels.dtype
        self.failed: dict[int, str] = {}
        self._path = path
        self._black = np.broadcast_to(np.zeros((), pixels.dtype), pixels.shape)
        self._pages: dict[int, NDArray[Any]] = {home: pixels}
        self._asked: set[int] = set()
        self._at = home

    @property
    def ndim(self) -> int:
        """Of the array: 3, or 4 with colours."""
        return len(self.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Give pixels, black where none were read; nothing is read from the file."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        if isinstance(first, slice):
            pages = range(self.count)[first]
            return np.stack([self._page(page) for page in pages])[(slice(None), *rest)]
        return np.asarray(self._page(range(self.count)[int(first)])[tuple(rest)])

    def __len__(self) -> int:
        return self.count

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Give all pages at once."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def has(self, page: int) -> bool:
        """Tell whether a page can be seen."""
        return page in self._pages

    def ask(self, page: int) -> list[int]:
        """Look at a page: give what is to be read for it, itself first; each is given once."""
        self._at = page
        near = range(max(page - NEAR, 0), min(page + NEAR + 1, self.count))
        wanted = [
            other
            for other in sorted(near, key=lambda other: (abs(other - page), -other))
            if not (other in self._pages or other in self.failed or other in self._asked)
        ]
        self._asked.update(wanted)
        return wanted

    def read(self, page: int) -> bool:
        """Read a page, unless somebody looks elsewhere by now; for a lane.

        Returns
        -------
        bool
            Whether there is something new to be seen.
        """
        try:
            if not self._is_near(page):
                return False
            pixels = _shown(read_image(self._path, page))
            if (pixels.shape, pixels.dtype) != (self.shape[1:], self.dtype):
                raise ImageError(f"{self._path}: page {page + 1} has another size or depth.")
            self._pages[page] = pixels
            self._forget_far_ones()
        except QsaError as error:
            self.failed[page] = str(error)
        finally:
            self._asked.discard(page)
        return True

    def _page(self, page: int) -> NDArray[Any]:
        return self._pages.get(page, self._black)

    def _is_near(self, page: int) -> bool:
        return abs(page - self._at) <= NEAR

    def _forget_far_ones(self) -> None:
        each = max(self._black.nbytes, 1)
        far = sorted(self._pages, key=lambda page: abs(page - self._at))
        for page in far[max(KEPT_BYTES // each, 2 * NEAR + 1) :]:
            if page != self.home:
                del self._pages[page]


def slices_of(project: Project, image_id: str, image: Image) -> Slices | None:
    """Find the neighbours of an image that was read; None if it is no page; reads the file's head.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    record = project.image(image_id)
    if record.page is None:
        return None
    path = project.path_of(image_id)
    ids = {
        other.page: other.id
        for other in project.images.values()
        if other.path == record.path and other.page is not None
    }
    return Slices(path, record.page, image, count_pages(path), ids)


def _shown(image: Image) -> NDArray[Any]:
    """Give pixels as napari takes them: ``(H, W)``, or ``(H, W, 3)`` of colours."""
    pixels = image.pixels
    return pixels if pixels.shape[2] == 3 else pixels[..., 0]
