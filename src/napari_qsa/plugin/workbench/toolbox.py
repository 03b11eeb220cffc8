"""The tools of annotation by name, with what the user is told of each."""

from enum import Enum


class Tool(Enum):
    """What the mouse does in the image."""

    MOVE = "move"
    GLAND = "gland"
    ERASE = "erase"
    SPLIT = "split"
    MERGE = "merge"
    DELETE = "delete"
    FILL_HOLES = "fill holes"
    SMOOTH = "smooth"
    TAKE_OVER = "take over"
    DONT_KNOW = "don't know"
    REVIEWED = "reviewed"


MODES = {
    Tool.GLAND: "paint",
    Tool.ERASE: "erase",
    Tool.DONT_KNOW: "paint",
    Tool.REVIEWED: "paint",
}
"""napari's modes; all other tools look at clicks themselves."""
REGION_VALUES = {Tool.REVIEWED: 1, Tool.DONT_KNOW: 2}
CLICKS = (Tool.MERGE, Tool.DELETE, Tool.FILL_HOLES, Tool.SMOOTH, Tool.TAKE_OVER)
LINES = (Tool.SPLIT, Tool.MERGE)
HINTS = {
    Tool.MOVE: "Drag to move the image, turn the wheel to zoom.",
    Tool.GLAND: "Paint: outside any gland it is a new gland, inside one it extends that. "
    "With the right button: go around a gland once, it is filled.",
    Tool.ERASE: "Paint away what is no gland.",
    Tool.SPLIT: "Draw a line across a gland.",
    Tool.MERGE: "Click two glands, or draw a line from one to the other.",
    Tool.DELETE: "Click a gland to delete it.",
    Tool.FILL_HOLES: "Click a gland to fill its holes.",
    Tool.SMOOTH: "Click a gland to smooth its edge.",
    Tool.TAKE_OVER: "Click a proposed gland to take it over.",
    Tool.DONT_KNOW: "Paint where you cannot tell: training leaves it out.",
    Tool.REVIEWED: "Paint what you have looked at: training uses only that.",
}
