"""``napari-qsa project rescue``, and what other commands say of copies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_qsa.project import Project

Left = tuple[Path, str, Path]


@pytest.fixture
def left(
    glas: Path, tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Left:
    """A project, an image in it, and a copy of strokes that could not be saved."""
    monkeypatch.setenv("NAPARI_QSA_RESCUE", str(tmp_path / "elsewhere"))
    folder = tmp_path / "a.qsa"
    run("project", "new", folder, glas / "train_1.bmp")
    with Project.open(folder) as project:
        (record,) = project.images.values()
        painted = np.zeros(record.shape, np.uint16)
        painted[4:20, 4:20] = 3
        copy = project.rescue(record.id, painted, painted * 0, record.sampled_hash, None, "ab12")
    return folder, record.id, copy


def test_the_next_command_takes_a_copy_up_and_says_so(run: Callable[..., Any], left: Left) -> None:
    folder, image, copy = left
    ran = run("project", "status", folder)
    assert str(copy) in ran.err, "status only reads"
    assert copy.exists()
    ran = run("images", "set", folder, image, "--role", "excluded")
    assert ran.code == 0
    assert "is its newest draft now (revision 1)" in ran.err
    assert not copy.exists()
    assert run("project", "rescue", folder).out.startswith("Nothing is kept")


@pytest.mark.parametrize("take", [True, False])
def test_the_user_decides_where_something_else_was_saved(
    take: bool, run: Callable[..., Any], left: Left
) -> None:
    folder, image, copy = left
    with Project.open(folder) as project:
        nothing = np.zeros(project.image(image).shape, np.uint8)
        project.save_draft(image, nothing, nothing)
    (entry,) = run("project", "rescue", folder, "--json").document["copies"]
    assert (entry["image"], entry["file"], entry["fits"]) == (image, str(copy), False)
    assert copy.exists()
    ran = run("project", "rescue", folder, "--take" if take else "--discard")
    assert ran.code == 0
    assert ("revision 2" if take else "removed") in ran.out
    assert not copy.exists()
    with Project.open(folder) as project:
        assert project.read(image).facts.glands == (1 if take else 0)


def test_a_copy_can_be_removed_although_it_fits(run: Callable[..., Any], left: Left) -> None:
    folder, image, copy = left
    assert run("project", "rescue", folder, "--discard").code == 0
    assert not copy.exists()
    with Project.open(folder) as project:
        assert project.history(image) == []


def test_one_of_two_is_asked_for(run: Callable[..., Any], left: Left) -> None:
    assert run("project", "rescue", left[0], "--take", "--discard").code == 2
