"""What one call to segment has to predict, and how predictions are kept; for a lane."""

from typing import TYPE_CHECKING

from napari_qsa.project import Project
from napari_qsa.project.predictions import Stored
from napari_qsa.session.errands import Errand, Source
from napari_qsa.session.model_list import card_of_model

if TYPE_CHECKING:
    from napari_qsa.ensemble.prediction import Prediction

FLIPS = "Averaged over flips and quarter turns."
"""Note of a prediction that was."""


class Predicting:
    """Some images that are to be segmented.

    Parameters
    ----------
    project, model, ids, tta, again
        See `ProjectSegmenter.segment`.

    Attributes
    ----------
    todo : tuple of str
        Images that are to be predicted, once `prepare` was called.
    done : set of str
        Those whose predictions are on the disk; of the owner's thread.
    path : str
        Of the model's file.
    errand : Errand or None
        By which it is done.
    """

    def __init__(
        self, project: Project, model: str, ids: tuple[str, ...], tta: bool, again: bool
    ) -> None:
        self.project, self.model, self.ids = project, model, ids
        self.tta, self.again = tta, again
        self.todo: tuple[str, ...] = ()
        self.done: set[str] = set()
        self.path = ""
        self.errand: Errand[Prediction] | None = None

    def prepare(self) -> None:
        """Find the model, and what it has not predicted yet; in a lane."""
        self.path = str(self.project.model_path(self.model))
        card_of_model(self.project, self.model)
        known = frozenset() if self.again else self.project.predictions(self.model)
        self.todo = tuple(i for i in self.ids if i not in known or self._stale(i))

    def keep(self, source: Source, prediction: "Prediction") -> None:
        """Write one prediction; in a lane."""
        notes = (*prediction.notes, FLIPS) if self.tta else prediction.notes
        stored = Stored(
            probability=prediction.probability,
            uncertainty=prediction.uncertainty,
            separator=prediction.separator,
            labels=prediction.labels,
            pixel_size=prediction.pixel_size,
            notes=notes,
        )
        self.project.save_prediction(self.model, source.image_id, stored)

    def _stale(self, image_id: str) -> bool:
        """Tell whether an earlier prediction is of another pixel size, or without flips."""
        stored = self.project.read_prediction(self.model, image_id)
        if stored is None:
            return True
        pixel_size = self.project.pixel_size_of(image_id)
        other_size = pixel_size is not None and pixel_size != stored.pixel_size
        return other_size or (self.tta and FLIPS not in stored.notes)
