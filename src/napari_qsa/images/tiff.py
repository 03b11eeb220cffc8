"""TIFF files as arrays, page by page: stacks, planar and channels-first layouts included."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import ImageError
from napari_qsa.images import pixel_size as sizes
from napari_qsa.images.files import check_size, damaged
from napari_qsa.images.raw import Raw

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

MAX_PAGES = 2**16

_PLAIN_KINDS = frozenset({"generic", "imagej", "ome", "shaped", "uniform"})
"""Kinds of TIFF whose further series are images too; a scanner's hold its label and overview."""

_OTHER_COLOURS = frozenset({5, 8, 9, 10})
"""Photometric interpretations SEPARATED (CMYK), CIELAB, ICCLAB and ITULAB."""

_WIDEST_SAMPLE_AXIS = 8
"""A last axis this short after two long ones holds samples, whatever the file calls it."""


_MOST_SAMPLES = 4
"""RGB and transparency: no plane is decoded of an image of more."""


@dataclass(frozen=True)
class _Frames:
    """One series of equal pages, and how they make up frames.

    Attributes
    ----------
    axes : str
        The axes of one frame, of ``"YXSC"`` in the file's order.
    pages : (frames, ...) int
        Page numbers in the series by frame, further axes for the channels.
    """

    series: "TiffPageSeries"
    axes: str
    pages: NDArray[np.intp]


def count_tiff_pages(path: Path) -> int:
    """Count the frames of a TIFF file: its pages, less what makes up the channels of one."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return sum(len(frames.pages) for frames in _frames(path, file))
    except ImageError:
        raise
    except Exception as error:  # what a parser raises on damaged bytes is not foreseeable
        raise damaged(path, error) from error


def decode_tiff(path: Path, page: int, indices: bool) -> Raw:
    """Decode one frame of a TIFF file.

    Parameters
    ----------
    path : Path
    page : int
        Counted from 0.
    indices : bool
        Whether a palette image gives its indices (labels) or its colours (images).

    Raises
    ------
    ImageError
        If the file is too large, truncated, damaged, compressed in a way that cannot be
        read, or has no such page.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return _decoded(path, file, page, indices)
    except ImageError:
        raise
    except Exception as error:  # what a decoder raises on damaged bytes is not foreseeable
        raise damaged(path, error) from error


def highest_value(path: Path, enough: float) -> float:
    """Find the highest value of all frames, without transparency; pages that fail are left out.

    Parameters
    ----------
    path : Path
        A file from which a frame was decoded.
    enough : float
        The search ends with a value of at least this.
    """
    import tifffile

    highest = 0.0
    with tifffile.TiffFile(path) as file:
        for page in range(sum(len(frames.pages) for frames in _frames(path, file))):
            try:
                raw = _decoded(path, file, page, indices=False)
            except Exception:  # whoever reads that page is told
                continue
            values = raw.array[..., :-1] if raw.alpha else raw.array
            highest = max(highest, float(values.max()))  # with NaN it stays as it was
            if highest >= enough:
                break
    return highest


def _decoded(path: Path, file: "TiffFile", page: int, indices: bool) -> Raw:
    wanted = page
    for frames in _frames(path, file):
        if wanted < len(frames.pages):
            break
        wanted -= len(frames.pages)
    else:
        raise ImageError(f"{path} has no page {page + 1}: it ends before.")
    keyframe = frames.series.keyframe
    numbers = frames.pages[wanted]
    _check_shape(path, numbers.shape + keyframe.shape, frames.axes)
    planes = [_plane(path, file, frames.series, number) for number in numbers.ravel().tolist()]
    array = np.stack(planes).reshape(numbers.shape + planes[0].shape)
    array = _channels_last(array, frames.axes)
    alpha = any(int(sample) in (1, 2) for sample in keyframe.extrasamples)
    array = _shown(path, array, keyframe, indices)
    return Raw(array, alpha and array.ndim == 3, _pixel_size(file, keyframe))


def _frames(path: Path, file: "TiffFile") -> list[_Frames]:
    found: list[_Frames] = []
    for series in file.series:
        if found and (series.kind not in _PLAIN_KINDS or series.keyframe.is_reduced):
            continue
        found.append(_split(series))
    if not found:
        raise ImageError(f"{path} holds no image: export it again.")
    if sum(len(frames.pages) for frames in found) > MAX_PAGES:
        raise ImageError(f"{path} has more than {MAX_PAGES:,} pages: split it.")
    return found


def _split(series: "TiffPageSeries") -> _Frames:
    keyframe = series.keyframe
    leading = len(series.shape) - len(keyframe.shape)
    if leading < 0:  # axes of length 1 are left out of a series
        return _Frames(series, keyframe.axes, np.zeros(1, dtype=np.intp))
    outer, lengths = series.axes[:leading], series.shape[:leading]
    if math.prod(lengths) > MAX_PAGES * 8:
        raise ValueError("too many pages")
    pages = np.arange(math.prod(lengths), dtype=np.intp).reshape(lengths)
    if series.kind == "shaped" and outer == "Q" and _is_samples(series.shape):
        return _Frames(series, "YXS", pages[None])
    channels = [axis for axis, name in enumerate(outer) if name == "C"]
    pages = np.moveaxis(pages, channels, range(leading - len(channels), leading))
    channel_lengths = pages.shape[leading - len(channels) :]
    return _Frames(series, "C" * len(channels) + keyframe.axes, pages.reshape(-1, *channel_lengths))


def _is_samples(shape: tuple[int, ...]) -> bool:
    """Tell rows of ``(W, S)``, as a writer unaware of samples leaves them, from a stack."""
    return len(shape) == 3 and shape[2] <= _WIDEST_SAMPLE_AXIS and min(shape[:2]) > 2 * shape[2]


def _plane(path: Path, file: "TiffFile", series: "TiffPageSeries", number: int) -> NDArray[Any]:
    keyframe = series.keyframe
    if series.dataoffset is not None:
        # One uncompressed block; ImageJ writes only the first page's tags for it.
        data = np.dtype(series.dtype).newbyteorder(file.byteorder)
        offset = series.dataoffset + number * keyframe.size * data.itemsize
        plane = np.memmap(path, data, mode="r", offset=offset, shape=keyframe.shape)
        return np.array(plane, dtype=keyframe.dtype)
    page = series.pages[number]
    if page is None:
        raise ValueError(f"page {number + 1} is missing")
    end = path.stat().st_size
    segments = zip(page.dataoffsets, page.databytecounts, strict=True)
    if any(offset + count > end or count == 0 for offset, count in segments):
        raise ValueError("its pixels end too early")
    try:
        return np.asarray(page.asarray())
    except (ValueError, ImportError) as error:
        if keyframe.compression in (1, 8, 32946):  # none or Deflate: no codec was missing
            raise
        return _by_pillow(path, page.index, keyframe, error)


def _by_pillow(path: Path, index: Any, keyframe: "TiffPage", error: Exception) -> NDArray[Any]:
    """Decode LZW, JPEG and others that tifffile leaves to the package imagecodecs."""
    from PIL.TiffImagePlugin import TiffImageFile
    from tifffile import COMPRESSION

    try:
        with TiffImageFile(path) as image:
            image.seek(index if isinstance(index, int) else index[0])
            image.load()
            array = np.array(image)
    except Exception as second:  # Pillow cannot either: the first error says which codec
        codec = COMPRESSION(keyframe.compression).name
        raise ImageError(
            f"{path} is compressed by {codec} and cannot be decoded: save it uncompressed or "
            "with Deflate, or install the package imagecodecs."
        ) from second
    if array.shape != keyframe.shape:
        raise error
    return array


def _check_shape(path: Path, shape: tuple[int, ...], axes: str) -> None:
    """Refuse what is no image, or too large, by its shape: before any plane is decoded."""
    sides = [side for side in zip(axes, shape, strict=True) if side[0] not in "CSZ" or side[1] != 1]
    left = "".join(name for name, _ in sides)
    if len(left) not in (2, 3) or len(set(left)) != len(left) or not {"X", "Y"} <= set(left):
        raise ImageError(
            f"{path} has the axes {left}, from which no image can be told: save each image as "
            "height x width x channels."
        )
    lengths = dict(sides)
    height, width = lengths.pop("Y"), lengths.pop("X")
    check_size(path, height, width)
    samples = math.prod(lengths.values())
    if samples > _MOST_SAMPLES:
        raise ImageError(
            f"{path} has {samples} channels: save it as gray or RGB (1 or 3 channels)."
        )


def _channels_last(array: NDArray[Any], axes: str) -> NDArray[Any]:
    for name in "CSZ":
        while axes.count(name) and array.shape[axes.index(name)] == 1:
            array = np.squeeze(array, axes.index(name))
            axes = axes.replace(name, "", 1)
    if len(axes) == 2:
        return np.moveaxis(array, axes.index("Y"), 0)
    channel = (set(axes) - {"X", "Y"}).pop()
    return np.transpose(array, [axes.index(name) for name in ("Y", "X", channel)])


def _shown(path: Path, array: NDArray[Any], keyframe: "TiffPage", indices: bool) -> NDArray[Any]:
    """Turn stored values into what is meant: palettes, and white stored as 0."""
    from tifffile import PHOTOMETRIC

    photometric = keyframe.tags.valueof("PhotometricInterpretation", 1)
    if photometric == PHOTOMETRIC.MINISWHITE and array.dtype.kind in "bu":
        if array.dtype.kind == "b":
            return ~array
        return array if indices else np.iinfo(array.dtype).max - array
    if photometric == PHOTOMETRIC.PALETTE and not indices and keyframe.colormap is not None:
        colours = (keyframe.colormap >> 8).astype(np.uint8)
        return np.moveaxis(colours[:, array], 0, -1)
    if photometric in _OTHER_COLOURS:
        raise ImageError(
            f"{path} is stored as {PHOTOMETRIC(photometric).name}, not as gray or RGB: convert it."
        )
    return array


def _pixel_size(file: "TiffFile", keyframe: "TiffPage") -> float | None:
    if file.is_ome and file.ome_metadata:
        found = sizes.from_ome(file.ome_metadata)
        if found is not None:
            return found
    x = _ratio(keyframe, "XResolution")
    y = _ratio(keyframe, "YResolution")
    if x <= 0 or y <= 0:
        return None
    if file.is_imagej:
        unit = (file.imagej_metadata or {}).get("unit")
        if unit:
            return sizes.from_imagej(x, y, str(unit))
    unit = keyframe.tags.valueof("ResolutionUnit", 2)
    microns = {2: sizes.INCH, 3: sizes.CENTIMETRE}.get(int(unit))
    return None if microns is None else sizes.from_resolution(x, y, microns)


def _ratio(keyframe: "TiffPage", tag: str) -> float:
    value = keyframe.tags.valueof(tag, (0, 1))
    try:
        numerator, denominator = value
        return float(numerator / denominator)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
