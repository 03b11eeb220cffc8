"""Works at a bench until it is killed, while a training runs; says each thing it was told is done.

``python work_until_killed.py PROJECT PHASE OUT [--ends-with-window]``: the first run in the
project is finished and not chosen yet; OUT is a folder for exports.
"""

import json
import os
import sys
from pathlib import Path

from bench import Bench
from training_room import PATIENCE, options

from napari_qsa.jobs import Engine
from napari_qsa.session import trainer

FORMATS = ("tiff16", "png", "bmp", "tiff32")
ITERATIONS = 20_000
"""More than are done before it is killed."""
trainer.POLL_SECONDS = 0.2  # what is awaited here is the training, not the next look at it


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Work:
    """Does one thing again and again; a training that ends is resumed."""

    def __init__(self, folder: Path, out: Path, keep_running: bool) -> None:
        self.bench = Bench(Engine())
        self.trainer, self.inbox = self.bench.workbench.trainer, self.bench.inbox
        self.out, self.number = out, 0
        self.bench.open(folder)
        self.project = self.bench.desk.project
        self.image = self.bench.pool.rows[0].id
        self.bench.annotator.saved.connect(
            lambda facts: say("saved", facts.revision, facts.state, facts.glands)
        )
        self.bench.workbench.exporter.exported.connect(
            lambda found: say("exported", found.folder.name, len(found.rows))
        )
        self.inbox.run_until(lambda: self.trainer.looked, PATIENCE)
        self.first = self.trainer.runs()[0].id
        self.trainer.start(options(iterations=ITERATIONS, members=1, keep_running=keep_running))
        self.under_way("training")
        self.bench.show(self.image)
        self.bench.now.glands[:] = 0

    def under_way(self, word: str) -> None:
        """Wait until the training's process works and has begun to learn; name both."""
        self.inbox.run_until(lambda: self.trainer.under_way and self.points() > 0, PATIENCE)
        self.run = self.trainer.shown
        process = json.loads((self.project.run(self.run).folder / "process.json").read_text())
        say(word, self.run, process["pid"])

    def go(self, phase: str) -> None:
        """Do it until somebody kills this process."""
        while True:
            self.number += 1
            getattr(self, phase)()
            self.bench.settle()
            if not self.trainer.running:
                run = next(run for run in self.trainer.runs() if run.id == self.run)
                say("ended", run.id, run.status, self.trainer.status.state.value)
                getattr(self, phase)()  # all else goes on
                self.bench.settle()
                say("continued")
                self.trainer.resume(self.run)
                self.under_way("resumed")

    # The phases

    def paint(self) -> None:
        """Two strokes a second, so that it is saved each ten seconds."""
        self.stroke(0.5)

    def autosave(self) -> None:
        """A stroke and two seconds of rest."""
        self.stroke(2.0)

    def stroke(self, seconds: float) -> None:
        self.bench.now.glands.flat[self.number] = self.number
        self.bench.annotator.edited()
        say("phase", self.number)
        self.bench.clock.time += seconds
        self.bench.clock.ring()

    def train(self) -> None:
        """Watch the training until it has learned some more."""
        before = self.points()
        self.inbox.run_until(lambda: self.points() > before or not self.trainer.running, PATIENCE)
        say("phase", self.points())

    def points(self) -> int:
        return sum(len(curve.iterations) for curve in self.trainer.curves.values())

    def adopt(self) -> None:
        """Take the first run's models over; then change between them and the former ones."""
        if self.number == 1:
            self.keys = {slot: [self.project.model_in(slot)] for slot in self.project.facts.slots}
            say("phase", "adopt")
            self.trainer.adopt(self.first)
            self.trainer.flush(PATIENCE)
            for slot, keys in self.keys.items():
                keys.append(self.project.model_in(slot))
            say("adopted", *(keys[1] for keys in self.keys.values()))
        else:
            for slot, keys in self.keys.items():
                key = keys[self.number % 2]
                say("phase", slot, key)
                self.project.use_model(slot, key)
                say("using", slot, key)

    def export(self) -> None:
        """Export all that is accepted, each time into another folder."""
        exporter = self.bench.workbench.exporter
        say("phase", self.number)
        form = FORMATS[self.number % len(FORMATS)]
        exporter.export("accepted", self.out / f"{self.number:04d}", form, region=True)
        self.inbox.run_until(lambda: not exporter.running, PATIENCE)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    project, phase, out, *rest = sys.argv[1:]
    Work(Path(project), Path(out), not rest).go(phase)
