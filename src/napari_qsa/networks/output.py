"""What every network returns, and what some show the training beside it."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

Target = Literal["maps", "gland", "edge", "core"]
"""What a side output learns: gland and separator, or one of three maps made from these."""


class Output(NamedTuple):
    """The output of a segmentation network for one batch.

    Attributes
    ----------
    logits : Tensor, shape (N, 2, H, W), float32
        Channel 0 is *gland*, channel 1 the *separator* between touching glands; a sigmoid
        turns each into a probability.
    descriptor : Tensor, shape (N, D), float32
        The spatial mean of the last encoder features (Yang et al. 2017, section 2.2).
    """

    logits: Tensor
    descriptor: Tensor


class Side(NamedTuple):
    """An output inside a network that has a loss of its own: deep supervision.

    Attributes
    ----------
    logits : Tensor, shape (N, 2, H, W) for ``maps``, else (N, 1, H, W), float32
        Before the sigmoid.
    target : {"maps", "gland", "edge", "core"}
        What it learns.
    weight : float
        Of its loss beside that of the network's output.
    fades : bool
        Whether the weight falls to a thousandth during the float phase and stays there.
    """

    logits: Tensor
    target: Target
    weight: float = 1.0
    fades: bool = False


@runtime_checkable
class DeeplySupervised(Protocol):
    """A network with side outputs."""

    def with_sides(self, image: Tensor) -> tuple[Output, tuple[Side, ...]]:
        """Do what the forward pass does, and give the side outputs too."""
        ...
