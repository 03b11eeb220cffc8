"""One whole round at a real window: suggest, paint, accept, train, adopt, predict, go back, export.

Run in a process of its own, so that it tells what the window's process alone has imported. Prints
what was seen as JSON.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import tifffile
from hands import Hands
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_qsa.project.facts import SLOTS
from napari_qsa.session.state import State
from napari_qsa.session.trainer import ProjectTrainingOptions

ITERATIONS, NETWORKS = 20, 2
SMALL = {"batch": 2, "crop": 96}
"""Crops, so that a test need not wait long; all else is as anybody trains."""


class Round:
    """What is done, in this order; `seen` is told to the test."""

    def __init__(self):
        self.hands = Hands()
        self.seen = {}
        self.truth = {}

    def begin(self):
        hands = self.hands
        hands.click(hands.dock.first.samples)
        hands.until_done(hands.workbench)
        hands.spin(lambda: hands.dock.pages.currentWidget() is hands.dock.tabs)
        self.seen["images"] = len(hands.pool.rows)
        hands.say("the sample project is there")

    def suggest(self):
        hands = self.hands
        tab = hands.tab("Suggest")
        tab.number.setValue(2)
        hands.click(tab.start)
        status = hands.until_done(hands.workbench.suggester)
        self.seen["suggested"] = [status.state.value, status.message]
        hands.say(status.message)
        hands.until_done(hands.workbench.segmenter)
        self.seen["cards"] = len(tab.batch.cards)
        self.seen["wanted"] = [row.asked_for for row in self.asked()]
        self.seen["roles"] = [row.role for row in self.asked()]
        hands.say("and its glands are proposed")
        self.first = self.asked()[0].id
        hands.click(tab.batch.cards[self.first])
        hands.until_open(self.first)

    def asked(self):
        """Rows that are asked for, those to annotate first."""
        rows = [row for row in self.hands.pool.rows if row.asked_for]
        return sorted(rows, key=lambda row: (row.asked_for, row.rank or 0))

    def paint(self):
        """Two strokes; the second is split in two by a line."""
        hands = self.hands
        tab = hands.tab("Annotate")
        hands.drag((60, 60), (60, 160), (100, 160))
        hands.drag((200, 200), (200, 320))
        self.seen["painted"] = sorted(hands.numbers())
        hands.key(Qt.Key.Key_J)
        hands.drag((160, 260), (240, 260))
        hands.settle()
        self.seen["split"] = sorted(hands.numbers())
        left, right = (int(hands.opened.glands[200, column]) for column in (220, 300))
        self.seen["sides"] = [left, right, int(hands.opened.glands[60, 100])]
        hands.spin(lambda: hands.workbench.annotator.saving.state == "saved")
        self.seen["saved"] = tab.saving.text()
        self.accept()

    def take_over(self):
        """The rest of what was asked for is taken over from the model."""
        hands = self.hands
        taken = []
        while (row := hands.pool.row(hands.opened.image_id)).annotation != "accepted":
            hands.spin(lambda: hands.pixels("proposal") is not None)
            hands.click(hands.annotate.take_all)
            hands.settle()
            taken.append([row.asked_for, len(hands.numbers())])
            self.accept()
            if len(taken) == 2:
                break
        self.seen["taken"] = taken

    def accept(self):
        """Accept, and go on to what is asked for next."""
        hands = self.hands
        before, glands = hands.opened.image_id, np.array(hands.opened.glands)
        hands.click(hands.annotate.accept_next)
        hands.spin(lambda: hands.opened is not None and hands.opened.image_id != before)
        hands.until_open(hands.pool.current)
        assert hands.pool.row(before).annotation == "accepted"
        self.truth[before] = glands
        hands.say(f"accepted {hands.pool.row(before).name}")

    def train(self):
        hands = self.hands
        tab = hands.tab("Train")
        hands.click(tab.form.advanced.title)
        tab.form.base = ProjectTrainingOptions(suggestive=SMALL, segmentation=SMALL)
        tab.form.iterations.setValue(ITERATIONS)
        tab.form.members.setValue(NETWORKS)
        hands.spin(lambda: tab.start.isEnabled())
        self.seen["plan"] = tab.plan.text()
        hands.click(tab.start)
        trainer = hands.workbench.trainer
        hands.spin(lambda: trainer.under_way)
        hands.say("the training has begun")
        hands.spin(lambda: bool(tab.curves.lines["loss"]))
        self.seen["while"] = [trainer.running, tab.curves.isVisible()]
        hands.spin(lambda: not trainer.running)
        hands.say(f"trained: {trainer.status.message}")
        self.seen["trained"] = trainer.status.state.value
        self.seen["points"] = {}
        for slot in SLOTS:
            tab.slot.setCurrentIndex(tab.slot.findData(slot))
            tab.slot.activated.emit(tab.slot.currentIndex())
            self.seen["points"][slot] = {
                kind: [tab.curves.points(kind, member).tolist() for member in sorted(lines)]
                for kind, lines in tab.curves.lines.items()
            }
        self.seen["comparison"] = tab.comparison.words.text()

    def adopt_and_go_back(self):
        hands = self.hands
        hands.pool.open(self.first)
        hands.until_open(self.first)
        hands.spin(lambda: hands.pixels("proposal") is not None)
        before = self.shown()
        train = hands.tab("Train")
        hands.click(train.comparison.use)
        self.until_model(lambda model: model != "glas-segmentation")
        hands.spin(lambda: hands.pixels("proposal") is None)
        self.seen["adopted"] = self.models()
        self.segment(again=False)
        new = self.shown()
        self.seen["differs"] = [not np.array_equal(a, b) for a, b in zip(before, new, strict=True)]
        hands.say("adopted, and predicted by the new model")
        hands.tab("Train")
        hands.click(train.comparison.back)
        self.until_model(lambda model: model == "glas-segmentation")
        hands.spin(lambda: np.array_equal(hands.pixels("proposal"), before[1]))
        self.seen["back"] = self.models()
        self.seen["kept"] = same(before, self.shown())
        self.segment(again=True)
        self.seen["repeated"] = same(before, self.shown())
        hands.say("gone back, and predicted again")

    def shown(self):
        return self.hands.pixels("uncertainty"), self.hands.pixels("proposal")

    def segment(self, again):
        hands = self.hands
        tab = hands.tab("Segment")
        tab.again.setChecked(again)
        former = hands.annotate.layers.proposal
        hands.click(tab.this)
        assert hands.until_done(hands.workbench.segmenter).state is State.DONE
        hands.spin(lambda: hands.annotate.layers.proposal not in (None, former))

    def until_model(self, condition):
        project = self.hands.workbench.desk.project
        self.hands.spin(lambda: condition(self.models()[0]) and project is not None)

    def models(self):
        segmenter, suggester = self.hands.workbench.segmenter, self.hands.workbench.suggester
        return [segmenter.model, suggester.model]

    def export(self):
        hands = self.hands
        tab = hands.tab("Export")
        tab.what.setCurrentIndex(tab.what.findData("accepted"))
        tab.uncertainty.setChecked(True)
        folder = Path(tab.folder.text())
        hands.click(tab.start)
        self.seen["exported"] = hands.until_done(hands.workbench.exporter).state.value
        names = {row.id: Path(row.name).stem for row in hands.pool.rows}
        self.seen["read back"] = {
            names[image_id]: bool(
                np.array_equal(tifffile.imread(folder / f"{names[image_id]}_labels.tif"), glands)
            )
            for image_id, glands in self.truth.items()
        }
        map_of_first = tifffile.imread(folder / f"{names[self.first]}_uncertainty.tif")
        self.seen["map read back"] = bool(np.array_equal(map_of_first, hands.pixels("uncertainty")))
        hands.say("exported")

    def leave(self):
        hands = self.hands
        self.seen["failures"] = hands.failures
        self.seen["modules"] = [m for m in ("torch", "openvino", "onnxruntime") if m in sys.modules]
        engine = hands.workbench.desk.engine.pid
        hands.viewer.close()
        QApplication.processEvents()
        hands.spin(lambda: engine is None or not is_alive(engine), 20)
        hands.say("left")


def same(former, now):
    """Tell whether arrays are equal in each bit."""
    return [
        a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(former, now, strict=True)
    ]


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main():
    work = Round()
    for step in (
        work.begin,
        work.suggest,
        work.paint,
        work.take_over,
        work.train,
        work.adopt_and_go_back,
        work.export,
        work.leave,
    ):
        step()
    print(json.dumps(work.seen))


if __name__ == "__main__":
    main()
