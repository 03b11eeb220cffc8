"""Where everything lies in a project folder."""

import os
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".qsa"


@dataclass(frozen=True)
class Layout:
    """The places in a project folder.

    Attributes
    ----------
    folder : Path
        Absolute.
    """

    folder: Path

    @classmethod
    def of(cls, folder: str | Path) -> "Layout":
        """Take any path to the folder."""
        return cls(Path(os.path.abspath(folder)))

    @property
    def project(self) -> Path:
        """``project.json``: what holds for the project; a folder with it is a project."""
        return self.folder / "project.json"

    @property
    def images(self) -> Path:
        """``images.json``: one record for each image."""
        return self.folder / "images.json"

    @property
    def lock(self) -> Path:
        """The file that the owner holds locked."""
        return self.folder / "lock"

    @property
    def annotations(self) -> Path:
        """One folder for each image that was annotated."""
        return self.folder / "annotations"

    @property
    def models(self) -> Path:
        """Ensembles, named by their content."""
        return self.folder / "models"

    @property
    def runs(self) -> Path:
        """One folder for each training run."""
        return self.folder / "runs"

    @property
    def scores(self) -> Path:
        """One folder of numbers for each model."""
        return self.folder / "scores"

    def annotation(self, image_id: str) -> Path:
        """Give the folder of one image's revisions."""
        return self.annotations / image_id

    def model(self, key: str) -> Path:
        """Give the file of an ensemble."""
        return self.models / f"{key}.safetensors"

    def score(self, model_key: str) -> Path:
        """Give the file of the scores by one model."""
        return self.scores / model_key / "scores.safetensors"

    def map(self, model_key: str, image_id: str) -> Path:
        """Give the file of a small map of uncertainty by one model."""
        return self.scores / model_key / "maps" / f"{image_id}.png"

    def predictions(self, model_key: str) -> Path:
        """Give the folder of the predictions by one model."""
        return self.folder / "predictions" / model_key

    def prediction(self, model_key: str, image_id: str) -> Path:
        """Give the file of one prediction."""
        return self.predictions(model_key) / f"{image_id}.tif"
