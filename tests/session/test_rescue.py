"""Strokes that the project's disk does not take: kept elsewhere, taken up at the next opening."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import napari_qsa.session.workbench as closing
from napari_qsa.errors import QsaError
from napari_qsa.formats import atomic
from napari_qsa.project import Project


@pytest.fixture(autouse=True)
def rescue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    monkeypatch.setenv("NAPARI_QSA_RESCUE", str(folder))
    return folder


class Disk:
    """The disk of the project; what is written elsewhere is not concerned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self.elsewhere_too = False, False
        replace = os.replace

        def renaming(source: Any, target: Any) -> None:
            elsewhere = "elsewhere" in str(target)
            if (self.full and not elsewhere) or (self.elsewhere_too and elsewhere):
                raise OSError(28, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(atomic.os, "replace", renaming)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.full = disk.elsewhere_too = False


def copies(rescue: Path) -> list[Path]:
    return sorted(rescue.rglob("*.tif"))


def painted(bench: Any, disk: Disk, number: int = 1) -> tuple[str, np.ndarray]:
    """Paint on the first image while the disk is full."""
    image_id = bench.pool.rows[0].id
    opened = bench.show(image_id)
    disk.full = True
    bench.paint(number)
    return image_id, opened.glands


def test_strokes_outlive_a_forced_close_with_a_full_disk(
    bench: Any, make_bench: Any, disk: Disk, rescue: Path
) -> None:
    folder = bench.desk.project.folder
    image_id, glands = painted(bench, disk)
    bench.workbench.close()
    (copy,) = copies(rescue)
    assert f"a copy is in {copy}" in bench.failures[-1]
    assert bench.desk.project is None
    disk.full = False
    again = make_bench()
    again.open(folder)
    assert "is its newest draft now (revision 1)" in again.failures[-1]
    assert np.array_equal(again.show(image_id).glands, glands)
    assert again.pool.row(image_id).annotation == "draft"
    assert copies(rescue) == []
    third = make_bench()
    again.workbench.close()
    third.open(folder)
    assert third.failures == []


def test_a_disk_that_hangs_keeps_nobody_waiting(
    bench: Any, make_bench: Any, monkeypatch: pytest.MonkeyPatch, rescue: Path
) -> None:
    monkeypatch.setattr(closing, "CLOSING_SECONDS", 0.5)
    hangs, save = threading.Event(), Project.save_draft

    def hanging(*args: Any, **kwargs: Any) -> Any:
        assert hangs.wait(60)
        return save(*args, **kwargs)

    monkeypatch.setattr(Project, "save_draft", hanging)
    folder, image_id = bench.desk.project.folder, bench.pool.rows[0].id
    bench.show(image_id)
    bench.paint()
    begun = time.monotonic()
    bench.workbench.close()
    assert time.monotonic() - begun < 20  # not the 60 s that the disk takes
    assert len(copies(rescue)) == 1
    hangs.set()
    assert bench.desk.disk.flush(60)
    with Project.open(folder) as project:
        assert len(project.history(image_id)) == 1
    assert copies(rescue) == [], "it was saved in the end"


def test_a_copy_is_there_from_the_first_failure_on(bench: Any, disk: Disk, rescue: Path) -> None:
    painted(bench, disk)
    bench.turn(2)
    assert bench.state == "failed"
    assert f"a copy is kept in {copies(rescue)[0].parent}" in bench.annotator.saving.message
    first = copies(rescue)
    bench.turn(5)
    assert copies(rescue) == first, "nothing was painted since"
    bench.paint(2, 25, 25)
    bench.turn(5)
    assert len(copies(rescue)) == 1
    assert copies(rescue) != first
    disk.full = False
    bench.turn(5)
    assert bench.state == "saved"
    assert copies(rescue) == []


def test_who_has_no_room_anywhere_is_told_that_it_is_lost(bench: Any, disk: Disk) -> None:
    painted(bench, disk)
    disk.elsewhere_too = True
    bench.workbench.close()
    assert "nor a copy elsewhere" in bench.failures[-1]


def test_what_was_saved_since_is_not_replaced(
    bench: Any, make_bench: Any, disk: Disk, rescue: Path
) -> None:
    folder = bench.desk.project.folder
    image_id, glands = painted(bench, disk, 3)
    bench.workbench.close()
    disk.full = False
    with Project.open(folder) as project:
        newer = np.zeros_like(glands)
        project.save_draft(image_id, newer, newer)
    again = make_bench()
    again.open(folder)
    (copy,) = copies(rescue)
    assert str(copy) in again.failures[-1]
    assert "project rescue" in again.failures[-1]
    assert not again.show(image_id).glands.any()
    project = again.desk.project
    (found,) = project.rescued()
    assert not project.fits(found)
    facts = project.take_rescued(found)
    assert facts.revision == 2
    assert np.array_equal(project.read(image_id).glands, glands)
    assert project.rescued() == []


def test_a_project_that_cannot_be_written_keeps_its_copies(
    bench: Any, make_bench: Any, disk: Disk, rescue: Path
) -> None:
    folder = bench.desk.project.folder
    painted(bench, disk)
    bench.workbench.close()
    again = make_bench()
    again.open(folder)
    assert again.desk.project is not None
    assert "could not be taken up" in again.failures[0]
    assert len(copies(rescue)) == 1


def test_who_only_reads_takes_nothing_up(
    bench: Any, make_bench: Any, disk: Disk, rescue: Path
) -> None:
    folder = bench.desk.project.folder
    painted(bench, disk)
    bench.workbench.close()
    disk.full = False
    again = make_bench()
    again.open(folder, read_only=True)
    assert again.failures == []
    assert len(copies(rescue)) == 1


# A file that became another one meanwhile


def another(path: Path) -> None:
    pixels = np.asarray(PIL.Image.open(path)).copy()
    pixels[:8] = 17
    PIL.Image.fromarray(pixels).save(path)


def test_strokes_that_could_not_be_saved_do_not_become_a_draft_of_another_file(
    bench: Any, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bench.desk.project
    image_id, glands = painted(bench, disk)
    bench.turn(2)
    assert bench.state == "failed"
    another(project.path_of(image_id))
    disk.full = False
    save, failing = Project.save_draft, [True]

    def unlucky(self: Project, *args: Any, **kwargs: Any) -> Any:
        if failing:
            raise QsaError("The disk is full.")
        return save(self, *args, **kwargs)

    monkeypatch.setattr(Project, "save_draft", unlucky)
    bench.pool.confirm_changed(image_id)
    bench.until(lambda: bench.annotator.current and bench.now.glands is not glands)
    bench.settle()
    assert not bench.now.glands.any(), "the new file is annotated anew"
    failing.clear()
    bench.turn(5)
    assert bench.pool.row(image_id).annotation == "none"
    (kept,) = project.history(image_id)
    assert kept.image_hash != project.image(image_id).sampled_hash
    assert np.array_equal(project.read(image_id, kept.revision).glands, glands)
    assert bench.annotator.flush(60), "nothing waits"


def test_nothing_is_accepted_for_a_file_it_was_not_painted_on(project: Project) -> None:
    image_id = next(iter(project.images))
    before = project.image(image_id).sampled_hash
    another(project.path_of(image_id))
    project.confirm_changed(image_id)
    pixels = np.ones((48, 64), np.uint8)
    with pytest.raises(QsaError, match="was changed while it was annotated"):
        project.accept(image_id, pixels, pixels, image_hash=before)
    assert project.history(image_id) == []


# Closing


def test_a_project_that_is_closed_late_is_closed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "CLOSING_SECONDS", 0.2)
    goes_on = threading.Event()
    bench.desk.background.do(lambda: goes_on.wait(60))
    assert bench.workbench.close_project(), "it is closed, if late"
    goes_on.set()
    assert bench.desk.project is None
    assert "is closed, but not all was written in time" in bench.failures[-1]
