"""Undo over several layers: a tool that changed two of them is taken back in one go."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.layers import Labels

STEPS = 100
"""As many as napari keeps for each layer, so that none of ours is older than its."""

Step = tuple[Labels, ...]


class History:
    """The order in which layers were painted; what was painted is in each layer's own history."""

    def __init__(self) -> None:
        self._done: deque[Step] = deque(maxlen=STEPS)
        self._undone: list[Step] = []
        self._group: list[Labels] | None = None

    def watch(self, layer: Labels) -> None:
        """Follow a layer from now on."""
        layer.events.paint.connect(self._painted)

    def forget(self, layer: Labels) -> None:
        """Leave a layer that goes away; its steps go too."""
        layer.events.paint.disconnect(self._painted)
        kept = [tuple(other for other in step if other is not layer) for step in self._done]
        self._done = deque((step for step in kept if step), maxlen=STEPS)
        self._undone.clear()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one step of all that is painted meanwhile."""
        self._group = []
        try:
            yield
        finally:
            step, self._group = tuple(self._group), None
            if step:
                self._add(step)

    def undo(self) -> None:
        """Take the last step back."""
        if self._done:
            step = self._done.pop()
            for layer in reversed(step):
                layer.undo()
            self._undone.append(step)

    def redo(self) -> None:
        """Do again what was taken back last."""
        if self._undone:
            step = self._undone.pop()
            for layer in step:
                layer.redo()
            self._done.append(step)

    def _painted(self, event: Any) -> None:
        if self._group is None:
            self._add((event.source,))
        else:
            self._group.append(event.source)

    def _add(self, step: Step) -> None:
        self._done.append(step)
        self._undone.clear()
