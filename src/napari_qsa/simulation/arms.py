"""The arms of a study: what ranks the pool, and with which networks."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from napari_qsa.errors import QsaError
from napari_qsa.quantization import weight_scheme
from napari_qsa.suggestion import strategy_names

FULL = "full"
"""Name under which full supervision is kept: all images of the pool, annotated at once."""

WITHOUT_NETWORKS = ("random",)
"""Strategies that look at no image, so that no suggestive FCNs are trained for them."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Arm:
    """One way to choose images.

    Attributes
    ----------
    name : str
        Of its folder and its line in the report.
    strategy : str
        A name of :mod:`napari_qsa.suggestion`.
    weights : str
        Weight scheme of the suggestive FCNs.
    """

    name: str
    strategy: str
    weights: str = "float"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.lower() == FULL:  # one folder to some disks
            raise QsaError(
                f"An arm cannot be called {self.name!r}: take letters, digits, '.', '_' and '-', "
                f"and not {FULL!r}."
            )
        if self.strategy not in strategy_names():
            raise QsaError(
                f"There is no strategy {self.strategy!r}; choose one of "
                f"{', '.join(strategy_names())}."
            )
        weight_scheme(self.weights)

    @property
    def needs_networks(self) -> bool:
        """Whether suggestive FCNs must be trained for it."""
        return self.strategy not in WITHOUT_NETWORKS

    def to_json(self) -> dict[str, Any]:
        """Give plain values for a JSON file."""
        return asdict(self)


def parse_arm(text: str) -> Arm:
    """Read ``STRATEGY``, ``STRATEGY:WEIGHTS`` or ``NAME=STRATEGY:WEIGHTS``.

    Without a name it is the strategy's, and the scheme's where that is not float:
    ``suggestive-inq4``.

    Raises
    ------
    QsaError
        If the name cannot be one, or there is no such strategy or scheme.
    """
    name, sign, rest = text.partition("=")
    strategy, _, weights = (rest if sign else text).partition(":")
    weights = weights or "float"
    plain = strategy if weights == "float" else f"{strategy}-{weights}"
    return Arm(name if sign else plain, strategy, weights)
