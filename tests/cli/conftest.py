"""Commands run in this process, as a user would type them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imsave
from typer.testing import CliRunner

from napari_qsa.cli.app import app
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.jobs import Job
from napari_qsa.jobs.project_training import ProjectJob
from napari_qsa.session import desk, trainer


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of each test is its own."""
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(tmp_path_factory.mktemp("cache")))


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@pytest.fixture
def run() -> Callable[..., Ran]:
    """Run a command; whatever it raises beyond an exit is raised here."""

    def call(*arguments: object) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return Ran(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture(scope="session")
def glas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small synthetic images in GlaS layout, one of them of test part A."""
    folder = tmp_path_factory.mktemp("glas")
    grades = ["name, patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"]
    for number, (pixels, labels, grade) in enumerate(synthetic_glas(4, seed=1, shape=(80, 96))):
        name = f"train_{number + 1}" if number < 3 else "testA_1"
        imsave(folder / f"{name}.bmp", pixels, check_contrast=False)
        imsave(folder / f"{name}_anno.bmp", labels.astype(np.uint8), check_contrast=False)
        grades.append(f"{name}, {number}, {grade}, healthy")
    (folder / "Grade.csv").write_text("\r\n".join(grades) + "\r\n")
    return folder


@pytest.fixture
def plain_images(tmp_path: Path) -> Path:
    """Three images without labels and of unknown pixel size, and a broken one."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, (pixels, _, _) in enumerate(synthetic_glas(3, seed=2, shape=(64, 72))):
        imsave(folder / f"im{number}.png", pixels, check_contrast=False)
    (folder / "im9.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


@pytest.fixture
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings of projects learn from less in a step: what they learn is not asked."""
    make = trainer.make_job

    def make_small(*arguments: Any) -> ProjectJob:
        job = make(*arguments)
        small = [replace(s, options=replace(s.options, batch=2, crop=32)) for s in job.stages]
        return replace(job, stages=tuple(small))

    monkeypatch.setattr(trainer, "make_job", make_small)


class EngineHere:
    """An engine that does its calls at once, in this process: for tests of what is around it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Job[Any]:
        job: Job[Any] = Job()
        try:
            answer: tuple[Any, Any] = ("result", fn(*args, **kwargs))
        except Exception as error:
            answer = ("error", error)
        job._finish(*answer)
        return job

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None: ...


@pytest.fixture
def engine_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process: most of what a short command takes is spent on loading torch in one."""
    monkeypatch.setattr(desk, "Engine", EngineHere)
