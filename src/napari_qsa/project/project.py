"""The face of a project: one method for each thing that can be done to it."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from napari_qsa.images import Dataset
from napari_qsa.project import annotations, creation, references
from napari_qsa.project.annotations import Summary
from napari_qsa.project.facts import Facts
from napari_qsa.project.layout import Layout
from napari_qsa.project.records import ImageRecord
from napari_qsa.project.references import Added, Cancelled, Progress
from napari_qsa.project.revisions import Annotation, Revision
from napari_qsa.project.state import State


class Project:
    """A project folder, opened by `create` or `open`; a context manager that closes it.

    What a method has returned is on the disk and survives a power cut. All methods may be called
    from any thread, one change after another. Errors are `QsaError`, one sentence each.
    """

    def __init__(self, state: State, stack: ExitStack) -> None:
        self._state = state
        self._stack = stack

    @classmethod
    def create(
        cls,
        folder: str | Path,
        name: str,
        pixel_size: float | None = None,
        seed: int = 0,
        group_rule: str | None = None,
    ) -> Self:
        """Make a new project in a folder ``NAME.qsa`` that is not there yet, and own it.

        Parameters
        ----------
        folder, name
            The folder to make, and what people call the project.
        pixel_size
            In µm, for images that do not say their own.
        seed
            Of all that is drawn.
        group_rule
            See `set_group_rule`.
        """
        with ExitStack() as stack:
            layout = Layout.of(folder)
            creation.create(stack, layout, name, pixel_size, seed, group_rule)
            return cls(State(layout, read_only=False), stack.pop_all())

    @classmethod
    def open(cls, folder: str | Path, read_only: bool = False) -> Self:
        """Open a project, as its owner or beside one.

        Raises
        ------
        ProjectLocked
            If it is to be owned, and another process owns it.
        ProjectError
            If there is none, it is damaged, or of a newer release.
        """
        with ExitStack() as stack:
            layout = Layout.of(folder)
            if not read_only:
                creation.own(stack, layout)
            return cls(State(layout, read_only), stack.pop_all())

    def close(self) -> None:
        """Give the project free; closing twice does nothing."""
        self._state.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def reload(self) -> None:
        """Read again what another owner may have changed."""
        self._state.load()

    @property
    def folder(self) -> Path:
        """Where the project lies."""
        return self._state.layout.folder

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self._state.read_only

    @property
    def facts(self) -> Facts:
        """What holds for the project as a whole."""
        return self._state.facts

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
        return references.add(self._state, dataset, progress, cancelled)

    # Annotations

    def save_draft(
        self,
        image_id: str,
        glands: NDArray[Any],
        region: NDArray[Any],
        author: str | None = None,
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
        """
        return annotations.save(self._state, image_id, glands, region, author, "draft")

    def accept(
        self,
        image_id: str,
        glands: NDArray[Any],
        region: NDArray[Any],
        author: str | None = None,
        keep_region: bool = False,
    ) -> Revision:
        """Append an accepted revision, see `save_draft`.

        Unless `keep_region`, what was not reviewed counts as reviewed from now on.
        """
        if not keep_region:
            region = annotations.reviewed(region)
        return annotations.save(self._state, image_id, glands, region, author, "accepted")

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
