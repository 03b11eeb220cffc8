"""How the layers of an annotation look: told apart without telling red from green.

The colours are those of Okabe and Ito that stand out from stained tissue; what a colour means is
also said in words, in the status bar below the image.
"""

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

GLANDS = ("#E69F00", "#0072B2", "#F0E442", "#D55E00", "#56B4E9", "#009E73")
"""Orange, blue, yellow, vermilion, sky blue, bluish green: light and dark take turns."""
PROPOSAL = "#010101"
"""Of the outlines that a model proposes: darker than any tissue or annotation.

Not quite black: napari takes a map of black and clear for none, and draws random colours.
"""
DONT_KNOW = "#7F7F7F"
REVIEWED = "#009E73"
CLEAR = (0.0, 0.0, 0.0, 0.0)
GLANDS_OPACITY = 0.5
FILLED_OPACITY = 0.3
"""Of a proposal that is too large for outlines."""
FAINT_OPACITY = 0.2
"""Of glands over a heatmap in an image that is too large for outlines."""
OUTLINE, GLANDS_OUTLINE = 2, 4
"""Pixels inside of a proposed gland, one more lies outside; and inside of an annotated one, where
it must show beside the outline of the proposal that was taken over."""
BAR_SIZE, BAR_FONT = (12.0, 84.0), 8.0
"""Of the colour bar, in pixels of the screen, and in points."""
GLANDS_BRUSH, REGION_BRUSH = 15, 40
REGION_WORDS = ("not reviewed", "reviewed", "don't know")
"""By the region's value."""


def glands_colormap() -> CyclicLabelColormap:
    """Colour glands by their number."""
    colors = np.array([CLEAR, *(_rgba(colour) for colour in GLANDS)])
    return CyclicLabelColormap(colors=colors, display_name="glands")


def proposal_colormap() -> DirectLabelColormap:
    """Colour all proposed glands alike: their outlines never touch."""
    return DirectLabelColormap(color_dict={None: _rgba(PROPOSAL), 0: CLEAR})


def region_colormap(reviewed_too: bool) -> DirectLabelColormap:
    """Veil what nobody knows; what was reviewed only while that is being marked."""
    reviewed = _rgba(REVIEWED, 0.35) if reviewed_too else CLEAR
    return DirectLabelColormap(
        color_dict={None: CLEAR, 0: CLEAR, 1: reviewed, 2: _rgba(DONT_KNOW, 0.75)}
    )


def _rgba(colour: str, alpha: float = 1.0) -> tuple[float, float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, alpha
