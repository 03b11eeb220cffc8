"""Which images to annotate next: similarity, query strategies, selection, ranking.

Numbers per image in, a ranking out; where the numbers come from is not this room's business.
"""

from napari_qsa.suggestion import by_descriptor, by_score  # the strategies register themselves
from napari_qsa.suggestion.pool import Options, Pool
from napari_qsa.suggestion.ranking import Ranking, Reason, rank
from napari_qsa.suggestion.similarity import cosine_similarity
from napari_qsa.suggestion.strategies import (
    Proposal,
    Strategy,
    goes_by_uncertainty,
    needed_columns,
    register,
    strategy_names,
)

__all__ = [
    "Options",
    "Pool",
    "Proposal",
    "Ranking",
    "Reason",
    "Strategy",
    "by_descriptor",
    "by_score",
    "cosine_similarity",
    "goes_by_uncertainty",
    "needed_columns",
    "rank",
    "register",
    "strategy_names",
]
