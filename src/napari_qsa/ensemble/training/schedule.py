"""The order that holds: float with EMA, activations, INQ stages; and the rate at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.quantization import activation_scheme, weight_scheme

ACTIVATION_SHARE = 0.05
_WARM_UP = 0.04


@dataclass(frozen=True)
class Phase:
    """A stretch of iterations with one learning-rate schedule of its own.

    Attributes
    ----------
    name : str
        ``float``, ``activations`` or ``stage 1`` and on.
    start, stop : int
        Iterations ``start <= i < stop``.
    peak : float
        Highest learning rate; it rises over the first 4 % and falls by a cosine to 2 % of it.
    portion : float or None
        Accumulated share of the weights quantized on entering; None before the stages.
    """

    name: str
    start: int
    stop: int
    peak: float
    portion: float | None = None

    def rate(self, iteration: int) -> float:
        """Learning rate of an iteration of this phase."""
        length = self.stop - self.start
        done = (iteration - self.start + 0.5) / length
        if done < _WARM_UP:
            return self.peak * done / _WARM_UP
        fall = (done - _WARM_UP) / (1 - _WARM_UP)
        return self.peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fall)))


def plan_to_json(plan: Sequence[Phase]) -> list[dict[str, Any]]:
    """Give plain values for a JSON file."""
    return [asdict(phase) for phase in plan]


def plan_from_json(values: Sequence[dict[str, Any]]) -> tuple[Phase, ...]:
    """Read back what :func:`plan_to_json` gave."""
    return tuple(Phase(**phase) for phase in values)


def phases(options: TrainingOptions) -> tuple[Phase, ...]:
    """Split the iterations of a run into phases; every one has at least one iteration.

    With staged weights the float phase takes ``float_share``, 65 % by default, the activations
    5 %, the stages the rest in equal parts but the last: there only BN and biases are left to
    train, and it takes half a part.
    The stages are the scheme's unless the options have ``portions``. Schemes trained through latent
    weights have as many stages as INQ of 4 bits; in the last one their codes stand still.
    ``float-restarts`` gets the very same phases as INQ. With plain float weights and quantized
    activations the float phase takes 90 %.
    """
    schemes = [schemes.partition("/") for schemes in options.layers.values()]
    staged = (weight_scheme(name).portions for name in (options.weights, *(s[0] for s in schemes)))
    portions = next((own for own in staged if own), ())
    if portions and options.portions is not None:
        portions = options.portions
    activations = (options.activations, *(s[2] for s in schemes if s[2]))
    # Name, share of the iterations, portion quantized on entering.
    plan: list[tuple[str, float, float | None]] = [("float", 1.0, None)]
    if portions:
        part = (1 - options.float_share - ACTIVATION_SHARE) / (len(portions) - 0.5)
        plan = [("float", options.float_share, None), ("activations", ACTIVATION_SHARE, None)]
        plan += [(f"stage {n}", part, portion) for n, portion in enumerate(portions, start=1)]
    elif any(activation_scheme(name).quantizes for name in activations):
        plan = [("float", 0.9, None), ("activations", 0.1, None)]
    total = max(options.iterations, len(plan))
    edges = [0]
    for n in range(1, len(plan)):
        edge = round(total * sum(share for _, share, _ in plan[:n]))
        edges.append(min(max(edge, edges[-1] + 1), total - (len(plan) - n)))
    edges.append(total)
    return tuple(
        Phase(
            name,
            edges[n],
            edges[n + 1],
            options.learning_rate if n == 0 else options.stage_rate,
            portion,
        )
        for n, (name, _, portion) in enumerate(plan)
    )
