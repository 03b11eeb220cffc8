"""How the volumes of a folder are read, where ``volumes.json`` says it: the plane, the window."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from napari_qsa.errors import ImageError

FILE = "volumes.json"
Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = get_args(Plane)


@dataclass(frozen=True)
class VolumeOptions:
    """How a volume becomes a stack of images.

    Attributes
    ----------
    plane : {"axial", "coronal", "sagittal"}
        In which it is cut.
    window : (float, float) or None
        The values that become black and white, such as (-160, 240) of a CT in Hounsfield units;
        None takes them from the volume.
    """

    plane: Plane = "axial"
    window: tuple[float, float] | None = None


def options_of(volume: Path) -> VolumeOptions:
    """Read ``volumes.json`` beside a volume, else that in the folder above; it need not exist.

    The folder above is looked at so that images and labels, in folders of their own, have one file.

    Raises
    ------
    ImageError
        If it cannot be read, or says something else than a plane and a window.
    """
    for folder in (volume.parent, volume.parent.parent):
        file = folder / FILE
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ImageError(
                f"{file} cannot be read: check its permissions and content."
            ) from error
        return _parsed(file, text)
    return VolumeOptions()


def _parsed(file: Path, text: str) -> VolumeOptions:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not values.keys() <= {"plane", "window"}:
        raise _refused(file)
    plane, window = values.get("plane", PLANES[0]), values.get("window")
    if plane not in PLANES or not (window is None or _is_window(window)):
        raise _refused(file)
    return VolumeOptions(plane, None if window is None else (float(window[0]), float(window[1])))


def _is_window(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    if not all(type(end) in (int, float) for end in value):
        return False
    try:
        low, high = map(float, value)
    except OverflowError:
        return False
    return low < high and math.isfinite(high - low)


def _refused(file: Path) -> ImageError:
    return ImageError(
        f'{file} cannot be used: write {{"plane": "axial", "window": [-160, 240]}} or a part of '
        f"it, with one of the planes {', '.join(PLANES)}."
    )
