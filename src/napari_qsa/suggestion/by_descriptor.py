"""Strategies that go by how the images lie to one another."""

import numpy as np

from napari_qsa.metrics.member_scores import EMBEDDING
from napari_qsa.suggestion.coverage import already_covered, gain, greedy, similarity_to_pool
from napari_qsa.suggestion.pool import Options, Pool
from napari_qsa.suggestion.strategies import NO_IMAGES, Proposal, register


@register("suggestive", by_uncertainty=True)
def suggestive(pool: Pool, options: Options) -> Proposal:
    """Suggestive annotation (Yang et al., MICCAI 2017): uncertain first, then representative.

    The K most uncertain images are the candidates S_c; k of them are picked greedily so that
    they cover all unannotated images S_u. Then come the other candidates by what each would
    still add to the picks, then the rest by uncertainty. Ties go to the more uncertain image,
    then to the lower index. QSA (Xu et al., CVPR 2018) is the same with quantized networks.
    """
    return _cover(pool, options, max(options.candidates, options.k))


@register("representative")
def representative(pool: Pool, options: Options) -> Proposal:
    """Cover all unannotated images, however uncertain: `suggestive` with all as candidates."""
    found = _cover(pool, options, len(pool.unannotated))
    return Proposal(found.order, NO_IMAGES)


@register("coreset")
def coreset(pool: Pool, options: Options) -> Proposal:
    """CoreSet's k-centre greedy (Sener & Savarese, ICLR 2018) on the descriptors."""
    own = pool.unannotated
    points = pool.descriptors.astype(np.float64)
    nearest = np.full(len(own), np.inf)
    for image in np.flatnonzero(pool.annotated).tolist():
        nearest = np.minimum(nearest, np.linalg.norm(points[own] - points[image], axis=1))
    if not pool.annotated.any():
        nearest = -np.linalg.norm(points[own] - points[own].mean(axis=0), axis=1)
    picks: list[int] = []
    while len(picks) < min(options.k, len(own)):
        best = int(nearest.argmax())
        distance = np.linalg.norm(points[own] - points[own[best]], axis=1)
        nearest = distance if not picks and nearest.max() <= 0 else np.minimum(nearest, distance)
        picks.append(best)
        nearest[picks] = -1.0
    rest = np.argsort(-nearest, kind="stable")[: len(own) - len(picks)]
    return Proposal(own[np.concatenate([picks, rest]).astype(np.int64)])


@register("badge", needs=(EMBEDDING,), by_uncertainty=True)
def badge(pool: Pool, options: Options) -> Proposal:
    """BADGE (Ash et al., ICLR 2020): k-means++ seeding on gradient embeddings."""
    own = pool.unannotated
    points = pool.columns[EMBEDDING][own].astype(np.float64)
    rng = np.random.default_rng(options.seed)
    picks = [int(np.linalg.norm(points, axis=1).argmax())]
    nearest = ((points - points[picks[0]]) ** 2).sum(axis=1)
    while len(picks) < min(options.k, len(own)):
        nearest[picks] = 0.0
        if nearest.sum() <= 0:
            break
        picks.append(int(rng.choice(len(own), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, ((points - points[picks[-1]]) ** 2).sum(axis=1))
    nearest[picks] = -1.0
    rest = np.argsort(-nearest, kind="stable")[: len(own) - len(picks)]
    return Proposal(own[np.concatenate([picks, rest]).astype(np.int64)])


def _cover(pool: Pool, options: Options, n_candidates: int) -> Proposal:
    candidates, rest = np.split(pool.by_uncertainty, [n_candidates])
    similarity = similarity_to_pool(pool, candidates)
    covered = already_covered(pool, options.count_annotated)
    picks = greedy(similarity, covered, options.k)
    covered = np.maximum(covered, similarity[picks].max(axis=0))
    others = [i for i in range(len(candidates)) if i not in set(picks)]
    others.sort(key=lambda i: -gain(similarity[i], covered))
    return Proposal(np.concatenate([candidates[picks + others], rest]), candidates)
