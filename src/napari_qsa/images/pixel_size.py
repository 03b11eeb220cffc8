"""Pixel sizes in µm, from what image files say: often nothing, and often nonsense."""

import html
import math
import re

SMALLEST = 0.05
LARGEST = 20.0
"""Bounds in µm of what can be a light microscope's pixel: 72 dpi is not 353 µm."""

LARGEST_OF_VOLUMES = 10_000.0
"""µm, which is 1 cm. Beyond `LARGEST` a pixel can be a volume's only."""

MOST_ANISOTROPY = 1.1
"""Largest ratio of a pixel's sides: beyond it there is no one pixel size."""

_MICRONS = {
    "pm": 1e-6,
    "å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
    "inch": 25400.0,
}
INCH = _MICRONS["inch"]
CENTIMETRE = _MICRONS["cm"]


def plausible(x: float | None, y: float | None = None) -> float | None:
    """Accept a pixel's sides in µm as one pixel size, or give None.

    Parameters
    ----------
    x, y : float or None
        Width and height of a pixel; if only one is known it stands for both.

    Returns
    -------
    float or None
        The geometric mean, if it lies between `SMALLEST` and `LARGEST` and the sides
        differ by at most the factor `MOST_ANISOTROPY`.
    """
    sides = [side for side in (x, y) if side is not None]
    if not sides or not all(math.isfinite(side) and side > 0 for side in sides):
        return None
    if max(sides) / min(sides) > MOST_ANISOTROPY:
        return None
    size = math.sqrt(sides[0] * sides[-1])
    return size if SMALLEST <= size <= LARGEST else None


def from_resolution(x: float, y: float, unit: float) -> float | None:
    """Turn a resolution (pixels a unit, the unit in µm) into a pixel size in µm."""
    return plausible(unit / x, unit / y) if x > 0 and y > 0 else None


def from_ome(xml: str) -> float | None:
    """Find the pixel size of the first image of an OME-XML text.

    Only attributes of the first ``Pixels`` element are looked at, so no XML parser meets a
    hostile text.
    """
    element = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", xml)
    if element is None:
        return None
    return plausible(_ome_length(element[1], "X"), _ome_length(element[1], "Y"))


def _ome_length(attributes: str, axis: str) -> float | None:
    size = re.search(rf'\bPhysicalSize{axis}\s*=\s*["\']([^"\']*)["\']', attributes)
    unit = re.search(rf'\bPhysicalSize{axis}Unit\s*=\s*["\']([^"\']*)["\']', attributes)
    if size is None:
        return None
    return _length(size[1], html.unescape(unit[1]) if unit else "µm")


def from_imagej(x: float, y: float, unit: str) -> float | None:
    """Turn ImageJ's resolution (pixels a named unit) into a pixel size in µm."""
    # ImageJ writes the micro sign as an escape, in upper or lower case.
    name = re.sub(r"\\u00b5", "µ", unit, flags=re.IGNORECASE).strip().lower()
    return from_resolution(x, y, _MICRONS[name]) if name in _MICRONS else None


def _length(text: str, unit: str) -> float | None:
    factor = _MICRONS.get(unit.strip().lower())
    try:
        return None if factor is None else float(text) * factor
    except ValueError:
        return None
