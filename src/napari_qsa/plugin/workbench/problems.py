"""What went wrong so far: a line that opens a list with details."""

import time
from typing import TYPE_CHECKING

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.plugin.workbench.tab_parts import Section, count, follow_object, row

if TYPE_CHECKING:
    from napari_qsa.plugin.workbench.room import Problem, Room

LIST_HEIGHT = 90
DETAILS_HEIGHT = 80


class Problems(QWidget):
    """The problems of a room, the newest first; hidden while there are none."""

    def __init__(self, room: "Room") -> None:
        super().__init__()
        self._room = room
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setFixedHeight(LIST_HEIGHT)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setFixedHeight(DETAILS_HEIGHT)
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy all of them, with details, for a bug report.")
        self.clear = QPushButton("Clear")
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.list)
        inner.addWidget(self.details)
        inner.addLayout(row(self.copy, self.clear))
        self.section = Section("Problems", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.addWidget(self.section)
        self.list.currentRowChanged.connect(self._show_details)
        self.copy.clicked.connect(self._copy)
        self.clear.clicked.connect(room.forget_problems)
        follow_object(
            self, [(room.problems_changed, self.refresh), (room.details_wanted, self.open)]
        )
        self.refresh()

    def refresh(self) -> None:
        """Show the list as it is now."""
        problems = self._problems()
        self.list.clear()
        for problem in problems:
            clock = time.strftime("%H:%M", time.localtime(problem.when))
            item = QListWidgetItem(f"{clock}  {problem.failure.message}")
            item.setToolTip(problem.failure.message)
            self.list.addItem(item)
        self.section.title.setText(f"⚠ {count(len(problems), 'problem')}")
        self.list.setCurrentRow(0 if problems else -1)
        self.setVisible(bool(problems))

    def open(self) -> None:
        """Open the list at the newest."""
        self.section.title.setChecked(True)
        self.list.setCurrentRow(0)

    def _problems(self) -> "list[Problem]":
        return self._room.problems[::-1]

    def _show_details(self, place: int) -> None:
        problems = self._problems()
        chosen = problems[place] if 0 <= place < len(problems) else None
        self.details.setPlainText(_report(chosen) if chosen else "")

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n\n".join(_report(problem) for problem in self._problems()))


def _report(problem: "Problem") -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(problem.when))
    failure = problem.failure
    head = f"{when} {failure.part}".strip()
    return "\n".join(part for part in (head, failure.message, failure.details) if part)
