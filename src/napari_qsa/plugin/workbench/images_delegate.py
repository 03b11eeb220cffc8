"""How an image looks in the filmstrip and in the table."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_qsa.plugin.workbench.images_model import CURRENT, ROW
from napari_qsa.plugin.workbench.images_words import Column, marks_of, name_of

if TYPE_CHECKING:
    from napari_qsa.session.pool import Row

THUMB = 96
"""Longest side of a thumbnail in the filmstrip (px of the screen, before its scale)."""
GAP = 4
ROW_THUMB = 28
FILM = QSize(THUMB + 4 * GAP, THUMB + 24 + 3 * GAP)
"""One image in the filmstrip."""
INK = QColor(20, 20, 20, 205)
PAPER = QColor(255, 255, 255)
FRAME = QColor("#E69F00")
"""Around the image that is open; a mark in words says so too."""
BAR = QColor("#E69F00")
MOST_UNCERTAIN = 0.5


class FilmDelegate(QStyledItemDelegate):
    """A thumbnail with its marks on it, its rank, and its name below."""

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        """All images are as large as one another, so that Qt need not ask each."""
        return FILM

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
        box = QRect(whole.center().x() - THUMB // 2, whole.top() + GAP, THUMB, THUMB)
        _thumbnail(painter, box, index.data(Qt.ItemDataRole.DecorationRole), option.palette)
        current = bool(index.data(CURRENT))
        if current:
            painter.setPen(QPen(FRAME, 3))
            painter.drawRect(box)
        self._badges(painter, option, box, row, current)
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        below = QRect(whole.left() + GAP, box.bottom() + GAP, whole.width() - 2 * GAP, 24)
        text = option.fontMetrics.elidedText(
            name_of(row), Qt.TextElideMode.ElideMiddle, below.width()
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()

    def _badges(
        self, painter: QPainter, option: Any, box: QRect, row: "Row", current: bool
    ) -> None:
        marks = marks_of(row)
        if current:
            marks.insert(0, "open")
        font = painter.font()
        font.setPointSizeF(max(6.0, option.font.pointSizeF() * 0.8))
        painter.setFont(font)
        metrics = QFontMetrics(font)
        bottom = box.bottom() - 1
        for text in reversed(marks):
            bottom -= _badge(painter, metrics, box.left() + 2, bottom, text) + 1
        if row.rank is not None:
            width = metrics.horizontalAdvance(str(row.rank)) + 2 * GAP
            top = box.top() + 2 + metrics.height()
            _badge(painter, metrics, box.right() - width - 1, top, str(row.rank))
        painter.setFont(option.font)


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
                marks.insert(0, "open")
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


def _badge(painter: QPainter, metrics: QFontMetrics, left: int, bottom: int, text: str) -> int:
    """Draw a word on a dark ground that shows on any image, and return its height."""
    height = metrics.height()
    area = QRect(left, bottom - height, metrics.horizontalAdvance(text) + 2 * GAP, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(INK)
    painter.drawRoundedRect(area, 3, 3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(PAPER)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
    return height
