"""The suggested images as cards: thumbnail, heatmap and why; a click opens one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_qsa.plugin.workbench.pictures import heatmap_over, pixmap
from napari_qsa.plugin.workbench.tab_parts import MARGIN, text

SIDE = 84
"""Pixels of a picture's longest side."""
LEAST_HEIGHT = 50
"""Room for three lines of text beside it."""


@dataclass(frozen=True)
class Entry:
    """One suggested image.

    Attributes
    ----------
    image_id
        Which.
    title
        Its place and name.
    state
        What is wanted of it, or what was done.
    why
        Why it was suggested.
    """

    image_id: str
    title: str
    state: str
    why: str


class Card(QFrame):
    """One suggested image."""

    opened = Signal(str)

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry
        self.setObjectName("qsa-card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Open this image.")
        self.title, self.state, self.why = text(), text(), text()
        for label in (self.title, self.state, self.why):
            # The card itself takes the clicks.
            label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.picture, self.heat = _picture("…"), _picture("no heatmap\nyet")
        layout = QGridLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.title, 0, 0, 1, 3)
        layout.addWidget(self.picture, 1, 0)
        layout.addWidget(self.heat, 1, 1)
        layout.addWidget(self.state, 1, 2)
        layout.addWidget(self.why, 2, 0, 1, 3)
        layout.setColumnStretch(2, 1)
        self.put(entry)
        self.mark(False)

    def put(self, entry: Entry) -> None:
        """Show what is known now."""
        self.entry = entry
        self.title.setText(entry.title)
        self.state.setText(entry.state)
        self.why.setText(entry.why)
        self.why.setVisible(bool(entry.why))

    def mark(self, current: bool) -> None:
        """Show whether it is the image that is open, by a thicker frame."""
        width = 3 if current else 1
        self.setStyleSheet(f"#qsa-card {{ border: {width}px solid gray; border-radius: 4px; }}")

    def show_pictures(
        self, thumbnail: NDArray[np.uint8] | None, uncertainty: NDArray[np.float32] | None
    ) -> None:
        """Show the thumbnail, and the heatmap where there is one."""
        if thumbnail is None:
            return
        _show(self.picture, thumbnail)
        self.heat.setFixedHeight(self.picture.height())
        if uncertainty is not None:
            _show(self.heat, heatmap_over(thumbnail, uncertainty))
            self.heat.setToolTip("Where the networks disagree: the brighter, the more.")

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Open the image."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(self.entry.image_id)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Open the image."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.opened.emit(self.entry.image_id)
        else:
            super().keyPressEvent(event)


class BatchList(QWidget):
    """Cards, one below the other.

    Parameters
    ----------
    thumbnails
        Of the workbench.
    """

    opened = Signal(str)

    def __init__(self, thumbnails: Any) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self._heat: dict[str, NDArray[np.float32]] = {}
        self.cards: dict[str, Card] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(MARGIN)

    def put(self, entries: Sequence[Entry]) -> None:
        """Show these images; cards that are there already stay."""
        if [entry.image_id for entry in entries] != list(self.cards):
            for card in self.cards.values():
                self._layout.removeWidget(card)
                card.deleteLater()
            self.cards = {entry.image_id: Card(entry) for entry in entries}
            for card in self.cards.values():
                card.opened.connect(self.opened)
                self._layout.addWidget(card)
            self._heat = {key: value for key, value in self._heat.items() if key in self.cards}
        for entry in entries:
            self.cards[entry.image_id].put(entry)
            self.refresh(entry.image_id)

    def put_heatmap(self, image_id: str, uncertainty: NDArray[np.float32]) -> None:
        """Show where the networks disagree; a small map."""
        if image_id in self.cards:
            self._heat[image_id] = uncertainty
            self.refresh(image_id)

    def refresh(self, image_id: str) -> None:
        """Draw an image's pictures, if it is shown here and they are there."""
        if image_id in self.cards:
            thumbnail = self._thumbnails.get(image_id)
            self.cards[image_id].show_pictures(thumbnail, self._heat.get(image_id))

    def mark(self, current: str | None) -> None:
        """Show which image is open."""
        for image_id, card in self.cards.items():
            card.mark(image_id == current)


def _picture(instead: str) -> QLabel:
    label = QLabel(instead)
    label.setFixedSize(SIDE, SIDE)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setStyleSheet("QLabel { border: 1px dotted gray; }")
    return label


def _show(label: QLabel, pixels: NDArray[np.uint8]) -> None:
    """Put a picture in the place that was kept for it."""
    picture = pixmap(pixels).scaled(
        SIDE,
        SIDE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    label.setStyleSheet("")
    label.setFixedHeight(max(picture.height(), LEAST_HEIGHT))
    label.setPixmap(picture)
