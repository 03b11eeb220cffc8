"""What looks wrong in an annotation: glands in several pieces, and specks."""

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from napari_qsa.session.edits import pieces, specks

SPECK_UM2 = 100.0
"""A gland of a smaller area (µm²) is more likely a slip of the brush."""

SPECK_PIXELS = 64
"""The same in pixels, where the pixel size is unknown."""


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes
    ----------
    label : int
        The gland's number; 0 for the image as a whole.
    kind : {"pieces", "speck", "nothing"}
    place : tuple of float
        Row and column, in pixels, of where it is seen.
    text : str
        One sentence for the user.
    """

    label: int
    kind: Literal["pieces", "speck", "nothing"]
    place: tuple[float, float]
    text: str


NOTHING = Finding(
    0,
    "nothing",
    (0.0, 0.0),
    "Nothing is marked here, so it was not accepted: mark the glands, or press No glands here.",
)
"""An accept by a slip must not teach that there is no gland."""


def find(glands: NDArray[Any], pixel_size: float | None = None) -> list[Finding]:
    """List glands in several pieces, and specks, by their number.

    Parameters
    ----------
    glands : (H, W) whole numbers
    pixel_size
        In µm; None if it is unknown.
    """
    least = SPECK_PIXELS if pixel_size is None else max(SPECK_UM2 / pixel_size**2, 1.0)
    found = [
        Finding(
            label,
            "pieces",
            places[-1],
            f"Gland {label} is in {len(places)} pieces: join them, or make each a gland.",
        )
        for label, places in pieces(glands).items()
    ]
    for label, (area, place) in specks(glands, least).items():
        size = f"{area} pixels" if pixel_size is None else f"{area * pixel_size**2:.0f} µm²"
        found.append(
            Finding(
                label,
                "speck",
                place,
                f"Gland {label} has only {size}: delete it if it is a slip.",
            )
        )
    return sorted(found, key=lambda finding: (finding.label, finding.kind))
