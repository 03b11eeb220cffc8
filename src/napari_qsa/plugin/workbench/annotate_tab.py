"""The tab in which glands are annotated: tools, accepting, and whether all is saved."""

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QCheckBox, QFrame, QMenu, QPushButton, QWidget

from napari_qsa.plugin.identity import unwrap
from napari_qsa.plugin.workbench.annotate_parts import (
    button,
    grid,
    key_panel,
    tool_buttons,
    version_menu,
)
from napari_qsa.plugin.workbench.annotate_words import (
    ago,
    described,
    removed,
    saving_words,
)
from napari_qsa.plugin.workbench.annotation_layers import AnnotationLayers
from napari_qsa.plugin.workbench.elsewhere import Elsewhere
from napari_qsa.plugin.workbench.finding_list import FindingList
from napari_qsa.plugin.workbench.gestures import Gestures
from napari_qsa.plugin.workbench.keys import BY_ACTION, Keys
from napari_qsa.plugin.workbench.show_box import ShowBox
from napari_qsa.plugin.workbench.tab_parts import (
    Section,
    column,
    follow_object,
    heading,
    row,
    text,
)
from napari_qsa.plugin.workbench.toolbox import HINTS, Tool
from napari_qsa.plugin.workbench.tools import Tools
from napari_qsa.session.annotator import Saving
from napari_qsa.session.lane import Lane

TICK_MS = 1000


class AnnotateTab(QWidget):
    """Paint glands, take proposals over, accept, and go to the next image.

    Parameters
    ----------
    workbench
        The session's object.
    viewer
        Where the layers go.
    """

    def __init__(self, workbench: Any, viewer: Any) -> None:
        super().__init__()
        self._workbench = workbench
        self._annotator, self._pool = workbench.annotator, workbench.pool
        self._lane = Lane(workbench.desk.post, "qsa-edits")
        self.layers = AnnotationLayers(
            unwrap(viewer), self._annotator, workbench.segmenter, self._lane
        )
        self.tools = Tools(self.layers, partial(workbench.desk.fail, "annotation"))
        self.gestures = Gestures(self.layers, self.tools)
        self.keys = Keys(self.layers, self._actions())
        self._build()
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._show_saving)
        follow_object(
            self,
            [
                (self._annotator.saving_changed, self._show_saving),
                (self._annotator.checked, self.findings.put),
                (self._pool.row_changed, self._row_changed),
                (self._pool.rows_changed, self._show_image),
                (self.layers.changed, self._layers_changed),
                (self.layers.changed, self.elsewhere.show_state),
                (self.layers.turned, self.elsewhere.show_state),
                (self.tools.tool_changed, self._show_tool),
                (self.tools.said, self._say),
            ],
        )
        # After the links above are cut, so that nobody shows anything in a tab that is gone.
        self.destroyed.connect(partial(_part, self.layers, self.keys, self._lane))
        self._layers_changed()
        self._show_saving()

    def _actions(self) -> dict[str, Callable[[], object]]:
        tools = self.tools
        return {
            "next": self.go_next,
            "back": self.go_back,
            "accept_next": partial(self.accept, True),
            "gland": partial(tools.choose, Tool.GLAND),
            "split": partial(tools.toggle, Tool.SPLIT),
            "merge": partial(tools.toggle, Tool.MERGE),
            "dont_know": partial(tools.toggle, Tool.DONT_KNOW),
            "delete": partial(tools.click_at_cursor, Tool.DELETE),
            "take_over": partial(tools.click_at_cursor, Tool.TAKE_OVER),
            "hide": self.layers.toggle_overlays,
            "heatmap": self.toggle_heatmap,
            "undo": tools.undo,
            "redo": tools.redo,
        }

    # -- what it looks like

    def _build(self) -> None:
        self.title, self.about = heading(""), text()
        self.title.setWordWrap(True)
        self.back = button("◀ Back", self.go_back, "back")
        self.next = button("Next ▶", self.go_next, "next")
        self.accept_next = button("Accept and next", partial(self.accept, True), "accept_next")
        self.accept_this = button("Accept", self.accept)
        self.versions = button(
            "Versions…",
            self._ask_for_versions,
            help="Go back to a former state of this annotation.",
        )
        self.keep_region = QCheckBox("Only what I marked is reviewed")
        self.keep_region.setToolTip(
            "Otherwise Accept says that you have looked at the whole image."
        )
        self.saving = text()
        self.saving.keep_lines(1)
        self.lost = QFrame()
        self.lost.setObjectName("qsa-lost")
        self.lost.setStyleSheet("#qsa-lost { border: 1px solid #D55E00; border-radius: 3px; }")
        self.lost_words, self.show_again = text(), QPushButton("Show again")
        self.show_again.clicked.connect(self.layers.show_again)
        self.elsewhere = Elsewhere(self.layers, self._pool)
        self.tool_buttons = tool_buttons(self.tools.choose)
        self.hint = text(HINTS[Tool.MOVE], hint=True)
        self.hint.keep_lines(3)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.take_all = button(
            "Take over all",
            self.tools.take_over_all,
            help="All proposed glands that lie where nothing is annotated.",
        )
        self.no_glands = button(
            "No glands here",
            self.tools.no_glands,
            help="Removes all glands and says that the whole image is reviewed.",
        )
        self.clear = button("Clear", self.tools.clear, help="Delete all glands of this image.")
        self.undo = button("Undo", self.tools.undo, help=BY_ACTION["undo"].shown)
        self.redo = button("Redo", self.tools.redo, help=BY_ACTION["redo"].shown)
        self.shows = ShowBox(self.layers, self._say)
        self.heatmap = self.shows.heatmap
        self.findings = FindingList(self._look_at)
        self.version_menu: QMenu | None = None
        self._arrange()

    def _arrange(self) -> None:
        layout = column(self)
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        layout.addLayout(row(self.back, self.next))
        layout.addWidget(self.accept_next)
        layout.addLayout(row(self.accept_this, self.versions))
        layout.addWidget(self.keep_region)
        layout.addWidget(self.saving)
        inner = column(self.lost)
        inner.addWidget(self.lost_words)
        inner.addWidget(self.show_again)
        layout.addWidget(self.lost)
        layout.addWidget(self.elsewhere)
        layout.addWidget(self.findings)
        layout.addWidget(heading("Tools"))
        layout.addLayout(grid(*self.tool_buttons.values()))
        layout.addWidget(self.hint)
        layout.addWidget(heading("Whole image"))
        layout.addLayout(row(self.take_all, self.no_glands))
        layout.addLayout(row(self.clear, self.undo, self.redo))
        layout.addWidget(heading("Show"))
        layout.addWidget(self.shows)
        layout.addWidget(Section("Keys", key_panel()))
        layout.addStretch()

    # -- what the user does

    def accept(self, then_next: bool = False) -> None:
        """Accept the annotation once all that was begun is in it."""
        if self.layers.away:  # what would be accepted is not what is seen
            self._say(f"{self.layers.slider.whereabouts} Go back to accept it.")
            return
        keep = self.keep_region.isChecked()
        self.findings.begin(self._image_id)
        self.tools.changing.when_idle(
            partial(self._annotator.accept, keep_region=keep, then_next=then_next)
        )

    def go_next(self) -> None:
        """Go to the next image."""
        self.tools.changing.when_idle(self._pool.next)

    def go_back(self) -> None:
        """Go to the image before."""
        self.tools.changing.when_idle(self._pool.back)

    def toggle_heatmap(self) -> None:
        """Show or hide the uncertainty."""
        self.heatmap.toggle()

    def _look_at(self, image_id: str | None, finding: Any) -> None:
        """Go to a finding; it may be of the image before."""
        if image_id is not None and image_id != self._image_id:
            self._pool.open(image_id)
        else:
            self.layers.look_at(finding.place, finding.label)

    def _ask_for_versions(self) -> None:
        if self._image_id is not None:
            self._annotator.save_now()
            image_id = self._image_id
            self._annotator.history(image_id, partial(self._offer_versions, image_id))

    def _offer_versions(self, image_id: str, revisions: Any) -> None:
        if image_id == self._image_id:
            self.version_menu = version_menu(self, revisions, self._restore)
            self.version_menu.popup(QCursor.pos())

    def _restore(self, revision: int) -> None:
        self.tools.changing.when_idle(partial(self._annotator.restore, revision))

    # -- what the session shows

    @property
    def _image_id(self) -> str | None:
        return None if self.layers.opened is None else self.layers.opened.image_id

    def _layers_changed(self) -> None:
        opened = self.layers.opened
        self._show_image()
        missing = self.layers.missing
        self.lost.setVisible(bool(missing))
        self.lost_words.setText(f"⚠ {removed(missing)}")
        self.shows.follow()
        editable = opened is not None and not opened.read_only and not missing
        for widget in (
            *self.tool_buttons.values(), self.take_all, self.no_glands, self.clear,
            self.undo, self.redo, self.accept_this, self.accept_next, self.keep_region,
        ):  # fmt: skip
            widget.setEnabled(editable)
        for widget in (self.versions, self.back):
            widget.setEnabled(opened is not None)
        self._show_tool(self.tools.tool)
        self.findings.opened(self._image_id)

    def _row_changed(self, image_id: str) -> None:
        if image_id == self._image_id:
            self._show_image()

    def _show_image(self) -> None:
        title, about = described(self.layers.opened, self._pool)
        self.title.setText(title)
        self.about.setText(about)
        self.next.setEnabled(bool(self._pool.rows))

    def _show_tool(self, tool: Tool | None) -> None:
        for other, pressed in self.tool_buttons.items():
            pressed.setChecked(other is tool)

    def _say(self, words: str) -> None:
        self.hint.setText(words)

    def _show_saving(self, _: Saving | None = None) -> None:
        self.saving.setText(saving_words(self._annotator.saving, ago))

    def showEvent(self, event: Any) -> None:
        """Count the seconds since the last save while somebody sees them."""
        super().showEvent(event)
        self._show_saving()
        self._tick.start()

    def hideEvent(self, event: Any) -> None:
        """Save: a dock that is closed is only hidden."""
        super().hideEvent(event)
        self._tick.stop()
        self._annotator.save_now()


def _part(layers: AnnotationLayers, keys: Keys, lane: Lane, _: object = None) -> None:
    """Leave a viewer that may outlive the tab."""
    keys.release()
    layers.close()
    lane.close()
