"""Small projects, and an engine that answers in this process."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from napari_qsa.images import open_dataset
from napari_qsa.project import Project
from napari_qsa.session.desk import Desk
from napari_qsa.session.dispatch import Inbox


@pytest.fixture(scope="session", autouse=True)
def helpers() -> Iterator[None]:
    """Let tests import what lies beside them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
        yield


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index of each test is its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(folder))
    return folder


def write_pictures(folder: Path, count: int, shape: tuple[int, int] = (48, 64)) -> Path:
    """Images, each with a large bright square and a small one, no two alike."""
    folder.mkdir(parents=True)
    for number in range(count):
        random = np.random.default_rng(number)
        pixels = random.integers(0, 100, (*shape, 3), dtype=np.uint8)
        pixels[4 : 34 + number % 8, 4 : 36 + number % 5] = 200 + random.integers(0, 55, 3)
        pixels[40:46, 50:58] = 220
        PIL.Image.fromarray(pixels).save(folder / f"slide_{number:02d}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of twelve images."""
    return write_pictures(tmp_path / "pictures", 12)


@pytest.fixture
def project(tmp_path: Path, pictures: Path) -> Iterator[Project]:
    """A project of them, all to train on."""
    with Project.create(tmp_path / "glands.qsa", "Glands", pixel_size=0.5, seed=7) as project:
        project.add_images(open_dataset(pictures))
        project.set_role(project.images, "train")
        yield project


class Room:
    """A desk with a project on it, its post, and all failures that were told."""

    def __init__(self, project: Project | None) -> None:
        from fake_engine import FakeEngine

        self.inbox = Inbox()
        self.engine = FakeEngine()
        self.desk = Desk(self.inbox.post, self.engine)
        self.failures: list[str] = []
        self.desk.failed.connect(lambda failure: self.failures.append(failure.message))
        if project is not None:
            self.desk.put_project(project)

    def wait(self, part) -> None:
        """Until a part has ended its work."""
        self.inbox.run_until(lambda: not part.running, 20)

    def settle(self, part) -> None:
        """Until a part's lane has nothing left to do, and its answers were heard."""
        heard: list[bool] = []
        part._lane.do(lambda: None, lambda _: heard.append(True))
        self.inbox.run_until(lambda: bool(heard), 20)


@pytest.fixture
def room(project: Project) -> Iterator[Room]:
    room = Room(project)
    yield room
    room.desk.close()


@pytest.fixture
def make_room() -> Iterator:
    rooms: list[Room] = []

    def make(project: Project | None = None) -> Room:
        rooms.append(Room(project))
        return rooms[-1]

    yield make
    for room in rooms:
        room.desk.close()


@pytest.fixture
def make_bench() -> Iterator:
    """Make workbenches whose owner is the test."""
    from bench import Bench

    benches: list[Bench] = []

    def make(engine=None) -> Bench:
        benches.append(Bench(engine))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench, project: Project):
    """A workbench with the project of twelve images."""
    project.close()
    bench = make_bench()
    bench.open(project.folder)
    return bench
