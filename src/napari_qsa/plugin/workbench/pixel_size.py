"""Ask for the pixel size of images that do not say it: once, beside a picture at scale."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QObject, QPointF, QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from napari_qsa.images import read_image, to_unit
from napari_qsa.images.pixel_size import LARGEST, SMALLEST
from napari_qsa.plugin.workbench.tab_parts import count, follow_object, text

if TYPE_CHECKING:
    from napari_qsa.project import Project
    from napari_qsa.session.workbench import Workbench

ASKED = "pixel_size_asked"
"""The project's setting that notes that the user was asked."""
CROP = (480, 720)
SHOWN = QSize(360, 240)
LENGTHS = (2000, 1000, 500, 200, 100, 50, 20, 10, 5)
NUCLEUS = 8.0
"""Diameter in µm of the circle that is drawn beside the bar."""
GUESS = 0.5
OBJECTIVES = (("20×, about 0.5 µm", 0.5), ("40×, about 0.25 µm", 0.25), ("10×, about 1 µm", 1.0))
WORDS = (
    "The files do not say how large a pixel is on the glass. The models need it to look at the "
    "tissue at the right scale."
)
COMPARE = (
    "The bar and the circle are drawn at the size you set. The circle is 8 µm wide: about a "
    "nucleus of the colon's lining. A normal gland is 50 to 100 µm across."
)


def crop(pixels: ArrayLike) -> NDArray[np.uint8]:
    """Cut the middle out of an image, as ``(h, w, 3)`` of 8 bits; for a thread of its own."""
    whole: NDArray[Any] = np.asarray(pixels)
    if whole.ndim == 2:
        whole = whole[..., None]
    if whole.shape[-1] not in (1, 3):
        whole = whole[..., :3] if whole.shape[-1] > 3 else whole[..., :1]
    top, left = (
        (side - min(side, most)) // 2 for side, most in zip(whole.shape, CROP, strict=False)
    )
    part = whole[top : top + CROP[0], left : left + CROP[1]]
    if part.dtype != np.uint8:
        if part.dtype.kind == "f":
            highest = float(part.max(initial=0.0))
            part = np.clip(part / (highest or 1.0), 0, 1)
        else:
            part = to_unit(part.astype(np.uint16))
        part = np.round(part * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)))


class Picture(QWidget):
    """A part of an image with a bar and a circle of known size on it."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        super().__init__()
        height, width = pixels.shape[:2]
        self._image = QImage(
            pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888
        ).copy()
        self.pixel_size = GUESS
        self.setFixedSize(SHOWN)

    @property
    def zoom(self) -> float:
        """Pixels of the screen for one of the image."""
        fit = max(SHOWN.width() / self._image.width(), SHOWN.height() / self._image.height())
        return float(np.clip(fit, 0.5, 4.0))

    def bar(self) -> tuple[int, float]:
        """Return the bar's length in µm and in pixels of the screen."""
        for length in LENGTHS:
            shown = length / self.pixel_size * self.zoom
            if shown <= 0.6 * SHOWN.width():
                return length, shown
        return LENGTHS[-1], LENGTHS[-1] / self.pixel_size * self.zoom

    def put(self, pixel_size: float) -> None:
        """Draw the scale for another pixel size."""
        self.pixel_size = pixel_size
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Draw the picture and what is compared with it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        wide, high = (round(side / self.zoom) for side in (SHOWN.width(), SHOWN.height()))
        middle = self._image.rect().center()
        part = QRect(middle.x() - wide // 2, middle.y() - high // 2, wide, high)
        painter.drawImage(self.rect(), self._image, part)
        length, shown = self.bar()
        left, bottom = 14.0, SHOWN.height() - 16.0
        radius = NUCLEUS / self.pixel_size * self.zoom / 2
        centre = QPointF(SHOWN.width() - 14 - min(radius, 60), bottom - min(radius, 60))
        for color, width in ((QColor("black"), 5), (QColor("white"), 2)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(left, bottom), QPointF(left + shown, bottom))
            painter.drawEllipse(centre, radius, radius)
        label = QRect(round(left), round(bottom) - 24, 100, 18)
        painter.fillRect(label.adjusted(-2, 0, -30, 0), QColor(0, 0, 0, 170))
        painter.setPen(QColor("white"))
        painter.drawText(label, Qt.AlignmentFlag.AlignVCenter, f"{length} µm")


class PixelSize(QDialog):
    """A number to set beside the picture it is about; or the answer that it is not known."""

    def __init__(self, parent: QWidget, pixels: NDArray[np.uint8] | None, about: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("How large is a pixel?")
        self.answer: float | None = None
        self.objective = QComboBox()
        self.objective.addItem("Choose…", None)
        for name, size in OBJECTIVES:
            self.objective.addItem(name, size)
        self.number = QDoubleSpinBox()
        self.number.setDecimals(4)
        self.number.setRange(SMALLEST, LARGEST)
        self.number.setSingleStep(0.01)
        self.number.setSuffix(" µm")
        self.number.setValue(GUESS)
        self.picture = None if pixels is None else Picture(pixels)
        self.buttons = QDialogButtonBox()
        roles = QDialogButtonBox.ButtonRole
        self.use = self.buttons.addButton("Use this size", roles.AcceptRole)
        self.unknown = self.buttons.addButton("I do not know", roles.RejectRole)
        self.unknown.setToolTip("The scale of the model's training images is assumed.")
        form = QFormLayout()
        form.addRow("Objective", self.objective)
        form.addRow("Pixel size", self.number)
        layout = QVBoxLayout(self)
        layout.addWidget(text(f"{about}: {WORDS[0].lower()}{WORDS[1:]}"))
        layout.addLayout(form)
        if self.picture is not None:
            layout.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(text(COMPARE, hint=True))
            self.number.valueChanged.connect(self.picture.put)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(SHOWN.width() + 40)
        self.objective.activated.connect(self._choose)
        self.buttons.accepted.connect(self._use)
        self.buttons.rejected.connect(self.reject)

    def _choose(self, _: int) -> None:
        if (size := self.objective.currentData()) is not None:
            self.number.setValue(size)

    def _use(self) -> None:
        self.answer = self.number.value()
        self.accept()


def ask(
    parent: QWidget,
    pixels: NDArray[np.uint8] | None,
    about: str,
    then: Callable[[float | None], object],
) -> PixelSize:
    """Ask, and call `then` with the size in µm, or with None if it is not known."""
    dialog = PixelSize(parent, pixels, about)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.finished.connect(lambda _: then(dialog.answer))
    dialog.open()
    return dialog


class ProjectAsker(QObject):
    """Asks once in a project's life, when it holds images that do not say their pixel size.

    Parameters
    ----------
    parent
        Of the dialog.
    workbench
        Its project is asked about.
    """

    def __init__(self, parent: QWidget, workbench: "Workbench") -> None:
        super().__init__(parent)
        self._parent, self._workbench = parent, workbench
        self._asking: Path | None = None
        self.dialog: PixelSize | None = None
        desk, pool = workbench.desk, workbench.pool
        follow_object(self, [(desk.project_changed, self.look), (pool.rows_changed, self.look)])
        self.look()

    def look(self) -> None:
        """Ask if there is reason to."""
        project = self._workbench.desk.project
        if project is None or project.read_only or project.folder == self._asking:
            return
        facts = project.facts
        if facts.pixel_size is not None or facts.settings.get(ASKED):
            return
        unknown = [image for image in project.images.values() if image.pixel_size is None]
        if not unknown:
            return
        self._asking = project.folder
        number = count(len(unknown), "image")
        self._workbench.desk.do(
            "project",
            partial(_picture, project, unknown[0].id),
            partial(self._ask, project, number),
        )

    def _ask(self, project: "Project", number: str, pixels: NDArray[np.uint8] | None) -> None:
        if project is self._workbench.desk.project:
            self.dialog = ask(self._parent, pixels, number, partial(self._answered, project))

    def _answered(self, project: "Project", size: float | None) -> None:
        self.dialog = None

        def write() -> None:
            if size is not None:
                project.set_pixel_size(size)
            project.set_settings({ASKED: True})

        if project is self._workbench.desk.project:
            self._workbench.desk.do("project", write, self._written)

    def _written(self, _: None) -> None:
        """Lay the open image out at the new scale."""
        annotator = self._workbench.annotator
        if (opened := annotator.current) is not None:
            annotator.close()
            annotator.open(opened.image_id)


def _picture(project: "Project", image_id: str) -> NDArray[np.uint8] | None:
    """Read the middle of an image; None if it cannot be read, which is told elsewhere."""
    from napari_qsa.errors import QsaError

    try:
        return crop(read_image(project.path_of(image_id), project.image(image_id).page).pixels)
    except (QsaError, OSError):
        return None
