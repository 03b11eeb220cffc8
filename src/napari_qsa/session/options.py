"""The options a user sets: one definition for the dock's form, the commands and the records."""

from dataclasses import dataclass, field

DEFAULT_ENSEMBLE = "glas-segmentation"


@dataclass(frozen=True)
class SegmentOptions:
    """How an image is segmented; the ``label`` and ``help`` of a field are what a form shows."""

    ensemble: str = field(
        default=DEFAULT_ENSEMBLE,
        metadata={"label": "Model", "help": "A shipped model, or the path of an ensemble file."},
    )
    pixel_size: float | None = field(
        default=None,
        metadata={
            "label": "Pixel size (µm)",
            "help": "How large a pixel is on the glass. Taken from the layer's scale where its "
            "unit is a length; otherwise that of the model's training images is assumed.",
        },
    )
    tta: bool = field(
        default=False,
        metadata={
            "label": "Average over flips",
            "help": "Segment flipped and rotated copies too and average: slower, a little better.",
        },
    )
