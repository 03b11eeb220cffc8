"""Says that another slice is looked at than the one that is annotated, and offers both ways."""

from typing import Any

from qtpy.QtWidgets import QFrame

from napari_qsa.plugin.workbench.annotate_parts import button
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.tab_parts import column, row, text


class Elsewhere(QFrame):
    """Two buttons and a sentence; hidden while the annotated slice is looked at.

    Parameters
    ----------
    layers
        Of the image that is open.
    pool
        Opens another one.
    """

    def __init__(self, layers: AnnotationLayers, pool: Any) -> None:
        super().__init__()
        self._layers, self._pool = layers, pool
        self.setObjectName("qsa-elsewhere")
        self.setStyleSheet("#qsa-elsewhere { border: 1px solid #56B4E9; border-radius: 3px; }")
        self.words = text()
        self.back = button("", layers.slider.go_home)
        self.here = button("", self._open_here)
        layout = column(self)
        layout.addWidget(self.words)
        layout.addLayout(row(self.back, self.here))
        self.show_state()

    def show_state(self) -> None:
        """Show where the user is."""
        opened, page = self._layers.opened, self._layers.slider.page
        slices = None if opened is None else opened.slices
        self.setVisible(slices is not None and self._layers.away)
        if slices is None or not self._layers.away:
            return
        self.words.setText(self._layers.slider.whereabouts)
        self.back.setText(f"Back to slice {slices.home + 1}")
        self.here.setVisible(page is not None)
        if page is not None:
            self.here.setText(f"Annotate slice {page + 1}")
            self.here.setEnabled(page in slices.ids)
            missing = "" if page in slices.ids else "It is no image of the project: add it first."
            self.here.setToolTip(missing)

    def _open_here(self) -> None:
        opened, page = self._layers.opened, self._layers.slider.page
        ids = {} if opened is None or opened.slices is None else opened.slices.ids
        if page is not None and page in ids:
            self._pool.open(ids[page])
