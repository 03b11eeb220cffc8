"""What the checks found in an accepted annotation; a click goes there."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QListWidget, QPushButton, QVBoxLayout, QWidget

from napari_qsa.plugin.workbench.tab_parts import count, heading

ROWS = 4
"""Findings that are seen without scrolling, two lines each."""


class FindingList(QWidget):
    """Glands in several pieces and specks; hidden where there are none.

    Parameters
    ----------
    look
        Called with the image and the finding that was clicked.
    """

    def __init__(self, look: Callable[[str | None, Any], object]) -> None:
        super().__init__()
        self._look = look
        self._image: str | None = None
        self._found: list[Any] = []
        self._next: Any = None
        self.title = heading("")
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.itemClicked.connect(lambda _: self._clicked(self.list.currentRow()))
        self.dismiss = QPushButton("Dismiss")
        self.dismiss.clicked.connect(lambda: self.put([]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.title, self.list, self.dismiss):
            layout.addWidget(widget)
        self.put([])

    def begin(self, image_id: str | None) -> None:
        """Note which image is checked now; what was found before is done with."""
        self._image = image_id
        self.put([])

    def put(self, found: list[Any]) -> None:
        """Show what was found."""
        self._found = list(found)
        self.list.clear()
        self.list.addItems([finding.text for finding in found])
        refused = any(finding.kind == "nothing" for finding in found)
        accepted = f"Accepted; {count(len(found), 'thing')} to look at"
        self.title.setText("Not accepted" if refused else accepted)
        lines = 2 * min(max(len(found), 1), ROWS) + 1
        self.list.setFixedHeight(lines * self.list.fontMetrics().lineSpacing())
        self.setVisible(bool(found))

    def opened(self, image_id: str | None) -> None:
        """Go on to the finding for which its image had to be opened first."""
        finding, self._next = self._next, None
        if finding is not None and image_id == self._image:
            self._look(image_id, finding)

    def _clicked(self, index: int) -> None:
        finding = self._found[index]
        self._next = finding
        self._look(self._image, finding)
