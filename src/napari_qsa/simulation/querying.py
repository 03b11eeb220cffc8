"""Which images an arm annotates next: the pool predicted, and ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.images import Item
from napari_qsa.metrics.member_scores import score_columns
from napari_qsa.suggestion import rank


@dataclass(frozen=True)
class Query:
    """What is asked of a strategy; see `napari_qsa.suggestion.rank`."""

    strategy: str
    k: int
    candidates: int
    count_annotated: bool
    seed: int


@dataclass(frozen=True)
class Chosen:
    """The answer.

    Attributes
    ----------
    picks : tuple of str
        Names, in the order picked.
    facts : dict
        Of interest later: the uncertainty of each image by name, where there is one.
    """

    picks: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


def choose(
    pool: Sequence[Item],
    pixel_size: float | None,
    annotated: Sequence[str],
    ensemble: Ensemble | None,
    query: Query,
) -> Chosen:
    """Rank the images that are not annotated.

    Parameters
    ----------
    pool
        All images, annotated or not.
    pixel_size
        Of all of them in µm; None takes what each says.
    annotated
        Names.
    ensemble
        The suggestive FCNs; None for a strategy that looks at no image.
    query
        What is asked.
    """
    names = [item.name for item in pool]
    descriptors, uncertainties = np.zeros((len(pool), 1)), np.zeros(len(pool))
    columns: dict[str, NDArray[Any]] = {}
    facts: dict[str, Any] = {}
    if ensemble is not None:
        found = [ensemble.predict(item.read(), pixel_size) for item in pool]
        descriptors = np.stack([each.descriptor for each in found])
        uncertainties = np.array([each.image_uncertainty for each in found])
        columns = score_columns(
            [each.scores for each in found if each.scores is not None],
            [each.embedding for each in found if each.embedding is not None],
        )
        values = zip(names, uncertainties.tolist(), strict=True)
        facts["uncertainty"] = {name: round(value, 6) for name, value in values}
    ranking = rank(
        descriptors,
        uncertainties,
        np.isin(names, list(annotated)),
        k=query.k,
        candidates=query.candidates,
        strategy=query.strategy,
        count_annotated=query.count_annotated,
        seed=query.seed,
        columns=columns,
    )
    return Chosen(tuple(names[place] for place in ranking.picks.tolist()), facts)
