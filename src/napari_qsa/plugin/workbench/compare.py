"""The new model against the current one: in words, as a picture, and what to do about it."""

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QPushButton, QSizePolicy, QWidget

from napari_qsa.plugin.workbench.tab_parts import column, count, heading, text
from napari_qsa.session.trainer import ModelComparison

BAR_HEIGHT = 46
LEAST_SPAN = 0.02
"""Of the picture to each side of 0, in Dice: smaller differences do not look large."""
HEADLINES = {
    "better": "The new model is better.",
    "worse": "The new model is worse.",
    "too few to tell": "Too few images to tell which model is better.",
}


NOTHING = "There is no image to compare the models on."


def headline(found: ModelComparison) -> str:
    """Say in a sentence which model is better."""
    return HEADLINES[found.verdict] if found.images else NOTHING


def in_words(found: ModelComparison) -> str:
    """Say what a comparison found, for somebody who has never heard of a bootstrap."""
    if not found.images:
        return " ".join(_advice(found))
    sentences = [
        f"Agreement with your annotations (1 is perfect): new {found.new:.2f}, current "
        f"{found.current:.2f}.",
        f"The true difference is most likely between {_signed(found.low)} and "
        f"{_signed(found.high)} (object Dice, 95 % interval).",
        _images(found),
        *_advice(found),
        *found.notes,
    ]
    if len(found.images) == 1:
        sentences[1] = "One image says nothing about others."
    return " ".join(sentences)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _images(found: ModelComparison) -> str:
    number = count(len(found.images), "image")
    if found.source == "validation":
        return f"Measured on {number} that neither model learned from."
    return (
        f"Measured on {number}, each looked at only by those networks that did not learn from it, "
        "as there are fewer than 5 accepted images for validation."
    )


def _advice(found: ModelComparison) -> list[str]:
    if found.verdict == "too few to tell":
        return ["Accept more of the images that are asked for to check the model with."]
    return []


class IntervalBar(QWidget):
    """The difference of the two models with its interval, on a line with 0 in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self._found: ModelComparison | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Be as wide as there is room."""
        return QSize(200, BAR_HEIGHT)

    def put(self, found: ModelComparison) -> None:
        """Show another comparison."""
        self._found = found
        self.setAccessibleName(f"{headline(found)} {in_words(found)}")
        self.update()

    def place(self, difference: float) -> float:
        """Say where a difference is drawn, in pixels from the left."""
        found = self._found
        ends = (0.0, 0.0) if found is None else (found.low, found.high)
        span = 1.15 * max(LEAST_SPAN, *map(abs, ends))
        return self.width() * (0.5 + 0.5 * difference / span)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw."""
        if self._found is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self.palette().windowText().color()
        middle, y = self.width() / 2, BAR_HEIGHT - 16.0
        painter.setPen(QPen(colour, 1))
        painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
        painter.drawLine(QPointF(middle, y - 10), QPointF(middle, y + 10))
        top = QRectF(0, 0, self.width(), 16)
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft, "◀ current better")
        painter.drawText(top, Qt.AlignmentFlag.AlignRight, "new better ▶")
        painter.setPen(QPen(colour, 5, cap=Qt.PenCapStyle.FlatCap))
        low, high = self.place(self._found.low), self.place(self._found.high)
        painter.drawLine(QPointF(low, y), QPointF(high, y))
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(self.place(self._found.difference), y), 5.5, 5.5)
        painter.end()


class ComparisonBox(QWidget):
    """What a run found, and the buttons to choose by."""

    used = Signal()
    kept = Signal()
    went_back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.headline = heading("")
        self.headline.setWordWrap(True)
        self.words = text()
        self.bar = IntervalBar()
        self.used_already = text("The new model was taken into use.")
        self.use = QPushButton("Use the new model")
        self.keep = QPushButton("Keep the current one")
        self.back = QPushButton("Go back to the model before")
        layout = column(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.headline, self.bar, self.words, self.used_already):
            layout.addWidget(widget)
        for button in (self.use, self.keep, self.back):
            layout.addWidget(button)
        self.use.clicked.connect(self.used)
        self.keep.clicked.connect(self.kept)
        self.back.clicked.connect(self.went_back)

    def put(self, found: ModelComparison | None, status: str, can_go_back: bool) -> None:
        """Show a comparison.

        Parameters
        ----------
        found
            None where there is none.
        status
            Of its run, see `RunInfo`.
        can_go_back
            Whether another model was in use before.
        """
        waits = status == "finished"
        self.headline.setText(headline(found) if found else "The models were not compared.")
        self.words.setText(in_words(found) if found else "")
        self.words.setVisible(bool(self.words.text()))
        self.used_already.setVisible(status == "adopted")
        if found is not None:
            self.bar.put(found)
        self.bar.setVisible(found is not None and len(found.images) > 1)
        self.use.setVisible(waits)
        self.keep.setVisible(waits)
        self.back.setVisible(can_go_back)
