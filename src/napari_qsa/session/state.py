"""What a segmentation is given, shows and brings: plain values that a dock or a command reads."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from napari_qsa.session.options import SegmentOptions
from napari_qsa.wording import counted

if TYPE_CHECKING:
    from napari_qsa.ensemble.prediction import Prediction


class State(Enum):
    """What a segmentation does now, or how the last one ended."""

    IDLE = "idle"
    STARTING = "starting"  # the engine loads the model ahead of any image
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Status:
    """All that a dock shows of a segmentation.

    Attributes
    ----------
    message
        One or two sentences; of a failure, what was wrong and what to do.
    fraction
        Of the work done, between 0 and 1; None where it is unknown.
    details
        For a bug report: the traceback of a failure.
    """

    state: State = State.IDLE
    message: str = ""
    fraction: float | None = None
    details: str = ""


@dataclass(frozen=True)
class Subject:
    """An image to segment.

    Attributes
    ----------
    key
        What the owner calls it; the same for the same image at any time.
    name
        What errors call it.
    read
        Returns its ``(H, W)`` or, if `rgb`, ``(H, W, 3 or 4)`` pixels. Called in a thread
        of its own, so a lazy array may be computed here.
    rgb
        Whether the last axis holds colours.
    plane
        Where it lies in a stack: one index for each leading axis.
    """

    key: Hashable
    name: str
    read: Callable[[], ArrayLike]
    rgb: bool
    plane: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segmented:
    """A finished segmentation: the prediction, of what, and how long it took."""

    subject: Subject
    options: SegmentOptions
    prediction: "Prediction"
    seconds: float


def summary(result: Segmented) -> str:
    """Say in a few words what was found, and what was assumed."""
    prediction = result.prediction
    glands = int(prediction.labels.max(initial=0))
    found = counted(glands, "gland")
    spread = f"mean uncertainty {prediction.image_uncertainty:.3f}"
    return " ".join([f"{found}, {spread}, {result.seconds:.1f} s.", *prediction.notes])
