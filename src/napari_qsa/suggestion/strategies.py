"""Query strategies by name. A strategy only orders the pool; all else is done around it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.suggestion.coverage import already_covered, gain, greedy, similarity_to_pool
from napari_qsa.suggestion.pool import Options, Pool


class Proposal(NamedTuple):
    """What a strategy says.

    Attributes
    ----------
    order
        All unannotated images, each once, best first (indices into the pool).
    candidates
        The images it chose among, where it narrowed the pool first; else empty.
    """

    order: NDArray[np.int64]
    candidates: NDArray[np.int64]


class Strategy(Protocol):
    """Orders the unannotated images of a pool, deterministically, the first k its picks."""

    def __call__(self, pool: Pool, options: Options, /) -> Proposal:
        """Return the order; the pool has at least one unannotated image."""
        ...


_strategies: dict[str, Strategy] = {}


def register(name: str) -> Callable[[Strategy], Strategy]:
    """Make a strategy known by name, as a decorator of a function of a pool and options."""

    def add(strategy: Strategy) -> Strategy:
        if name in _strategies:
            raise ValueError(f"there is a strategy {name!r} already")
        _strategies[name] = strategy
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
    if name not in _strategies:
        raise QsaError(f"There is no strategy {name!r}; choose one of {', '.join(_strategies)}.")
    return _strategies[name]


@register("suggestive")
def suggestive(pool: Pool, options: Options) -> Proposal:
    """Suggestive annotation (Yang et al., MICCAI 2017): uncertain first, then representative.

    The K most uncertain images are the candidates S_c; k of them are picked greedily so that
    they cover all unannotated images S_u. Then come the other candidates by what each would
    still add to the picks, then the rest by uncertainty. Ties go to the more uncertain image,
    then to the lower index. QSA (Xu et al., CVPR 2018) is the same with quantized networks.
    """
    n_candidates = max(options.candidates, options.k)
    candidates, rest = np.split(pool.by_uncertainty, [n_candidates])
    similarity = similarity_to_pool(pool, candidates)
    covered = already_covered(pool, options.count_annotated)
    picks = greedy(similarity, covered, options.k)
    covered = np.maximum(covered, similarity[picks].max(axis=0))
    others = [i for i in range(len(candidates)) if i not in set(picks)]
    others.sort(key=lambda i: -gain(similarity[i], covered))
    return Proposal(np.concatenate([candidates[picks + others], rest]), candidates)


@register("uncertainty")
def uncertainty(pool: Pool, options: Options) -> Proposal:
    """Order by uncertainty alone, ties by index."""
    return Proposal(pool.by_uncertainty, np.zeros(0, np.int64))


@register("random")
def random(pool: Pool, options: Options) -> Proposal:
    """Order at random, the same for the same seed; annotating some leaves the others' order."""
    keys = np.random.default_rng(options.seed).random(len(pool))
    own = pool.unannotated
    return Proposal(own[np.argsort(keys[own], kind="stable")], np.zeros(0, np.int64))
