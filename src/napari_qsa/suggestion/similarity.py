"""How alike two images are, by their descriptors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError


def unit_vectors(
    descriptors: NDArray[Any], dtype: type[np.floating[Any]] = np.float64
) -> NDArray[Any]:
    """Return the descriptors scaled to length 1; a zero descriptor stays zero.

    Parameters
    ----------
    descriptors
        ``(n, D)`` finite numbers.
    dtype
        Of the result.

    Returns
    -------
    NDArray
        ``(n, D)``.
    """
    vectors = descriptors.astype(dtype)
    largest = np.abs(vectors).max(axis=1, initial=0.0, keepdims=True)
    vectors /= np.where(largest > 0, largest, 1)  # so that no square over- or underflows
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    vectors /= np.where(length > 0, length, 1)
    return vectors


def cosine_similarity(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return the cosine of the angle between all pairs of descriptors.

    Parameters
    ----------
    a, b
        ``(n, D)`` and ``(m, D)`` finite numbers.

    Returns
    -------
    NDArray[np.float64]
        ``(n, m)`` in [-1, 1]; 0 wherever one of the two is the zero vector.

    Raises
    ------
    QsaError
        If the descriptors are of different length.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise QsaError(
            f"Descriptors of shape {a.shape} and {b.shape} cannot be compared; "
            "take both from one ensemble."
        )
    return np.asarray(np.clip(unit_vectors(a) @ unit_vectors(b).T, -1.0, 1.0))
