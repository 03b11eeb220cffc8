"""Numbers of one image out of its members' maps: how unsure they are, how they differ, on what."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

EMBEDDING = "embedding"
"""Name of the gradient embedding among the columns of a pool."""


@dataclass(frozen=True)
class MemberScores:
    """What the members' probabilities of *gland* say of an image as a whole.

    Entropies are in bits, 0 to 1. With p the mean of the M members' probabilities p_m, and
    H(p) = - p log2 p - (1 - p) log2 (1 - p):

    Attributes
    ----------
    uncertainty : float
        Mean over the pixels of the standard deviation of p_m, 0 to 0.5 (Yang et al. 2017).
    entropy : float
        Mean over the pixels of H(p), the predictive entropy.
    mutual_information : float
        Mean over the pixels of H(p) - mean of H(p_m): BALD (Houlsby et al. 2011, eq. 2; Gal et
        al. 2017), 0 where the members agree.
    foreground : float
        Share of the pixels with p of at least 0.5.
    entropy_gland, entropy_background : float
        Mean of H(p) over the pixels with p of at least 0.5, and over the others; 0 where there
        are none.
    """

    uncertainty: float
    entropy: float
    mutual_information: float
    foreground: float
    entropy_gland: float
    entropy_background: float


COLUMNS = tuple(field.name for field in fields(MemberScores) if field.name != "uncertainty")
"""Names of the numbers that a query may need beside the uncertainty and the descriptor."""


class MemberScoreSums:
    """Sums up `MemberScores` of an image that comes in parts."""

    def __init__(self) -> None:
        self._pixels = self._glands = 0
        self._sums = np.zeros(4)  # of the deviation, H(p) in glands and outside, mean of H(p_m)

    def add(self, probability: NDArray[Any]) -> None:
        """Take a part of the maps, ``(M, h, w)`` in 0 to 1."""
        mean = probability.mean(axis=0)
        gland = mean >= 0.5
        entropy = binary_entropy(mean)
        within = float(entropy.sum(dtype=np.float64, where=gland))
        self._pixels += mean.size
        self._glands += int(np.count_nonzero(gland))
        self._sums += [
            float(probability.std(axis=0).sum(dtype=np.float64)),
            within,
            float(entropy.sum(dtype=np.float64)) - within,
            float(binary_entropy(probability).sum(dtype=np.float64)) / len(probability),
        ]

    def result(self) -> MemberScores:
        """Give the means over what was added; all 0 without a pixel."""
        pixels, others = max(self._pixels, 1), self._pixels - self._glands
        deviation, gland, background, members = (max(float(each), 0.0) for each in self._sums)
        return MemberScores(
            uncertainty=deviation / pixels,
            entropy=(gland + background) / pixels,
            mutual_information=max(gland + background - members, 0.0) / pixels,
            foreground=self._glands / pixels,
            entropy_gland=gland / max(self._glands, 1),
            entropy_background=background / max(others, 1),
        )


def member_scores(probability: NDArray[Any]) -> MemberScores:
    """Sum up an image from the ``(M, H, W)`` probability maps of its members, in 0 to 1."""
    sums = MemberScoreSums()
    sums.add(probability)
    return sums.result()


def as_columns(scores: MemberScores) -> dict[str, float]:
    """Give the numbers of one image that are columns of a pool, by their names."""
    return {name: getattr(scores, name) for name in COLUMNS}


def score_columns(
    scores: Sequence[MemberScores], embeddings: Sequence[NDArray[Any]] = ()
) -> dict[str, NDArray[Any]]:
    """Give what is known of n images as columns of a pool, by their names.

    Parameters
    ----------
    scores
        Of each image; become ``(n,)`` each.
    embeddings
        ``(E,)`` of each image, to become ``(n, E)``; none leaves that column out.
    """
    columns = {name: np.array([getattr(each, name) for each in scores]) for name in COLUMNS}
    return columns | ({EMBEDDING: np.stack(embeddings)} if len(embeddings) else {})


def binary_entropy(probability: NDArray[Any]) -> NDArray[Any]:
    """Return the entropy of a probability in bits, 0 to 1; same shape and dtype."""
    other = 1 - probability
    tiny = np.finfo(probability.dtype).tiny
    entropy = probability * np.log2(np.maximum(probability, tiny))
    entropy += other * np.log2(np.maximum(other, tiny))
    return np.asarray(np.maximum(-entropy, 0))


def gradient_sums(probability: NDArray[Any], features: NDArray[Any]) -> NDArray[np.float64]:
    r"""Sum the gradients of a last layer over the pixels of one tile, by pseudo-class.

    BADGE (Ash et al., ICLR 2020) takes, for one sample, the gradient of the loss with respect to
    the last layer as if the predicted class were the true one: (p - y) h, with h the input of
    that layer. Here a sample is an image of many pixels, and what follows is our adaptation:

    - h of a pixel is the member's last encoder feature of the cell that holds it, the one whose
      mean is the descriptor; so the "last layer" is a linear one on the encoder.
    - y is 1 where the mean over the members reaches 0.5, else 0, the same for all members, so
      that a member which disagrees has a long gradient.
    - The gradients of pixels with y = 1 and with y = 0 are summed apart and laid end to end:
      |p - y| h of each. Their plain sum would be near 0, as along every border the residuals of
      the two sides cancel.
    - The result is the mean over the members, as the descriptor is.

    Parameters
    ----------
    probability : (M, h, w)
        Of *gland*, in 0 to 1; 0 where a pixel is not to count.
    features : (M, D, h / s, w / s)
        Last encoder features.

    Returns
    -------
    NDArray[np.float64]
        ``(2 D,)``: the sum over gland pixels, then that over the others.
    """
    members, size, rows, columns = features.shape
    height, width = probability.shape[1:]
    gland = probability.mean(axis=0) >= 0.5
    flat = features.reshape(members, size, rows * columns)
    blocks = []
    for residual in (np.where(gland, 1 - probability, 0), np.where(gland, 0, probability)):
        cells = residual.reshape(members, rows, height // rows, columns, width // columns)
        cells = cells.sum(axis=(2, 4)).reshape(members, -1, 1)
        blocks.append((flat @ cells)[..., 0].mean(axis=0, dtype=np.float64))
    return np.concatenate(blocks)
