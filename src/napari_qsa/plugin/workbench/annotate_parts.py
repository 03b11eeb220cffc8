"""What the tab of annotation is made of: buttons that show their keys, and menus."""

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QWidget

from napari_qsa.plugin.workbench.annotate_words import version
from napari_qsa.plugin.workbench.keys import BY_ACTION, KEYS, NAPARIS
from napari_qsa.plugin.workbench.tab_parts import text
from napari_qsa.plugin.workbench.toolbox import HINTS, Tool
from napari_qsa.project import Revision

TOOLS = (
    (Tool.GLAND, "New gland", "G"),
    (Tool.ERASE, "Erase", "E"),
    (Tool.SPLIT, "Split", "J"),
    (Tool.MERGE, "Merge two", "K"),
    (Tool.DELETE, "Delete", "D"),
    (Tool.TAKE_OVER, "Take over", "T"),
    (Tool.FILL_HOLES, "Fill holes", ""),
    (Tool.SMOOTH, "Smooth", ""),
    (Tool.DONT_KNOW, "Don't know", "Q"),
    (Tool.REVIEWED, "Reviewed", ""),
)
"""Tools in the order of their buttons, with the key that each shows."""


def button(words: str, call: Callable[[], object], action: str = "", help: str = "") -> QPushButton:
    """Make a button that leaves the keyboard to the image.

    Parameters
    ----------
    words
        On it, followed by the key of `action`.
    call
        What it does.
    action
        Of `keys.KEYS`.
    help
        Its tool tip.
    """
    made = QPushButton(f"{words} ({BY_ACTION[action].shown})" if action else words)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setToolTip(help)
    made.clicked.connect(lambda _=False: call())
    return made


def tool_buttons(choose: Callable[[Tool], object]) -> dict[Tool, QPushButton]:
    """Make a button for each tool; the one in hand is pressed down."""
    made = {}
    for tool, words, key in TOOLS:
        shown = f"{words} ({key})" if key else words
        made[tool] = button(shown, partial(choose, tool), help=HINTS[tool])
        made[tool].setCheckable(True)
    return made


def grid(*widgets: QWidget, columns: int = 2) -> QGridLayout:
    """Lay widgets in columns of the same width."""
    layout = QGridLayout()
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, index // columns, index % columns)
    for index in range(columns):
        layout.setColumnStretch(index, 1)
    return layout


def key_panel() -> QWidget:
    """List all keys."""
    panel = QWidget()
    layout = QGridLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    ours = [(key.shown, key.words) for key in KEYS]
    for index, (key, words) in enumerate((*ours, *NAPARIS)):
        shown = QLabel(f"<b>{key}</b>")
        shown.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(shown, index, 0)
        layout.addWidget(text(words), index, 1)
    layout.setColumnStretch(1, 1)
    layout.setVerticalSpacing(2)
    return panel


def version_menu(
    parent: QWidget, revisions: Sequence[Revision], restore: Callable[[int], object]
) -> QMenu:
    """Offer former states of an annotation, the newest first.

    Parameters
    ----------
    parent
        Of the menu.
    revisions
        Oldest first.
    restore
        Called with the number of the one that is chosen.
    """
    menu = QMenu(parent)
    for facts in reversed(revisions):
        action = menu.addAction(version(facts))
        action.triggered.connect(lambda _=False, number=facts.revision: restore(number))
    if not revisions:
        menu.addAction("Nothing was saved yet").setEnabled(False)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu
