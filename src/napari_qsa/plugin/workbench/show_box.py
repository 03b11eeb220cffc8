"""What lies over the image that is annotated: the heatmap with its colour bar, or nothing."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_qsa.plugin.workbench.annotate_parts import button
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.outlining import Outlining
from napari_qsa.plugin.workbench.tab_parts import row

NO_HEATMAP = "No model has looked at this image yet: segment it first."


class ShowBox(QWidget):
    """Shows and hides what lies over the image.

    Parameters
    ----------
    layers
        Of the image that is open.
    say
        Tells the user something.
    """

    def __init__(self, layers: AnnotationLayers, say: Callable[[str], object]) -> None:
        super().__init__()
        self._layers, self._say = layers, say
        self._outlining = Outlining()
        self.heatmap = QCheckBox("Uncertainty (U)")
        self.bar = QCheckBox("Colour bar")
        self.bar.setToolTip("From 0, where the networks agree, to 0.5: on the image, or not.")
        self.bar.setChecked(True)
        self.overlays = button("Hide all", layers.toggle_overlays, "hide")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row(self.heatmap, self.bar))
        layout.addWidget(self.overlays)
        self.heatmap.toggled.connect(self._toggled)
        self.bar.toggled.connect(self.refresh)

    def follow(self) -> None:
        """Look at other layers than before."""
        layer = self._layers["uncertainty"]
        if layer is not None:
            layer.events.visible.connect(self.refresh)
        for widget in (self.heatmap, self.overlays):
            widget.setEnabled(self._layers.opened is not None)
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Show whether the heatmap is shown, and draw the glands so that it can be read."""
        layer = self._layers["uncertainty"]
        shown = layer is not None and layer.visible
        if layer is not None:
            layer.colorbar.visible = self.bar.isChecked()
            with QSignalBlocker(self.heatmap):
                self.heatmap.setChecked(shown)
        self.bar.setEnabled(shown)
        self._outlining.follow(self._layers.glands, shown)

    def _toggled(self, wanted: bool) -> None:
        if not self._layers.show_heatmap(wanted):
            self._say(NO_HEATMAP)
