"""How an image looks in the filmstrip and in the table."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_qsa.plugin.workbench.images_model import CURRENT, ROW
from napari_qsa.plugin.workbench.images_words import Column, marks_of, name_of

if TYPE_CHECKING:
    from napari_qsa.session.pool import Row

THUMB, LEAST_THUMB = 96, 44
"""Longest side of a thumbnail in the filmstrip (px of the screen, before its scale)."""
GAP = 4
ROW_THUMB = 28
NAME_HEIGHT = 24
INK = QColor(20, 20, 20, 205)
PAPER = QColor(255, 255, 255)
FRAME = QColor("#E69F00")
"""Around the image that is open; a mark in words says so too."""
FRAME_WIDTH = 3
BAR = QColor("#E69F00")
MOST_UNCERTAIN = 0.5
OPEN = "open"


def film_size(thumb: int) -> QSize:
    """Give the size of one image in the filmstrip, by the side of its thumbnail."""
    return QSize(thumb + 4 * GAP, thumb + NAME_HEIGHT + 3 * GAP)


FILM = film_size(THUMB)
"""One image in the filmstrip where there is room."""


class FilmDelegate(QStyledItemDelegate):
    """A thumbnail with its marks in its corners, and its name below.

    Attributes
    ----------
    thumb : int
        Side of the thumbnails; the view sets it by its height.
    """

    thumb = THUMB

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        """All images are as large as one another, so that Qt need not ask each."""
        return film_size(self.thumb)

    def paint(self, painter: Any, option: Any, index: QModelIndex) -> None:
        """Draw one image."""
        row = index.data(ROW)
        if row is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = option.rect.adjusted(1, 1, -1, -1)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(whole, option.palette.color(QPalette.ColorRole.Highlight))
        side = self.thumb
        box = QRect(whole.center().x() - side // 2, whole.top() + GAP, side, side)
        _thumbnail(painter, box, index.data(Qt.ItemDataRole.DecorationRole), option.palette)
        current = bool(index.data(CURRENT))
        if current:
            painter.setPen(QPen(FRAME, FRAME_WIDTH))
            painter.drawRect(box)
        self._badges(painter, option, box, row, current)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        below = QRect(whole.left() + GAP, box.bottom() + GAP, whole.width() - 2 * GAP, NAME_HEIGHT)
        text = option.fontMetrics.elidedText(
            name_of(row), Qt.TextElideMode.ElideMiddle, below.width()
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()

    def _badges(
        self, painter: QPainter, option: Any, box: QRect, row: "Row", current: bool
    ) -> None:
        """Say in words what an image is: its state below, open and rank above."""
        font = painter.font()
        font.setPointSizeF(max(6.0, option.font.pointSizeF() * 0.8))
        painter.setFont(font)
        for text, area in badges(QFontMetrics(font), box, row, current):
            _badge(painter, area, text)
        painter.setFont(option.font)


def badges(
    metrics: QFontMetrics, box: QRect, row: "Row", current: bool
) -> "list[tuple[str, QRect]]":
    """Lay the words on a thumbnail out, so that none lies over another.

    Parameters
    ----------
    metrics
        Of the font of the badges.
    box
        The thumbnail's place.
    row
        The image.
    current
        Whether it is the one that is open.

    Returns
    -------
    list
        Each word, shortened where it must be, with its place inside of `box`.
    """
    inner = box.adjusted(FRAME_WIDTH, FRAME_WIDTH, -FRAME_WIDTH, -FRAME_WIDTH)
    height = metrics.height()
    placed: list[tuple[str, QRect]] = []

    def put(text: str, top: int, room: int, right: bool = False) -> int:
        """Place a word at the left or the right, and return its width."""
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 2 * GAP)
        width = min(room, metrics.horizontalAdvance(shown) + 2 * GAP)
        left = inner.right() + 1 - width if right else inner.left()
        placed.append((shown, QRect(left, top, width, height)))
        return width

    free = inner.width()
    if current:
        free -= put(OPEN, inner.top(), inner.width()) + 2
    if row.rank is not None and metrics.horizontalAdvance(str(row.rank)) + 2 * GAP <= free:
        put(str(row.rank), inner.top(), free, right=True)
    lines = max(1, (inner.height() - height - 2) // (height + 2))
    for place, text in enumerate(reversed(marks_of(row)[:lines])):
        top = inner.bottom() + 1 - (place + 1) * height - 2 * place
        put(text, top, inner.width())
    return placed


class TableDelegate(QStyledItemDelegate):
    """A small thumbnail beside the name, and a bar behind the uncertainty."""

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Keep the thumbnail small, and its place free while it is unknown."""
        super().initStyleOption(option, index)
        if index.column() == Column.IMAGE:
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
            option.decorationSize = QSize(ROW_THUMB, ROW_THUMB)
            row = index.data(ROW)
            marks = [mark for mark in marks_of(row) if mark.startswith("file")]
            if index.data(CURRENT):
                marks.insert(0, OPEN)
            option.text = " · ".join([*marks, name_of(row)])

    def paint(self, painter: Any, option: Any, index: QModelIndex) -> None:
        """Draw one cell."""
        super().paint(painter, option, index)
        row = index.data(ROW)
        if index.column() == Column.UNCERTAINTY and row is not None and row.uncertainty:
            share = min(1.0, row.uncertainty / MOST_UNCERTAIN)
            area = option.rect.adjusted(GAP, 0, -GAP, -2)
            painter.fillRect(
                QRect(area.left(), area.bottom() - 3, round(area.width() * share), 3), BAR
            )


def _thumbnail(painter: QPainter, box: QRect, pixmap: QPixmap | None, palette: QPalette) -> None:
    if pixmap is None or pixmap.isNull():
        painter.setPen(palette.color(QPalette.ColorRole.Mid))
        painter.drawRect(box)
        return
    size = pixmap.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(
        box.center().x() - size.width() // 2,
        box.center().y() - size.height() // 2,
        size.width(),
        size.height(),
    )
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawPixmap(place, pixmap)


def _badge(painter: QPainter, area: QRect, text: str) -> None:
    """Draw a word on a dark ground that shows on any image."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(INK)
    painter.drawRoundedRect(area, 3, 3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(PAPER)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
