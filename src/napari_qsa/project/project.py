"""The face of a project: one method for each thing that can be done to it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_qsa.images import Dataset
from napari_qsa.project import (
    adding,
    annotations,
    contents,
    maps,
    models,
    predictions,
    references,
    rescue,
    roles,
    rounds,
    runs,
    scores,
    thinning,
)
from napari_qsa.project.adding import Added
from napari_qsa.project.annotations import Summary
from napari_qsa.project.facts import Slot
from napari_qsa.project.handle import Handle
from napari_qsa.project.predictions import Stored
from napari_qsa.project.records import ImageRecord, Role
from napari_qsa.project.references import Cancelled, Presence, Progress
from napari_qsa.project.rescue import Rescued
from napari_qsa.project.revisions import Annotation, Revision
from napari_qsa.project.roles import Assigned
from napari_qsa.project.rounds import Round
from napari_qsa.project.runs import Input, Run
from napari_qsa.project.scores import Score


class Project(Handle):
    """A project folder, opened by `create` or `open`; a context manager that closes it.

    What a method has returned is on the disk and survives a power cut. All methods may be called
    from any thread, one change after another. Errors are `QsaError`, one sentence each.
    """

    def problems(self) -> list[str]:
        """Write a sentence for each damaged or unusable file that was passed over."""
        return [
            *(text for found in self.summaries().values() for text in found.problems),
            *scores.problems(self._state),
            *runs.runs(self._state)[1],
        ]

    # Images

    @property
    def images(self) -> Mapping[str, ImageRecord]:
        """All images by id, in the order they were added; a snapshot."""
        return self._state.records

    def image(self, image_id: str) -> ImageRecord:
        """Give one image; ProjectError if there is none of that id."""
        return self._state.record(image_id)

    def path_of(self, image_id: str) -> Path:
        """Give the absolute path of an image."""
        return references.path_of(self._state.layout, self.image(image_id))

    def add_images(
        self,
        dataset: Dataset,
        progress: Progress = references.nothing,
        cancelled: Cancelled = references.never,
    ) -> Added:
        """Add references to the images of a data set, as `open_images` lists it.

        What is there already, by its place or its content, is not added again.
        """
        return adding.add(self._state, dataset, progress, cancelled)

    def pixel_size_of(self, image_id: str) -> float | None:
        """Give the pixel size (µm) of an image: its own, else the project's."""
        own = self.image(image_id).pixel_size
        return self.facts.pixel_size if own is None else own

    def check_images(
        self, image_ids: Iterable[str] | None = None, quick: bool = False
    ) -> dict[str, Presence]:
        """Tell of some images, or of all, whether they are present, missing or changed.

        Their content is sampled; if `quick`, only where size or time of change differ.
        """
        ids = self.images if image_ids is None else image_ids
        layout = self._state.layout
        return {i: references.presence(layout, self.image(i), quick) for i in ids}

    def find_moved(
        self,
        folder: str | Path,
        progress: Progress = references.nothing,
        cancelled: Cancelled = references.never,
    ) -> dict[str, Path]:
        """Search a folder for the files of missing images; nothing is changed."""
        images, layout = self.images.values(), self._state.layout
        return references.find_moved(layout, images, Path(folder), progress, cancelled)

    def relocate(self, mapping: Mapping[str, str | Path]) -> None:
        """Refer to images at other places; all or, if one file is another image, none."""
        references.relocate(self._state, mapping)

    def confirm_changed(self, image_id: str) -> ImageRecord:
        """Take a changed file for the image; its former revisions are kept and not used."""
        return contents.confirm_changed(self._state, image_id)

    def hash_images(
        self,
        progress: Progress = references.nothing,
        cancelled: Cancelled = references.never,
    ) -> int:
        """Record the whole SHA-256 sum of each image that has none; for a background thread."""
        return contents.hash_images(self._state, progress, cancelled)

    # Roles and rounds

    def assign_roles(
        self, share: tuple[float, float] = (0.15, 0.25), seed: int | None = None
    ) -> Assigned:
        """Give each image without a role one, by whole groups, for good.

        Parameters
        ----------
        share
            Least and most of all images that validate; also of those that are added later.
        seed
            None is the project's; another becomes the project's.
        """
        return roles.assign_roles(self._state, share, seed)

    def set_role(self, image_ids: Iterable[str], role: Role) -> Assigned:
        """Give images a role that no rule changes."""
        return roles.set_role(self._state, image_ids, role)

    def set_group_rule(self, rule: str | None) -> Assigned:
        """Group images of unknown patient by a pattern searched in their names.

        Its first group names theirs. Roles that were given stay.
        """
        return roles.set_group_rule(self._state, rule)

    def next_round(self, ranked_ids: Sequence[str], k: int) -> Round:
        """Ask for the first `k` training images of a ranking, and ceil(k / 4) validation images."""
        return rounds.next_round(self._state, ranked_ids, k)

    # Annotations

    def save_draft(
        self,
        image_id: str,
        glands: NDArray[Any],
        region: NDArray[Any],
        author: str | None = None,
        image_hash: str | None = None,
    ) -> Revision:
        """Append a draft.

        Parameters
        ----------
        image_id
        glands : (H, W) whole numbers
            0 outside, else the gland's number.
        region : (H, W) whole numbers
            0 not reviewed, 1 reviewed, 2 don't know.
        author
            None is the user who is logged in.
        image_hash
            Sampled hash of the image that was annotated; None is the one of now. Where it is
            another one by now, the draft is kept and not used.
        """
        return annotations.save(
            self._state, image_id, glands, region, author, "draft", image_hash=image_hash
        )

    def accept(
        self,
        image_id: str,
        glands: NDArray[Any],
        region: NDArray[Any],
        author: str | None = None,
        keep_region: bool = False,
        image_hash: str | None = None,
    ) -> Revision:
        """Append an accepted revision, see `save_draft`; refused where the image is another one.

        Unless `keep_region`, what was not reviewed counts as reviewed from now on.
        """
        if not keep_region:
            region = annotations.reviewed(region)
        return annotations.save(
            self._state, image_id, glands, region, author, "accepted", image_hash=image_hash
        )

    def read(self, image_id: str, revision: int | None = None) -> Annotation:
        """Read a revision; None is the newest sound one of the image as it is now."""
        return annotations.read(self._state, image_id, revision)

    def history(self, image_id: str) -> list[Revision]:
        """List all sound revisions of an image, oldest first."""
        return annotations.history(self._state, image_id)[0]

    def restore(self, image_id: str, revision: int, author: str | None = None) -> Revision:
        """Append a draft with the content of a former revision."""
        former = self.read(image_id, revision)
        return annotations.save(
            self._state, image_id, former.glands, former.region, author, "draft", parent=revision
        )

    def summary(self, image_id: str) -> Summary:
        """Tell how far the annotation of one image is."""
        return self.summaries([image_id])[image_id]

    def summaries(self, image_ids: Iterable[str] | None = None) -> dict[str, Summary]:
        """Tell how far the annotations of some images, or of all, are."""
        ids = self._state.records if image_ids is None else image_ids
        return annotations.summaries(self._state, ids)

    def thin_drafts(self, image_ids: Iterable[str] | None = None) -> int:
        """Remove old drafts of some images, or of all; accepted revisions stay for ever."""
        ids = self.images if image_ids is None else image_ids
        return thinning.thin_drafts(self._state, ids)

    # Copies of what could not be saved

    def rescue(
        self,
        image_id: str,
        glands: NDArray[Any],
        region: NDArray[Any],
        image_hash: str,
        parent: int | None,
        key: str,
    ) -> Path:
        """Keep a copy of a draft that cannot be saved in another place, see `rescue.keep`."""
        return rescue.keep(self._state, key, glands, region, image_id, image_hash, parent)

    def forget_rescued(self, image_id: str, key: str) -> None:
        """Remove the copies of a key: what they hold is saved."""
        rescue.forget(self._state, image_id, key)

    def rescued(self) -> list[Rescued]:
        """List what was kept in another place and is not in the project, oldest first."""
        return [r for r in rescue.waiting(self._state) if not rescue.known(self._state, r)]

    def clean_rescued(self) -> None:
        """Remove the copies of what is in the project already."""
        rescue.clean(self._state)

    def fits(self, found: Rescued) -> bool:
        """Tell whether nothing else was saved of the image since a copy was kept."""
        return rescue.fits(self._state, found)

    def take_rescued(self, found: Rescued) -> Revision:
        """Append a copy as a draft, and remove it."""
        return rescue.take(self._state, found)

    def discard_rescued(self, found: Rescued) -> None:
        """Remove a copy."""
        rescue.discard(self._state, found)

    # Scores, models and runs

    def save_scores(self, model_key: str, found: Mapping[str, Score]) -> None:
        """Keep what a model said of some images, beside what it said of others."""
        scores.save_scores(self._state, model_key, found)

    def read_scores(self, model_key: str) -> dict[str, Score]:
        """Read what a model said of the images as they are now."""
        return scores.read_scores(self._state, model_key)

    def save_map(
        self, model_key: str, image_id: str, image_hash: str, small: NDArray[np.uint8]
    ) -> None:
        """Keep a small map of where a model is unsure in an image, see `maps.save`."""
        maps.save(self._state, model_key, image_id, image_hash, small)

    def read_map(self, model_key: str, image_id: str) -> NDArray[np.uint8] | None:
        """Read the small map of an image as it is now; None if there is nothing sound."""
        return maps.read(self._state, model_key, image_id)

    def save_prediction(self, model_key: str, image_id: str, stored: Stored) -> None:
        """Keep what a model gave for an image, bit for bit."""
        predictions.save(self._state, model_key, image_id, stored)

    def read_prediction(self, model_key: str, image_id: str) -> Stored | None:
        """Read what a model gave for an image as it is now; None if there is nothing sound."""
        return predictions.read(self._state, model_key, image_id)

    def predictions(self, model_key: str) -> set[str]:
        """List the images, as they are now, for which a model gave something."""
        return predictions.known(self._state, model_key)

    def models(self) -> tuple[str, ...]:
        """List the keys of the project's own models."""
        return models.keys(self._state)

    def add_model(self, path: str | Path) -> str:
        """Copy an ensemble file into the project and give its key."""
        return models.add_model(self._state, Path(path))

    def model_path(self, key: str) -> Path:
        """Give the file of a model of the project or of a shipped ensemble."""
        return models.model_path(self._state, key)

    def model_in(self, slot: Slot) -> str | None:
        """Tell which model is in use: a key, a shipped ensemble's name, or None."""
        return models.current(self.facts, slot)

    def use_model(self, slot: Slot, key: str) -> None:
        """Use a model of the project, or a shipped ensemble, from now on."""
        models.use_model(self._state, slot, key)

    def back(self, slot: Slot) -> str:
        """Use the model again that was in use before, and give its key."""
        return models.back(self._state, slot)

    def trainable(self) -> tuple[list[Input], list[str]]:
        """List what a run would train and validate on, and a sentence for each left out."""
        return runs.trainable(self._state, quick=True)

    def new_run(self, options: Mapping[str, Any]) -> Run:
        """Freeze the accepted revisions for a training run, and make its folder."""
        return runs.new_run(self._state, options)

    def runs(self) -> list[Run]:
        """List the training runs, oldest first."""
        return runs.runs(self._state)[0]

    def run(self, run_id: str) -> Run:
        """Find a training run; ProjectError if there is none of that id."""
        return runs.run_of(self._state, run_id)

    def adopt(self, run_id: str) -> dict[Slot, str]:
        """Copy a finished run's ensembles, use them from now on, and give their keys by slot."""
        return runs.adopt(self._state, run_id)

    def discard(self, run_id: str) -> None:
        """Note that a run's ensembles are not wanted."""
        runs.discard(self._state, run_id)
