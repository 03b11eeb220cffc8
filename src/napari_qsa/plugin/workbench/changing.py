"""Put changes into the layers that are worked out in a thread of their own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from psygnal import Signal

from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.layer_makers import PAINTED
from napari_qsa.session.edits import Change

Changes = Mapping[str, Change]
"""What is done to the layers, by their kind."""

TOO_LATE = "Another image was opened before the last step was done: go back and do it again."


class Changing:
    """Works changes out from the pixels as they are, and makes one undo step of each.

    What was worked out from pixels that somebody painted on meanwhile is worked out again; what
    comes in the middle of a stroke waits for its end.

    Parameters
    ----------
    layers
        Of the image that is open, with the lane in which the work is done.
    failed
        Told of what went wrong.
    """

    said = Signal(str)

    def __init__(self, layers: AnnotationLayers, failed: Callable[[BaseException], object]) -> None:
        self._layers, self._tell = layers, failed
        self._pending = 0
        self._held: list[Callable[[], None]] = []
        self._idle: list[tuple[object, Callable[[], object]]] = []
        layers.changed.connect(self._layers_changed)
        self._layers_changed()

    @property
    def painting(self) -> bool:
        """Whether a stroke is under way."""
        return any(_is_painting(self._layers[kind]) for kind in PAINTED)

    def do(self, work: Callable[[], Changes], nothing: str = "") -> None:
        """Have a change worked out and put into the layers.

        Parameters
        ----------
        work
            Called in the lane.
        nothing
            Said where it changes nothing.
        """
        self._pending += 1
        self._begin(self._layers.opened, work, nothing)

    def when_idle(self, call: Callable[[], object]) -> None:
        """Make a call once all that was begun is in the layers; now, if nothing is under way.

        It is meant for the image that is open now: it is not made if that is another one then.
        """
        if self._pending:
            self._idle.append((self._layers.opened, call))
        else:
            call()

    def _begin(self, opened: object, work: Callable[[], Changes], nothing: str) -> None:
        """Work a change out for an image, which may not be the one that is open any more."""
        seen = opened, self._layers.edits
        self._layers.lane.do(work, partial(self._put, seen, work, nothing), self._failed)

    def _put(
        self, seen: tuple[Any, int], work: Callable[[], Changes], nothing: str, changes: Changes
    ) -> None:
        opened, edits = seen
        layers = {kind: self._layers[kind] for kind in changes}
        if opened is not self._layers.opened or None in layers.values():
            self.said.emit(TOO_LATE)  # its image, or a layer, was closed
            self._end()
        elif self.painting:
            self._held.append(partial(self._begin, opened, work, nothing))
        elif edits != self._layers.edits:
            self._begin(opened, work, nothing)
        else:
            self._write(layers, changes, nothing)
            self._end()

    def _write(self, layers: Mapping[str, Any], changes: Changes, nothing: str) -> None:
        before = self._layers.edits
        with self._layers.history.together():
            for kind, change in changes.items():
                if change:
                    layers[kind].data_setitem(*change)
        if self._layers.edits == before and nothing:
            self.said.emit(nothing)

    def _failed(self, error: BaseException) -> None:
        self._tell(error)
        self._end()

    def _end(self) -> None:
        self._pending -= 1
        if not self._pending:
            waiting, self._idle = self._idle, []
            for opened, call in waiting:
                if opened is self._layers.opened:
                    call()
                else:
                    self.said.emit(TOO_LATE)

    def _layers_changed(self) -> None:
        for kind in PAINTED:
            layer = self._layers[kind]
            if layer is not None:
                layer.events.paint.connect(self._resume)
                layer.events.set_data.connect(self._resume)
        self._resume()

    def _resume(self, _: Any = None) -> None:
        """Go on with what waited for the end of a stroke."""
        held, self._held = self._held, []
        for begin in held:
            begin()


def _is_painting(layer: Any) -> bool:
    """Whether a stroke is under way: what is set now would become a part of it."""
    return bool(getattr(layer, "_block_history", False))
