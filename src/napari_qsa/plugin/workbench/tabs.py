"""The tabs of the QSA dock, each made when it is looked at first."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QScrollArea, QTabWidget, QWidget

if TYPE_CHECKING:
    from napari_qsa.session.workbench import Workbench

HERE = __name__.rpartition(".")[0]


@dataclass(frozen=True)
class Tab:
    """Where a tab's class is; it is called with the workbench and the viewer."""

    title: str
    module: str
    name: str
    help: str


TABS = (
    Tab("Annotate", "annotate_tab", "AnnotateTab", "Draw and correct glands."),
    Tab("Segment", "segment_tab", "SegmentTab", "Let a model find the glands."),
    Tab("Suggest", "suggest_tab", "SuggestTab", "Which images to annotate next."),
    Tab("Train", "train_tab", "TrainTab", "Make a better model from your annotations."),
    Tab("Export", "export_tab", "ExportTab", "Write masks and tables."),
)


class Tabs(QTabWidget):
    """The tabs in the order of the work.

    Parameters
    ----------
    workbench, viewer
        Handed to each tab.
    """

    def __init__(self, workbench: "Workbench", viewer: Any) -> None:
        super().__init__()
        self._workbench, self._viewer = workbench, viewer
        self._waiting: dict[QWidget, Tab] = {}
        self.setDocumentMode(True)
        self.setUsesScrollButtons(True)
        self.tabBar().setDrawBase(False)
        for tab in TABS:
            area = _Area()
            self._waiting[area] = tab
            self.setTabToolTip(self.addTab(area, tab.title), tab.help)
        self.currentChanged.connect(self.make)

    def make(self, place: int) -> QWidget | None:
        """Make the tab at a place, unless it is there, and return it."""
        area = self.widget(place)
        if not isinstance(area, QScrollArea):
            return None
        tab = self._waiting.pop(area, None)
        if tab is not None:
            made = getattr(import_module(f"{HERE}.{tab.module}"), tab.name)
            area.setWidget(made(self._workbench, self._viewer))
        return area.widget()

    def go(self, title: str) -> QWidget | None:
        """Show the tab of a title and return it."""
        for place in range(self.count()):
            if self.tabText(place) == title:
                self.setCurrentIndex(place)
                return self.make(place)
        return None

    def minimumSizeHint(self) -> QSize:
        """Let the dock be as low as it likes: what does not fit scrolls."""
        return QSize(super().minimumSizeHint().width(), 120)


class _Area(QScrollArea):
    """Scrolls up and down only: what is in it is as wide as the dock, or the dock is wider."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Be as wide as the tab needs."""
        content, bar = self.widget(), self.verticalScrollBar()
        if content is None or bar is None:
            return QSize(0, 60)
        return QSize(content.minimumSizeHint().width() + bar.sizeHint().width(), 60)
