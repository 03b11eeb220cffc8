"""What the tabs are made of: sections, kept errors, and the progress of long work."""

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.session.desk import Failure
from napari_qsa.session.state import State, Status

STEPS = 1000
DETAILS_HEIGHT = 110
MARGIN = 6
Links = list[tuple[Any, Callable[..., Any]]]
"""Signals or events, each with what follows it."""


def follow_object(owner: QObject, links: Links) -> None:
    """Connect signals (of psygnal or napari) to methods for as long as their Qt object lives."""
    for signal, slot in links:
        signal.connect(slot)
    owner.destroyed.connect(partial(_part, links))


def while_alive(owner: QObject, call: Callable[..., object]) -> Callable[..., object]:
    """Make a call that does nothing once its Qt object is gone: answers may come late."""

    def guarded(*values: Any) -> object:
        return call(*values) if isalive(owner) else None

    return guarded


def _part(links: Links, _: object = None) -> None:
    for signal, slot in links:
        try:
            signal.disconnect(slot)
        except (ValueError, RuntimeError):
            continue  # its owner let go of it first


class Wrapped(QLabel):
    """Words that wrap, as high as they need to be: what scrolls does not ask for that by itself."""

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self._least = 0
        self._fitted: tuple[Any, ...] = ()
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long word must not widen the dock; a new policy forgets that lines wrap.
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def keep_lines(self, lines: int) -> None:
        """Keep room for some lines, so that what is below stays where it is."""
        self._least = lines * self.fontMetrics().lineSpacing()
        self._fit()

    def setText(self, words: str | None) -> None:
        """Show other words."""
        super().setText(words)
        self._fit()

    def resizeEvent(self, event: Any) -> None:
        """Be as high as the words need at this width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: Any) -> None:
        """Measure anew when the font has changed, as with the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        now = (self.width(), self.text(), self.font().key(), self._least)
        if now != self._fitted:
            self._fitted = now
            self.setMinimumHeight(0)  # else it counts as needed
            needed = self.heightForWidth(self.width()) if self.text() else 0
            self.setMinimumHeight(max(self._least, needed))


def text(words: str = "", hint: bool = False) -> Wrapped:
    """Make a label that wraps, whose text can be copied."""
    label = Wrapped(words)
    if hint:
        font = label.font()
        font.setItalic(True)
        label.setFont(font)
    return label


def heading(words: str) -> QLabel:
    """Make the bold title of a group."""
    label = QLabel(words)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setContentsMargins(0, MARGIN, 0, 0)
    return label


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Lay widgets side by side; the one at index `stretch` takes what is left."""
    layout = QHBoxLayout()
    layout.setSpacing(MARGIN)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, int(index == stretch))
    return layout


def column(parent: QWidget) -> QVBoxLayout:
    """Give a widget the layout that all tabs have."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    layout.setSpacing(MARGIN)
    return layout


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun, such as ``3 images``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def counter(low: int, high: int, value: int, one: str) -> QSpinBox:
    """Make a field for a number of things, which says ``1 image`` and ``2 images``."""
    box = QSpinBox()
    box.setRange(low, high)
    box.valueChanged.connect(lambda now: box.setSuffix(f" {one}" if now == 1 else f" {one}s"))
    box.setValue(high)  # as wide as any value needs
    box.setValue(value)
    return box


class Section(QWidget):
    """A title that opens and closes what is below it; closed at first."""

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self.title.toggled.connect(self._toggle)
        self._toggle(False)

    def _toggle(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.content.setVisible(opened)


class ErrorBox(QFrame):
    """What went wrong last; it stays until it is dismissed, or the same work is begun again."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qsa-error")
        self.setStyleSheet("#qsa-error { border: 1px solid #D55E00; border-radius: 3px; }")
        self.message = text()
        self.more = QPushButton("Details")
        self.more.setCheckable(True)
        self.dismiss = QPushButton("Dismiss")
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setFixedHeight(DETAILS_HEIGHT)
        self.remedy = QPushButton()
        layout = column(self)
        layout.addWidget(self.message)
        layout.addWidget(self.remedy)
        layout.addLayout(row(self.more, self.dismiss))
        layout.addWidget(self.details)
        self._mend: Callable[[], object] | None = None
        self.remedy.clicked.connect(self._mend_it)
        self.more.toggled.connect(self.details.setVisible)
        self.dismiss.clicked.connect(self.clear)
        self.clear()

    def show_failure(self, message: str, details: str = "") -> None:
        """Show what went wrong; `details` are for a bug report."""
        self.message.setText(f"⚠ {message}")
        self.details.setPlainText(details)
        self.more.setVisible(bool(details))
        self.more.setChecked(False)
        self.details.hide()
        self.offer("", None)
        self.show()

    def offer(self, words: str, mend: Callable[[], object] | None) -> None:
        """Offer by a button what may be done about it; None offers nothing."""
        self._mend = mend
        self.remedy.setText(words)
        self.remedy.setVisible(mend is not None)

    def _mend_it(self) -> None:
        if self._mend is not None:
            self._mend()

    def clear(self) -> None:
        """Forget what went wrong."""
        self.message.clear()
        self.offer("", None)
        self.hide()


class Work(QWidget):
    """The progress of a part's long work with its Cancel button, and what it failed on.

    Parameters
    ----------
    part
        Of the workbench: it has ``status``, ``status_changed``, ``running`` and ``cancel``.
    failed
        The desk's signal for failures.
    names
        Parts whose failures belong here.
    changed
        Called after each change, so that a tab enables its buttons.
    """

    def __init__(
        self, part: Any, failed: Any, names: tuple[str, ...], changed: Callable[[], object]
    ) -> None:
        super().__init__()
        self._names, self._changed = names, changed
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.message = text()
        self.error = ErrorBox()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addLayout(row(self.bar, self.cancel, stretch=0))
        layout.addWidget(self.message)
        layout.addWidget(self.error)
        self._part = part
        self.cancel.clicked.connect(lambda: part.cancel())
        follow_object(self, [(part.status_changed, self._follow), (failed, self._show_failure)])
        self._show_status(part.status)

    def _follow(self, status: Status) -> None:
        self._show_status(status)
        self._changed()

    def _show_status(self, status: Status) -> None:
        state = status.state
        running = state in (State.STARTING, State.RUNNING)
        self.bar.setVisible(running)
        self.cancel.setVisible(running)
        self.bar.setRange(0, 0 if status.fraction is None else STEPS)
        self.bar.setValue(round(STEPS * (status.fraction or 0)))
        if state is State.FAILED:
            self.error.show_failure(status.message, status.details)
        elif running:
            self.error.clear()
        self.message.setText("" if state is State.FAILED else status.message)
        self.message.setVisible(bool(self.message.text()))

    def _show_failure(self, failure: Failure) -> None:
        if failure.part in self._names:
            self.error.show_failure(failure.message, failure.details)
