"""Opening and closing a project, and what holds for it as a whole."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from napari_qsa.project import creation, rounds
from napari_qsa.project.facts import Facts
from napari_qsa.project.layout import Layout
from napari_qsa.project.state import State


class Handle:
    """What is held while a project is open: the lock, if it is owned, and the state."""

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

    @property
    def round(self) -> int:
        """The last round that was asked for; 0 before the first."""
        return rounds.current(self._state)

    def set_pixel_size(self, pixel_size: float | None) -> None:
        """Set the pixel size (µm) of images that do not say their own."""
        self._state.set_pixel_size(pixel_size)

    def set_settings(self, settings: Mapping[str, Any]) -> None:
        """Change some of the settings, free JSON that the fronts keep with the project."""
        self._state.set_settings(settings)
