"""What the QSA dock shows while no project is open."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QWidget

from napari_qsa.plugin.workbench import projects
from napari_qsa.plugin.workbench.quick_segment import QuickSegment
from napari_qsa.plugin.workbench.tab_parts import column, heading, text

WELCOME = (
    "Mark glands in a few images, let the models ask for the next ones, correct what they "
    "propose, and train."
)
LEAST_HEIGHT = 100


class FirstPage(QScrollArea):
    """Three ways to a project, and one way to a first mask without one.

    Parameters
    ----------
    viewer
        Not its proxy.
    workbench
        Makes and opens projects.
    post
        Makes a call in the window's thread.
    """

    def __init__(self, viewer: Any, workbench: Any, post: Callable[[Any], object]) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.samples = QPushButton("Try with sample images")
        self.samples.setToolTip("A small project to play with; made in your documents folder.")
        self.new = QPushButton("New project from a folder…")
        self.new.setToolTip("Your images stay where they are.")
        self.open = QPushButton("Open project…")
        self.open.setToolTip("A folder whose name ends in .qsa.")
        self.quick = QuickSegment(viewer, workbench.desk, post)
        content = QWidget()
        layout = column(content)
        layout.addWidget(text(WELCOME))
        for button in (self.samples, self.new, self.open):
            button.setMinimumHeight(34)
            layout.addWidget(button)
        layout.addWidget(text("Or drop a folder of images, or a project, here.", hint=True))
        layout.addWidget(heading("Without a project"))
        layout.addWidget(self.quick)
        layout.addStretch()
        self.setWidget(content)
        self.samples.clicked.connect(lambda: projects.try_samples(workbench))
        self.new.clicked.connect(lambda: projects.new_project(self, workbench))
        self.open.clicked.connect(lambda: projects.open_project(self, workbench))

    def minimumSizeHint(self) -> QSize:
        """Be as wide as the buttons need: only the height scrolls."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, LEAST_HEIGHT)
