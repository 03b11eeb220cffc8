"""What a decoder hands over, before it is checked to be an image or labels."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Raw:
    """A decoded page.

    Attributes
    ----------
    array : (H, W) or (H, W, S)
        Any dtype and number of samples.
    alpha : bool
        Whether the last sample is transparency.
    pixel_size : float or None
        In µm, checked to be plausible.
    """

    array: NDArray[Any]
    alpha: bool
    pixel_size: float | None
