"""A release that brings another ensemble of the same name: what the former gave is not its own."""

from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble import shipped
from napari_qsa.project import Project, Score
from napari_qsa.project.predictions import Stored

NAME = "toy"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ensemble_writer) -> Path:
    """A shipped ensemble; returns its file."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(shipped, "FOLDER", folder)
    return ensemble_writer(folder / f"{NAME}.safetensors")


def keep(project: Project, image: str) -> None:
    record = project.image(image)
    page = np.full(record.shape, 0.25, np.float32)
    labels = np.ones(record.shape, np.uint16)
    project.save_prediction(NAME, image, Stored(page, page, page, labels, 0.5))
    descriptor = np.ones(4, np.float32)
    project.save_scores(NAME, {image: Score(0.25, 1, descriptor, record.sampled_hash, 0.5)})


def known(project: Project) -> tuple[set[str], set[str]]:
    return project.predictions(NAME), set(project.read_scores(NAME))


def test_what_another_ensemble_gave_is_made_again(project: Project, toy, ensemble_writer) -> None:
    first, second, *_ = project.images
    keep(project, first)
    assert known(project) == ({first}, {first})
    before = toy.read_bytes()
    ensemble_writer(toy, seed=1)
    assert known(project) == (set(), set())
    assert project.read_prediction(NAME, first) is None
    assert project.problems() == []
    keep(project, second)
    assert known(project) == ({second}, {second})
    toy.write_bytes(before)
    assert known(project) == ({first}, set())


def test_the_models_of_the_project_are_named_by_their_content(
    project: Project, tmp_path: Path, ensemble_writer
) -> None:
    key = project.add_model(ensemble_writer(tmp_path / "own.safetensors"))
    image = next(iter(project.images))
    score = Score(0.5, 2, np.ones(3, np.float32), project.image(image).sampled_hash)
    project.save_scores(key, {image: score})
    project.model_path(key).unlink()
    assert set(project.read_scores(key)) == {image}
