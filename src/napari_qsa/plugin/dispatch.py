"""Calls from the engine's threads, made in the window's thread."""

from contextlib import suppress

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_qsa.session.dispatch import Call


class QtPost(QObject):
    """Makes calls in the thread it was made in, by its event loop."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._posted.connect(self._make, Qt.ConnectionType.QueuedConnection)

    def __call__(self, call: Call) -> None:
        """Have `call` made soon; from any thread."""
        # Qt may take its objects down before the engine's last word: nobody listens then.
        with suppress(RuntimeError):
            self._posted.emit(call)

    def _make(self, call: Call) -> None:
        call()
