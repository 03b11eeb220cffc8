"""Query strategies by name. A strategy only orders the pool; all else is done around it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.suggestion.pool import Options, Pool

NO_IMAGES = np.zeros(0, np.int64)

COVERAGE, UNCERTAINTY, CHANCE = "coverage", "uncertainty", "chance"
ENTROPY, MUTUAL_INFORMATION = "entropy", "mutual_information"
ENTROPY_GLAND, ENTROPY_BACKGROUND = "entropy_gland", "entropy_background"
DISTANCE, CENTRE, FOREGROUND = "distance", "centre", "foreground"
GRADIENT, GRADIENT_DISTANCE = "gradient", "gradient_distance"
"""What may have decided the place of an image."""


class Proposal(NamedTuple):
    """What a strategy says.

    Attributes
    ----------
    order
        All unannotated images, each once, best first (indices into the pool).
    candidates
        The images it chose among, where it narrowed the pool first; else empty.
    by
        For each of `order` what decided its place: one of the names above, such as `ENTROPY`.
        Empty where a strategy does not say.
    score
        For each of `order` the number that decided; NaN where there is none, as of what was
        drawn. Of an image by `COVERAGE` it is the gain; that of a pick is filled in by `rank`.
    """

    order: NDArray[np.int64]
    candidates: NDArray[np.int64] = NO_IMAGES
    by: Sequence[str] = ()
    score: NDArray[np.float64] | None = None


class Strategy(Protocol):
    """Orders the unannotated images of a pool, deterministically, the first k its picks."""

    def __call__(self, pool: Pool, options: Options, /) -> Proposal:
        """Return the order; the pool has at least one unannotated image."""
        ...


class _Known(NamedTuple):
    strategy: Strategy
    needs: tuple[str, ...]
    by_uncertainty: bool


_strategies: dict[str, _Known] = {}


def register(
    name: str, needs: tuple[str, ...] = (), by_uncertainty: bool = False
) -> Callable[[Strategy], Strategy]:
    """Make a strategy known by name, as a decorator of a function of a pool and options.

    Parameters
    ----------
    name
        What the user calls it.
    needs
        Columns of the pool it reads, beside the descriptors and uncertainties.
    by_uncertainty
        Whether it goes by how unsure the networks are, so that it means little where they have
        seen no such images.
    """

    def add(strategy: Strategy) -> Strategy:
        if name in _strategies:
            raise ValueError(f"there is a strategy {name!r} already")
        _strategies[name] = _Known(strategy, needs, by_uncertainty)
        return strategy

    return add


def strategy_names() -> tuple[str, ...]:
    """Return the names of all strategies, in the order they were registered."""
    return tuple(_strategies)


def find_strategy(name: str) -> Strategy:
    """Return the strategy of a name.

    Raises
    ------
    QsaError
        If there is none.
    """
    return _find(name).strategy


def needed_columns(name: str) -> tuple[str, ...]:
    """Return the columns that a strategy needs beside the descriptors and uncertainties.

    Raises
    ------
    QsaError
        If there is no such strategy.
    """
    return _find(name).needs


def goes_by_uncertainty(name: str) -> bool:
    """Tell whether a strategy goes by how unsure the networks are.

    Raises
    ------
    QsaError
        If there is no such strategy.
    """
    return _find(name).by_uncertainty


def require_columns(name: str, pool: Pool) -> None:
    """Raise a QsaError where a pool lacks what a strategy needs."""
    if missing := [column for column in needed_columns(name) if column not in pool.columns]:
        raise QsaError(
            f"The strategy {name} needs the {' and '.join(missing)} of every image, which this "
            "pool lacks: score the images again, or choose another strategy."
        )


def _find(name: str) -> _Known:
    if name not in _strategies:
        raise QsaError(f"There is no strategy {name!r}; choose one of {', '.join(_strategies)}.")
    return _strategies[name]
