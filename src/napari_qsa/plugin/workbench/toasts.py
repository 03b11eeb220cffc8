"""Notifications that show the whole of their sentence; napari's show its first line."""

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.utils.notifications import Notification, NotificationSeverity, notification_manager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

Actions = tuple[tuple[str, Callable[..., object]], ...]
"""What buttons say, and what they do; called with the notification's window."""
KIND = "NapariQtNotification"
READING_MS = 60
"""For a letter: 200 words a minute. napari takes a notification away after 4 s."""
EDGE = 8
"""Between a notification and the edges of the canvas (px)."""


def toast(severity: NotificationSeverity, message: str, actions: Actions = ()) -> None:
    """Show a notification on napari's canvas, unfolded; from the window's thread.

    Parameters
    ----------
    severity
        As which it is shown; the user may have chosen not to see the lesser ones.
    message
        One sentence, of any length.
    actions
        Its buttons.
    """
    notification_manager.dispatch(Notification(message, severity, actions=actions))
    QTimer.singleShot(0, partial(_unfold, message))


def toasts() -> list[Any]:
    """Find the notifications that are shown now."""
    return [
        widget
        for widget in QApplication.allWidgets()
        if type(widget).__name__ == KIND and widget.isVisible()
    ]


def _unfold(message: str) -> None:
    for shown in toasts():
        if shown.message.text() == message:
            fit(shown)


def fit(shown: Any) -> None:
    """Make a notification as high as its sentence, and let it stay until that is read."""
    canvas, layout = shown.parentWidget(), shown.layout()
    if canvas is None:
        return
    shown.source_label.clear()  # it names the class that dispatched it
    words = shown.message.text()
    shown.timer.setInterval(max(shown.timer.interval(), READING_MS * len(words)))
    shown.geom_anim.stop()  # it would slide on to where the folded one was to be
    shown.setFixedWidth(min(shown.width(), canvas.width() - 2 * EDGE))
    shown.resize(shown.width(), shown.height())
    layout.activate()
    around = layout.minimumSize().height() - shown.message.minimumSizeHint().height()
    shown.setFixedHeight(around + shown.message.sizeHint().height())
    shown.move(canvas.width() - shown.width() - EDGE, canvas.height() - shown.height() - EDGE)
