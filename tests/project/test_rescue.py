"""Copies in another place: whole or not there, of their own project, and no more than needed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.project import Project, rescue, store

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_QSA_RESCUE", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


@pytest.fixture
def copied(project: Project, drawing: Draw) -> tuple[str, Path]:
    """The first image, and the copy of what was painted on it."""
    image = next(iter(project.images))
    digest = project.image(image).sampled_hash
    return image, project.rescue(image, *drawing(1), digest, None, "ab12")


def test_a_copy_comes_back_as_it_was(
    project: Project, copied: tuple[str, Path], drawing: Draw
) -> None:
    image, path = copied
    (found,) = project.rescued()
    assert (found.facts.image, found.path.with_suffix(".tif")) == (image, path)
    assert project.fits(found)
    facts = project.take_rescued(found)
    saved, (glands, region) = project.read(image), drawing(1)
    assert (facts.revision, facts.state) == (1, "draft")
    assert np.array_equal(saved.glands, glands)
    assert np.array_equal(saved.region, region)
    assert not list(path.parent.iterdir())


def test_a_newer_copy_takes_the_place_of_the_one_before(
    project: Project, copied: tuple[str, Path], drawing: Draw
) -> None:
    image, path = copied
    digest = project.image(image).sampled_hash
    newer = project.rescue(image, *drawing(2), digest, None, "ab12")
    other = project.rescue(image, *drawing(3), digest, None, "cd34")
    assert sorted(path.parent.glob("*.tif")) == sorted([newer, other])
    assert [each.path.with_suffix(".tif") for each in project.rescued()] == [newer, other]
    project.forget_rescued(image, "ab12")
    assert list(path.parent.glob("*.tif")) == [other]


def test_a_copy_that_was_cut_off_leaves_the_one_before(
    project: Project, copied: tuple[str, Path], drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, path = copied

    def cut_off(*_: object) -> None:
        raise QsaError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_document", cut_off)
        with pytest.raises(QsaError):
            project.rescue(image, *drawing(2), project.image(image).sampled_hash, None, "ab12")
    assert [each.path.with_suffix(".tif") for each in project.rescued()] == [path]


@pytest.mark.parametrize("what", ["tif", "json", "other project"])
def test_a_damaged_copy_is_not_taken(project: Project, copied: tuple[str, Path], what: str) -> None:
    image, path = copied
    if what == "tif":
        path.write_bytes(path.read_bytes()[:-1])
        (found,) = project.rescued()
        with pytest.raises(QsaError, match="is damaged"):
            project.take_rescued(found)
        assert path.exists()
    else:
        document = path.with_suffix(".json")
        values = json.loads(document.read_text())
        values |= {"project": "another"} if what == "other project" else {"copy": {"image": image}}
        document.write_text(json.dumps(values))
        assert project.rescued() == []
    assert project.history(image) == []


def test_what_is_in_the_project_already_is_cleaned_away(
    project: Project, copied: tuple[str, Path], drawing: Draw
) -> None:
    image, path = copied
    project.save_draft(image, *drawing(1))
    assert project.rescued() == []
    project.clean_rescued()
    assert not path.exists()


def test_where_the_first_place_fails_the_next_is_used(
    project: Project,
    drawing: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.setattr(rescue, "roots", lambda: [tmp_path / "a file", tmp_path / "second"])
    image = next(iter(project.images))
    path = project.rescue(image, *drawing(1), "0" * 64, None, "ab12")
    assert path.is_relative_to(tmp_path / "second")


def test_usual_places_are_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAPARI_QSA_RESCUE")
    first, second = rescue.roots()
    assert first != second
    assert {first.name, second.name} == {"rescue"}
