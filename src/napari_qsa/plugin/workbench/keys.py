"""Keys of the annotated layers: bound while they are there, released when they go.

napari has its own for Labels (1 to 7, E P F L Z M X B - = [ ], Esc, Enter), which stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.layers import Layer

from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers


@dataclass(frozen=True)
class Key:
    """A key, what it is called on a button, and what it does.

    Attributes
    ----------
    action : str
        Name of what it does.
    bound : str
        As napari writes it.
    shown : str
        As people read it.
    words : str
        What it does.
    """

    action: str
    bound: str
    shown: str
    words: str


KEYS = (
    Key("next", "N", "N", "next image"),
    Key("back", "Shift-N", "Shift+N", "back to the image before"),
    Key("accept_next", "Shift-Enter", "Shift+Enter", "accept and next"),
    Key("gland", "G", "G", "new gland"),
    Key("split", "J", "J", "split a gland by a line"),
    Key("merge", "K", "K", "merge two glands"),
    Key("delete", "D", "D", "delete the gland under the mouse"),
    Key("take_over", "T", "T", "take over the proposal under the mouse"),
    Key("dont_know", "Q", "Q", "mark: don't know"),
    Key("hide", "H", "H", "hide or show all over the image"),
    Key("heatmap", "U", "U", "show or hide the uncertainty"),
    Key("undo", "Ctrl-Z", "Ctrl+Z", "undo"),
    Key("redo", "Ctrl-Shift-Z", "Ctrl+Shift+Z", "redo"),
)
NAPARIS = (
    ("E", "erase"),
    ("[ and ]", "smaller and larger brush"),
    ("Space", "move the image while held"),
    ("B", "protect other glands, or not"),
    ("Esc", "give up a stroke of the right button"),
)
"""Keys of napari that are good to know."""
BY_ACTION = {key.action: key for key in KEYS}


class Keys:
    """Binds the keys on all layers of the annotated image.

    Parameters
    ----------
    layers
        The layers.
    actions
        What is called for each of `KEYS`, by its action.
    """

    def __init__(
        self, layers: AnnotationLayers, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        self._layers, self._actions = layers, actions
        self._bound: list[Layer] = []
        layers.changed.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Give all keys back."""
        for layer in self._bound:
            self._release(layer)
        self._bound = []

    def _follow(self) -> None:
        there = self._layers.all()
        for layer in self._bound:
            if not any(layer is one for one in there):
                self._release(layer)
        new = [layer for layer in there if not any(layer is one for one in self._bound)]
        for layer in new:
            for key in KEYS:
                layer.bind_key(key.bound, self._caller(key.action), overwrite=True)
        self._bound = list(there)

    def _release(self, layer: Layer) -> None:
        for key in KEYS:
            layer.bind_key(key.bound, None)

    def _caller(self, action: str) -> Callable[[Any], None]:
        # napari looks whether the function is a generator, which a partial would hide.
        def call(_: Any) -> None:
            self._actions[action]()

        return call
