"""One revision of one annotation: a TIFF file, and the JSON file beside it that commits it.

The TIFF file is on the disk before the JSON file, which holds its SHA-256 sum: a revision exists
where both are there and fit. Files of a revision are never written again.
"""

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_qsa.errors import ProjectError
from napari_qsa.project import checks, clock, store

RevisionState = Literal["draft", "accepted"]

NOT_REVIEWED, REVIEWED, DONT_KNOW = 0, 1, 2
"""Values of the region: only what is reviewed counts in training."""

GLANDS_PAGE, REGION_PAGE = 0, 1
"""Pages of a revision's TIFF file."""

_NAME = re.compile(r"(\d{6,18})\.(json|tif)")


@dataclass(frozen=True)
class Revision:
    """The facts about one revision.

    Attributes
    ----------
    image : str
        Its id.
    revision : int
        From 1; never given twice.
    state : {"draft", "accepted"}
    author, host : str
    when : str
        ISO 8601, UTC.
    image_hash : str
        Sampled hash of the image that was annotated.
    shape : tuple of int
        Rows and columns.
    glands : int
        How many.
    parent : int or None
        The revision it was made from.
    sha256 : str
        Of the TIFF file.
    """

    image: str
    revision: int
    state: RevisionState
    author: str
    host: str
    when: str
    image_hash: str
    shape: tuple[int, int]
    glands: int
    parent: int | None
    sha256: str


@dataclass(frozen=True)
class Annotation:
    """One revision with its pixels.

    Attributes
    ----------
    glands : (H, W) uint16 or uint32
        0 is outside, each other number a gland.
    region : (H, W) uint8
        0 not reviewed, 1 reviewed, 2 don't know.
    facts : Revision
    """

    glands: NDArray[Any]
    region: NDArray[np.uint8]
    facts: Revision


_CHECKS: dict[str, checks.Check] = {
    "image": checks.is_id,
    "revision": checks.is_count,
    "state": checks.is_one_of("draft", "accepted"),
    "author": checks.is_text,
    "host": checks.is_text,
    "when": checks.is_text,
    "image_hash": checks.is_digest,
    "shape": lambda value: (
        isinstance(value, list) and len(value) == 2 and all(map(checks.is_count, value))
    ),
    "glands": checks.is_count,
    "parent": checks.or_none(checks.is_count),
    "sha256": checks.is_digest,
}


def tif_path(folder: Path, revision: int) -> Path:
    """Give the place of a revision's pixels."""
    return folder / f"{revision:06d}.tif"


def json_path(folder: Path, revision: int) -> Path:
    """Give the place of a revision's facts."""
    return folder / f"{revision:06d}.json"


def numbers(names: Iterable[str]) -> tuple[list[int], int]:
    """Find the committed revisions among file names, newest first, and the highest number used."""
    found = [(int(match[1]), match[2]) for name in names if (match := _NAME.fullmatch(name))]
    committed = sorted({number for number, kind in found if kind == "json"}, reverse=True)
    return committed, max((number for number, _ in found), default=0)


def as_pixels(
    glands: NDArray[Any], region: NDArray[Any], shape: tuple[int, int], image_id: str
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Check an annotation and bring it to the dtypes that are stored.

    Raises
    ------
    ProjectError
        If it does not fit the image, or holds what no annotation can.
    """
    for name, values in (("glands", glands), ("region", region)):
        if values.shape != shape or values.dtype.kind not in "bui":
            raise ProjectError(
                f"The {name} of {image_id} must be whole numbers of {shape[0]} x {shape[1]} "
                f"pixels, not {values.dtype} of shape {values.shape}: annotate the image itself."
            )
    lowest, highest = int(glands.min()), int(glands.max())
    if lowest < 0 or highest > np.iinfo(np.uint32).max:
        raise ProjectError(
            f"The glands of {image_id} must be numbered from 0 to 4294967295, not from {lowest} "
            f"to {highest}: number them anew."
        )
    if int(region.min()) < NOT_REVIEWED or int(region.max()) > DONT_KNOW:
        raise ProjectError(
            f"The region of {image_id} holds other values than 0, 1 and 2: draw it again."
        )
    dtype = np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32
    return glands.astype(dtype), region.astype(np.uint8)


def encode(glands: NDArray[Any], region: NDArray[np.uint8]) -> bytes:
    """Make the TIFF file: the same bytes for the same pixels."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in (glands, region):
            writer.write(
                page,
                photometric="minisblack",
                compression="zlib",
                metadata=None,
                software="napari-qsa",
            )
    return file.getvalue()


def commit(folder: Path, facts: Revision, data: bytes) -> None:
    """Write the pixels, then the facts that make them a revision."""
    store.write_bytes(tif_path(folder, facts.revision), data)
    store.write_document(json_path(folder, facts.revision), asdict(facts))


def read_facts(folder: Path, revision: int) -> Revision:
    """Read and check a revision's facts.

    Raises
    ------
    FileNotFoundError
        If there is no such revision.
    ProjectError
        If they are damaged, of another revision, or of a newer release.
    """
    path = json_path(folder, revision)
    values = store.read_document(path)
    try:
        found = facts_of(values)
        if (found.image, found.revision) != (folder.name, revision):
            raise ValueError(f"it is revision {found.revision} of {found.image}")
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    return found


def facts_of(values: Any) -> Revision:
    """Take a revision's facts out of a JSON object; ValueError if they are malformed."""
    found = checks.taken(values, _CHECKS)
    clock.parse(found["when"])
    return Revision(**(found | {"shape": tuple(found["shape"])}))


def read_data(folder: Path, facts: Revision) -> bytes:
    """Read a revision's TIFF file and compare it with its sum.

    Raises
    ------
    ProjectError
        If it is missing, unreadable or another one.
    """
    path = tif_path(folder, facts.revision)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be read ({error.strerror}): check its permissions and the connection."
        ) from error
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise _damaged(path, "its content is not what was saved")
    return data


def decode(folder: Path, facts: Revision, data: bytes) -> Annotation:
    """Unpack the pixels of a TIFF file whose sum is right.

    Raises
    ------
    ProjectError
        If it holds no annotation of the shape that its facts name.
    """
    return decode_at(tif_path(folder, facts.revision), facts, data)


def decode_at(path: Path, facts: Revision, data: bytes) -> Annotation:
    """Unpack the pixels of a TIFF file that lies anywhere, see `decode`."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pages = [(page.shape, page.dtype) for page in file.pages]
            if [shape for shape, _ in pages] != [facts.shape] * 2:
                raise ValueError("its pages are of another shape")
            glands, region = (file.asarray(key=key) for key in range(2))
    except Exception as error:  # what a parser raises on a foreign file is not foreseeable
        raise _damaged(path, "it holds no annotation") from error
    if glands.dtype not in (np.uint16, np.uint32) or region.dtype != np.uint8:
        raise _damaged(path, "it holds no annotation")
    return Annotation(glands, region, facts)


def _damaged(path: Path, reason: str) -> ProjectError:
    return ProjectError(
        f"{path} is damaged ({reason}): this revision is left out; restore the file from a backup."
    )
