"""What is known of a pool of images, and the options of a query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.errors import QsaError
from napari_qsa.metrics.member_scores import EMBEDDING
from napari_qsa.suggestion.similarity import unit_vectors

BLOCK = 4096
"""Images at a time, so that no array of all images is copied."""
EXACT_NUMBERS = 2**24
"""Numbers of all descriptors up to which cosines are worked out in float64, else in float32."""
_ANNOTATED = 1024
_DIGITS = {np.float64: 12, np.float32: 6}


@dataclass(frozen=True)
class Options:
    """Options of a query.

    Attributes
    ----------
    k : int
        Images to suggest, at least 1.
    candidates : int
        K, the most uncertain images among which `suggestive` chooses; at least 1, and taken as
        `k` where it is smaller.
    count_annotated : bool
        Whether coverage starts at what the annotated images cover already. False is the paper:
        it starts at 0.
    seed : int
        Of what is drawn at random.
    """

    k: int = 8
    candidates: int = 16
    count_annotated: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no query can mean."""
        for name in ("k", "candidates"):
            if getattr(self, name) < 1:
                raise QsaError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.seed < 0:
            raise QsaError(f"The seed is {self.seed}; it must be at least 0.")


class Pool:
    """Numbers of all images, annotated or not, in one fixed order.

    Parameters
    ----------
    descriptors
        ``(n, D)`` image descriptors; a zero descriptor is similar to nothing.
    uncertainties
        ``(n,)`` image uncertainties, any scale, higher is less certain.
    annotated
        ``(n,)`` whether the image is annotated.
    columns
        What else is known of the images, by name: ``(n,)`` each, and ``(n, E)`` of `embedding`;
        see `napari_qsa.metrics.member_scores`.

    Raises
    ------
    QsaError
        If lengths differ or a number is not finite.
    """

    def __init__(
        self,
        descriptors: NDArray[Any],
        uncertainties: NDArray[Any],
        annotated: NDArray[Any],
        columns: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        if (
            descriptors.ndim != 2
            or uncertainties.shape != (len(descriptors),)
            or annotated.shape != (len(descriptors),)
        ):
            raise QsaError(
                f"Descriptors of shape {descriptors.shape}, uncertainties of shape "
                f"{uncertainties.shape} and annotation marks of shape {annotated.shape} do not "
                "describe one pool; give (n, D), (n,) and (n,)."
            )
        if not np.issubdtype(descriptors.dtype, np.floating):
            descriptors = descriptors.astype(np.float64)
        finite = np.isfinite(uncertainties)
        for start in range(0, len(descriptors), BLOCK):
            part = slice(start, start + BLOCK)
            finite[part] &= np.isfinite(descriptors[part]).all(axis=1)
        if not finite.all():
            raise QsaError(
                f"Image {int(np.argmin(finite))} of the pool (counted from 0) has a descriptor or "
                "an uncertainty that is NaN or infinite; predict it again or leave it out."
            )
        self.descriptors = descriptors
        self.uncertainties = uncertainties.astype(np.float64)
        self.annotated = annotated.astype(bool)
        self.columns = {name: np.asarray(column) for name, column in (columns or {}).items()}
        for name, column in self.columns.items():
            if len(column) != len(descriptors) or column.ndim != (2 if name == EMBEDDING else 1):
                raise QsaError(
                    f"The column {name} of shape {column.shape} does not describe a pool of "
                    f"{len(descriptors)} images; give one row for each."
                )
            if not np.isfinite(column).all():
                raise QsaError(f"The column {name} holds what is NaN or infinite; score again.")

    def __len__(self) -> int:
        """Return the number of images, annotated ones included."""
        return len(self.uncertainties)

    @cached_property
    def unannotated(self) -> NDArray[np.int64]:
        """S_u: indices of the images without annotation, ascending."""
        return np.flatnonzero(~self.annotated)

    @cached_property
    def by_uncertainty(self) -> NDArray[np.int64]:
        """S_u, the most uncertain first, ties by index."""
        own = self.unannotated
        return own[np.argsort(-self.uncertainties[own], kind="stable")]

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """In which the descriptors are compared: float64, but float32 in a large pool."""
        return np.float64 if self.descriptors.size <= EXACT_NUMBERS else np.float32

    def cosines(
        self, images: NDArray[np.int64], rounded: bool = True
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield the cosines of images to S_u in blocks.

        Parameters
        ----------
        images
            Indices of K images.
        rounded
            Whether negative ones are made 0, and equal what differs by rounding noise only, as
            those of equal descriptors do.

        Yields
        ------
        slice
            Which of S_u.
        NDArray
            ``(K, b)``, b at most `BLOCK`, of the pool's `dtype`; overwritten by the next.
        """
        dtype = self.dtype
        left = unit_vectors(self.descriptors[images], dtype)
        buffer = np.empty((min(BLOCK, len(self.unannotated)), len(left)), dtype)
        for start in range(0, len(self.unannotated), BLOCK):
            part = slice(start, start + BLOCK)
            right = unit_vectors(self.descriptors[self.unannotated[part]], dtype)
            found = np.matmul(right, left.T, out=buffer[: len(right)]).T
            if rounded:
                np.clip(found, 0, 1, out=found)
                np.round(found, _DIGITS[dtype], out=found)
            yield part, found

    @cached_property
    def covered(self) -> NDArray[Any]:
        """``(|S_u|,)`` largest cosine of each of S_u to an annotated image, at least 0."""
        covered = np.zeros(len(self.unannotated), self.dtype)
        annotated = np.flatnonzero(self.annotated)
        for start in range(0, len(annotated), _ANNOTATED):
            for part, found in self.cosines(annotated[start : start + _ANNOTATED]):
                np.maximum(covered[part], found.max(axis=0), out=covered[part])
        return covered
