"""The window's buttons and the commands do the same: two projects of one seed end the same."""

import datetime
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from skimage.io import imread
from typer.testing import CliRunner

from napari_qsa.cli.app import app
from napari_qsa.project import Project
from napari_qsa.session.trainer import ProjectTrainingOptions
from napari_qsa.session.workbench import Workbench

PATIENCE = 300.0
SEED = 3
SLOTS = ("suggestive", "segmentation")
ITERATIONS = 12
MOMENTS = {"when", "created"}
COMMAND = "from napari_qsa.cli.app import main; main()"
OWN_PROCESS = ("suggest",)
"""Commands that are run as from a shell; a process for each of them would take most of the time."""


class Window:
    """An event loop as the window's, and the calls that its docks make."""

    def __init__(self) -> None:
        self._events: queue.Queue[Callable[[], object]] = queue.Queue()
        self.workbench = Workbench(self._events.put)
        self.failures: list[str] = []
        self.workbench.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        self.workbench.suggester.suggested.connect(self._suggested)
        self._thread = threading.get_ident()

    def click(self, action: Callable[..., object], *args: Any, **options: Any) -> None:
        """What a button does is an event among the others."""
        self._events.put(partial(action, *args, **options))

    def until(self, condition: Callable[[], bool]) -> None:
        assert threading.get_ident() == self._thread
        while not (condition() and self._events.empty()):
            self._events.get(timeout=PATIENCE)()
            assert self.failures == []

    @property
    def project(self) -> Project:
        assert self.workbench.desk.project is not None
        return self.workbench.desk.project

    def _suggested(self, batch: Any) -> None:
        """As the tab does: propose glands in what is asked for."""
        picks = [pick.image_id for pick in batch.picks]
        self.workbench.segmenter.segment([*picks, *batch.validate])

    def settle(self) -> None:
        """Until the desk's lane has nothing left to do."""
        heard: list[object] = []
        self.click(self.workbench.desk.do, "test", lambda: None, heard.append)
        self.until(lambda: bool(heard) and self.workbench.pool.complete)

    def done(self, part: Any) -> None:
        self.until(lambda: part.status.state.value == "done")


def in_window(folder: Path, images: Path, model: Path, out: Path) -> list[str]:
    """One round by the window's buttons; gives the images in the order they were annotated."""
    window = Window()
    workbench = window.workbench
    pool, annotator, trainer = workbench.pool, workbench.annotator, workbench.trainer
    window.click(workbench.new_project, folder, images, None, 0.62, SEED)
    window.until(lambda: workbench.desk.project is not None and not workbench.running)
    project = window.project
    for slot in SLOTS:
        use = partial(project.use_model, slot)
        window.click(workbench.desk.do, "test", lambda use=use: use(project.add_model(model)))
    window.settle()
    window.click(workbench.suggester.suggest, k=2, he_glands=False)
    window.until(lambda: workbench.suggester.batch is not None)
    window.done(workbench.segmenter)

    order: list[str] = []
    revisions: list[str] = []
    annotator.accepted.connect(revisions.append)
    window.click(pool.next)
    window.until(lambda: pool.current is not None)
    while len(order) < len(project.images):
        window.until(lambda: image_of(annotator) == pool.current and pool.current not in order)
        order.append(str(pool.current))
        paint(window, images, order[-1])
        window.click(annotator.accept, then_next=True)
        window.until(lambda: len(revisions) == len(order))
    # A second thought about the last one, and back to the first
    window.click(pool.open, order[-1])
    window.until(lambda: image_of(annotator) == order[-1])
    paint(window, images, order[0])
    window.click(annotator.accept)
    window.until(lambda: len(revisions) == len(order) + 1)
    window.click(annotator.restore, 1)
    window.until(lambda: revision_of(annotator) == 3)
    window.click(annotator.accept)
    window.until(lambda: len(revisions) == len(order) + 2)

    window.click(workbench.exporter.export, "accepted", out / "masks", "tiff16", True, True, True)
    window.done(workbench.exporter)
    options = ProjectTrainingOptions(iterations=ITERATIONS, members=2, workers=1)
    window.click(trainer.start, options)
    window.until(lambda: bool(trainer.runs()) and trainer.runs()[-1].status == "finished")
    window.click(trainer.adopt, trainer.runs()[-1].id)
    window.until(lambda: trainer.runs()[-1].status == "adopted")
    window.click(workbench.segmenter.segment, list(project.images))
    window.until(lambda: workbench.segmenter.running)
    window.done(workbench.segmenter)
    window.click(workbench.exporter.export, "segmented", out / "found", "bmp", table=False)
    window.until(lambda: workbench.exporter.running)
    window.done(workbench.exporter)
    window.click(pool.set_role, [order[1]], "excluded")
    window.settle()
    window.click(trainer.back, "segmentation")
    window.until(lambda: trainer.flush(PATIENCE))
    window.settle()
    workbench.close()
    assert window.failures == []
    return order


def image_of(annotator: Any) -> str | None:
    return None if annotator.current is None else annotator.current.image_id


def revision_of(annotator: Any) -> int | None:
    """The number of what was opened; None where it was begun anew."""
    found = None if annotator.current is None else annotator.current.revision
    return None if found is None else found.revision


def paint(window: Window, images: Path, image_id: str) -> None:
    """Put into the open image the glands that are known of one."""
    opened = window.workbench.annotator.current
    assert opened is not None
    opened.glands[...] = imread(label_of(window.project, images, image_id))
    window.click(window.workbench.annotator.edited)


def label_of(project: Project, images: Path, image_id: str) -> Path:
    return images / f"{project.image(image_id).name}_anno.bmp"


def by_commands(folder: Path, images: Path, model: Path, out: Path, order: list[str]) -> None:
    """The same round, each step a command; one of them in a process of its own.

    What trains and what segments are other processes than this one here, too.
    """

    def run(*arguments: object) -> Any:
        words = [*map(str, arguments), "--json"]
        if words[0] in OWN_PROCESS:
            command = [sys.executable, "-c", COMMAND, *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    made = run("project", "new", folder, images, "--pixel-size", 0.62, "--seed", SEED)
    labels = {row["id"]: images / f"{row['name']}_anno.bmp" for row in made["images"]}
    for slot in SLOTS:
        run("model", "use", folder, model, "--for", slot)
    batch = run("suggest", folder, "-k", 2)
    asked = [*batch["picks"], *batch["validate"]]
    run("segment", folder, *(part for image_id in asked for part in ("--image", image_id)))
    for image_id in order:
        assert run("project", "next", folder)["next"]["id"] == image_id
        run("annotation", "accept", folder, image_id, labels[image_id])
    run("annotation", "accept", folder, order[-1], labels[order[0]])
    run("annotation", "restore", folder, order[-1], 1)
    run("annotation", "accept", folder, order[-1])
    run("export", folder, "--out", out / "masks", "--uncertainty", "--region")
    training = ("--iterations", ITERATIONS, "--members", 2, "--workers", 1)
    assert run("train", folder, *training, "--adopt")["status"] == "adopted"
    run("segment", folder)
    found = ("--what", "segmented", "--format", "bmp", "--no-table")
    run("export", folder, "--out", out / "found", *found)
    run("images", "set", folder, order[1], "--role", "excluded")
    run("model", "use", folder, "--back", "--for", "segmentation")


def content(folder: Path) -> dict[str, Any]:
    """All that is kept below a folder, by path; documents without ids of chance and moments."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or path.name == "lock":
            continue
        if parts[0] == "runs":  # of a run what it found, and on what it was trained
            if len(parts) > 3 or (path.suffix != ".safetensors" and path.name not in LISTS):
                continue
            parts = ("runs", "RUN", *parts[2:])
        name = "/".join(parts)
        found[name] = path.read_bytes() if path.suffix != ".json" else document(path)
    return found


LISTS = ("train.json", "validation.json")


def document(path: Path) -> Any:
    values = json.loads(path.read_text(encoding="utf-8"))
    if path.name == "project.json":
        values.pop("id")
    if path.name == "images.json":  # hashed whole in the background, sooner or later
        for image in values["images"]:
            image.pop("sha256")
    return without_moments(values)


def without_moments(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: without_moments(each) for key, each in value.items() if key not in MOMENTS}
            return kept | ({"run": "RUN"} if kept.get("run") else {})
        case list():
            return [without_moments(each) for each in value]
    return value


@pytest.mark.slow
@pytest.mark.usefixtures("small_crops")
def test_the_window_and_the_commands_do_the_same(
    glas: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    day = datetime.datetime.now(datetime.UTC).date()
    places = {}
    for name in ("window", "commands"):
        places[name] = tmp_path / name
        places[name].mkdir()
    window, commands = (places[name] / "glands.qsa" for name in ("window", "commands"))
    order = in_window(window, glas, tiny_ensemble, places["window"])
    by_commands(commands, glas, tiny_ensemble, places["commands"], order)
    if datetime.datetime.now(datetime.UTC).date() != day:
        pytest.skip("the day changed, and models are dated")
    for part in ("glands.qsa", "masks", "found"):
        one, two = (content(places[name] / part) for name in ("window", "commands"))
        assert one.keys() == two.keys()
        assert [key for key in one if one[key] != two[key]] == []
    kept = content(window)
    assert len(order) == 4
    assert len([key for key in kept if key.startswith("scores/")]) == 1 + 4, "maps, too"
    assert len([key for key in kept if key.startswith("predictions/")]) == 3 + 4
    assert len([key for key in kept if key.startswith("models/")]) == 3
    assert len([key for key in kept if key.startswith("runs/") and key.endswith("tensors")]) == 2
    assert len([key for key in kept if key.endswith(".tif") and "annotations" in key]) == 4 + 3
    masks = os.listdir(places["window"] / "masks")
    assert len(masks) == 4 * 4 + 1 - (4 - len([m for m in masks if "uncertainty" in m]))
