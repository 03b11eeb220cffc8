"""A process that works until it is killed, and what must be in its project after that."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from bench import Bench
from numpy.typing import NDArray
from PIL import Image
from training_room import PATIENCE
from work_until_killed import FORMATS

from napari_qsa.project import Project
from napari_qsa.project.facts import SLOTS

HERE = Path(__file__).parent
Lines = list[list[str]]


class Worker:
    """The process that works, and what it said."""

    def __init__(self, folder: Path, phase: str, *options: str) -> None:
        self.phase, self.out = phase, folder.parent.parent / "out"
        self.lines: Lines = []
        self.process = subprocess.Popen(
            [sys.executable, HERE / "work_until_killed.py", folder, phase, self.out, *options],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def until(self, word: str, times: int = 1) -> list[str]:
        """Listen until it has said something so many times more; give what followed it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.decode().split())
            times -= self.lines[-1][0] == word
            if not times:
                return self.lines[-1][1:]
        raise AssertionError(f"it ended by itself after {self.lines[-1:]}")

    def kill(self) -> None:
        """Kill it, and hear what it said last."""
        assert self.process.stdout is not None
        self.process.kill()
        self.lines += [line.decode().split() for line in self.process.stdout]
        self.process.wait()
        self.process.stdout.close()

    def said(self, word: str) -> Lines:
        """What followed a word, each time it was said."""
        return [words[1:] for words in self.lines if words[0] == word]


class Again:
    """The project opened again by a workbench of this process."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench()
        self.bench.open(folder)
        assert self.bench.failures == []
        self.project: Project = self.bench.desk.project  # type: ignore[assignment]
        self.trainer = self.bench.workbench.trainer
        self.until(lambda: self.trainer.looked)

    def until(self, condition: Callable[[], bool]) -> None:
        self.bench.inbox.run_until(condition, PATIENCE)

    def status(self, run_id: str) -> str:
        return next(run.status for run in self.trainer.runs() if run.id == run_id)

    def pid(self, run_id: str) -> int:
        """The process that trains a run, as its folder names it."""
        text = (self.project.run(run_id).folder / "process.json").read_text()
        process = json.loads(text)
        assert process["run"] == run_id
        return int(process["pid"])

    def stop(self, run_id: str) -> None:
        """Stop a training; what it has done is kept."""
        self.trainer.cancel()
        self.until(lambda: not self.trainer.running)
        assert self.status(run_id) == "interrupted"

    def close(self) -> None:
        self.trainer.cancel()
        self.until(lambda: not self.trainer.running)
        closed = self.bench.workbench.close_project()
        self.bench.close()
        assert closed


def check(again: Again, worker: Worker) -> None:
    """See that all that was acknowledged is there, and that nothing is there by halves."""
    assert again.project.problems() == []
    check_annotation(again.project, worker)
    check_models(again, worker)
    check_exports(again, worker)
    first = again.trainer.runs()[0]
    assert first.status == ("adopted" if adopted(again) else "finished")
    assert again.trainer.comparison(first.id) is not None


def check_annotation(project: Project, worker: Worker) -> None:
    image = next(iter(project.images))
    first, *found = [(r.revision, r.state, r.glands) for r in project.history(image)]
    assert first[:2] == (1, "accepted")
    saved = [(int(number), state, int(glands)) for number, state, glands in worker.said("saved")]
    assert found[: len(saved)] == saved
    assert len(found) <= len(saved) + 1, "at most the one it was about to acknowledge"
    if found:
        count, glands = found[-1][2], project.read(image).glands
        assert (glands.flat[1 : count + 1] == np.arange(1, count + 1)).all()
        assert np.count_nonzero(glands) == count


def check_models(again: Again, worker: Worker) -> None:
    now = {slot: again.project.model_in(slot) for slot in SLOTS}
    for key in now.values():
        assert key is not None
        assert again.project.model_path(key).is_file()
    done = worker.said("adopted")
    if not done:  # both or none
        assert set(now.values()) == adopted(again) or not adopted(again) & set(now.values())
        return
    expected = dict(zip(SLOTS, done[0], strict=True))
    expected |= dict(worker.said("using"))
    last = worker.said("phase")[-1]
    begun = {last[0]: last[1]} if last[0] in SLOTS else {}
    for slot in SLOTS:
        assert now[slot] in {expected[slot], begun.get(slot, expected[slot])}


def adopted(again: Again) -> set[str]:
    """Keys of the models that were taken over from the first run."""
    run = again.trainer.runs()[0].id
    uses = [use for slot in SLOTS for use in again.project.facts.slots[slot]]
    return {use.key for use in uses if use.run == run}


def check_exports(again: Again, worker: Worker) -> None:
    done = {name: int(rows) for name, rows in worker.said("exported")}
    names = {record.name: image_id for image_id, record in again.project.images.items()}
    places = sorted(worker.out.iterdir())
    assert set(done) <= {place.name for place in places}
    assert len(places) <= len(done) + 1
    for place in places:
        if place.name in done:
            assert done[place.name] == len(names)
        else:  # what was begun can be done again, over what is there
            exporter = again.bench.workbench.exporter
            check_labels(again.project, place, names)
            form = FORMATS[int(place.name) % len(FORMATS)]
            exporter.export("accepted", place, form, region=True)
            again.until(lambda: not exporter.running)  # noqa: B023
            assert again.bench.failures == []
        assert check_labels(again.project, place, names) == len(names)
        assert (place / "export.csv").is_file()


def check_labels(project: Project, place: Path, names: dict[str, str]) -> int:
    """Read back each file of labels in a folder; tell how many there are.

    What was being written when the process was killed has a hidden name, and is no file of labels.
    """
    files = [file for mask in ("[!.]*_labels.*", "[!.]*_anno.*") for file in place.glob(mask)]
    for file in files:
        image_id = names[file.stem.rpartition("_")[0]]
        accepted = [r.revision for r in project.history(image_id) if r.state == "accepted"]
        assert (pixels(file) == project.read(image_id, accepted[-1]).glands).all(), file
    return len(files)


def pixels(file: Path) -> NDArray[Any]:
    if file.suffix == ".tif":
        return np.asarray(tifffile.imread(file))
    with Image.open(file) as picture:
        return np.asarray(picture)
