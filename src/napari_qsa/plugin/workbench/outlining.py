"""Annotated glands as outlines while the heatmap shows: two fills over one another are mud."""

from napari.layers import Labels

from napari_qsa.plugin.results import OUTLINED_PIXELS
from napari_qsa.plugin.workbench import looks


class Outlining:
    """Draws the glands so that the heatmap below can be read, and afterwards as they were."""

    def __init__(self) -> None:
        self._layer: Labels | None = None
        self._before = (0, 1.0)

    def follow(self, layer: Labels | None, heatmap: bool) -> None:
        """Draw a layer of glands for a heatmap that is shown, or is not.

        Parameters
        ----------
        layer
            Of the image that is open now; None if there is none.
        heatmap
            Whether the heatmap is shown.
        """
        outlined = self._layer is not None
        if outlined and (layer is not self._layer or not heatmap):
            self._restore()
        if layer is not None and heatmap and self._layer is None:
            self._layer, self._before = layer, (layer.contour, layer.opacity)
            if layer.data.size <= OUTLINED_PIXELS:
                layer.contour, layer.opacity = looks.GLANDS_OUTLINE, 1.0
            else:
                layer.opacity = looks.FAINT_OPACITY

    def _restore(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.contour, layer.opacity = self._before
