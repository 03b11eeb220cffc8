"""In the owner's thread, which is the window's, no file is touched and no image is copied."""

import os
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from napari_qsa.project import Project

TOUCHES = {
    "open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.chmod", "os.truncate", "os.utime", "shutil.copyfile", "sqlite3.connect", "glob.glob",
    "tempfile.mkstemp", "fcntl.flock",
}  # fmt: skip


class Watch:
    """Notes which files one thread touches while it is on."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.touched: list[str] = []
        sys.addaudithook(self._hook)  # for good: it is silent while it is off

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        if threading.get_ident() == self.thread and event in TOUCHES:
            name = str(args[0]) if args else ""
            if not name.endswith((".py", ".pyc", ".so")) and "site-packages" not in name:
                self.touched.append(f"{event} {name}")

    @contextmanager
    def on(self) -> Iterator[None]:
        self.thread, self.touched = threading.get_ident(), []
        try:
            yield
        finally:
            self.thread = None


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What of a project is called, and os.stat, in this thread."""
    owner = threading.get_ident()
    found: list[str] = []

    def watched(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == owner:
                found.append(name)
            return function(*args, **kwargs)

        return call

    slow = ("save", "read", "accept", "add", "check", "find", "hash", "summar", "hist", "restore")
    slow += ("set_", "confirm", "reloc", "next", "thin", "assign", "predictions", "models", "adopt")
    for name in dir(Project):
        if name.startswith(slow) and name != "read_only":
            monkeypatch.setattr(Project, name, watched(name, getattr(Project, name)))
    monkeypatch.setattr(os, "stat", watched("os.stat", os.stat))
    return found


def test_the_watch_sees_what_it_is_to_see(watch: Watch, tmp_path: Path, project: Project) -> None:
    """Without this the tests below would pass with a watch that sees nothing."""
    with watch.on():
        (tmp_path / "new").write_text("x")
        os.listdir(tmp_path)
        project.save_draft(next(iter(project.images)), *[np.zeros((48, 64), np.uint8)] * 2)
        seen = list(watch.touched)
        thread = threading.Thread(target=lambda: (tmp_path / "other").write_text("x"))
        thread.start()
        thread.join()
        assert watch.touched == seen, "other threads may"
    assert any(text.startswith("open ") and text.endswith("/new") for text in seen)
    assert any(text.startswith("os.listdir") for text in seen)
    assert any("annotations" in text for text in seen)


def test_a_whole_session_touches_no_file_in_the_owners_thread(
    make_bench: Any, watch: Watch, calls: list[str], tmp_path: Path, pictures: Path
) -> None:
    PIL.Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "late.png")
    warm(make_bench, tmp_path, pictures)
    bench = make_bench(engine())
    calls.clear()
    with watch.on():
        session(bench, tmp_path / "p.qsa", pictures, tmp_path / "late.png")
    assert bench.failures == []
    assert (watch.touched, calls) == ([], [])


def engine() -> Any:
    """The real one reads files in its own process; this one in a thread of its own."""
    from fake_engine import FakeEngine

    class Aside(FakeEngine):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            jobs: list[Any] = []
            submit = super().submit
            thread = threading.Thread(target=lambda: jobs.append(submit(*args, **kwargs)))
            thread.start()
            thread.join()
            return jobs[0]

    return Aside()


def warm(make_bench: Any, tmp_path: Path, pictures: Path) -> None:
    """Have what is imported at first use imported."""
    bench = make_bench(engine())
    session(bench, tmp_path / "warm.qsa", pictures, tmp_path / "late.png")


def session(bench: Any, folder: Path, pictures: Path, late: Path) -> None:
    workbench, pool, annotator = bench.workbench, bench.pool, bench.annotator
    workbench.new_project(folder, pictures, pixel_size=0.5)
    bench.until(lambda: bench.desk.project and pool.complete)
    bench.settle()
    pool.next()
    bench.until(lambda: annotator.current)
    workbench.thumbnails.want([row.id for row in pool.rows])
    first = pool.rows[0].id
    bench.until(lambda: workbench.thumbnails.get(first) is not None)
    bench.paint()
    bench.turn(2)
    bench.paint(2, 25, 25)
    annotator.check()
    annotator.accept(then_next=True)
    bench.until(lambda: annotator.current and bench.now.image_id != first)
    annotator.history(first, lambda found: None)
    pool.set_role([first], "train")
    pool.add_images([late])
    bench.until(lambda: not workbench.running)
    bench.settle()
    pool.back()
    bench.until(lambda: bench.now.image_id == first)
    annotator.restore(1)
    bench.until(lambda: bench.now.revision and bench.now.revision.parent == 1)
    batches: list[Any] = []
    workbench.suggester.suggested.connect(batches.append)
    workbench.suggester.suggest(k=2)
    bench.until(lambda: batches)
    bench.paint(3)
    annotator.save_now()
    workbench.segmenter.segment([first])
    bench.until(lambda: not workbench.segmenter.running)
    bench.settle()
    assert workbench.close_project()


def test_saving_copies_no_whole_image_in_the_owners_thread(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save of a large image takes memory; none of it is asked for by the owner."""
    pixels = np.zeros((1500, 2000, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "large.png")
    bench = make_bench()
    bench.workbench.new_project(tmp_path / "p.qsa", tmp_path / "large.png")
    bench.until(lambda: bench.desk.project and bench.pool.complete)
    bench.show(bench.pool.rows[0].id)
    go_on = threading.Event()
    bench.desk.disk.do(lambda: go_on.wait(60))  # so that the lane does nothing meanwhile
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        bench.paint()
        bench.annotator.save_now()
        bench.paint(2)
        bench.annotator.accept()
        bench.annotator.check()
        bench.pool.next()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        go_on.set()
    assert peak < 1500 * 2000 / 10, "less than a tenth of the smallest array"
    bench.settle()
    assert bench.accepted
