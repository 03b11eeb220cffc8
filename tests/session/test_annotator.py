"""Opening, autosave, accepting: nothing that was painted gets lost."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from napari_qsa.project import Project


def same(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.array_equal(one, two))


def revisions(project: Project, image_id: str) -> list[tuple[int, str, int]]:
    return [(r.revision, r.state, r.glands) for r in project.history(image_id)]


def ids(bench: Any) -> list[str]:
    return [row.id for row in bench.pool.rows]


# Opening


def test_a_new_image_opens_with_empty_arrays_that_can_be_painted(bench: Any) -> None:
    first = bench.show(ids(bench)[0])
    assert first.glands.shape == first.region.shape == (48, 64)
    assert (first.glands.dtype, first.region.dtype) == (np.uint16, np.uint8)
    assert not first.glands.any()
    assert not first.region.any()
    assert first.revision is None
    assert not first.read_only
    assert first.image.pixel_size == 0.5, "the project's, as the file has none"
    assert first.image.pixels.shape == (48, 64, 3)
    assert bench.state == "clean"


def test_each_opening_has_arrays_of_its_own(bench: Any) -> None:
    a, b, *_ = ids(bench)
    first = bench.show(a)
    bench.paint()
    bench.show(b)
    again = bench.show(a)
    assert same(again.glands, first.glands)
    assert not np.shares_memory(again.glands, first.glands)
    assert again.glands.flags.writeable
    assert again.region.flags.writeable
    assert again.revision is not None
    assert again.revision.state == "draft"


def test_of_images_passed_over_quickly_only_the_last_is_opened(bench: Any) -> None:
    for image_id in ids(bench)[:5]:
        bench.pool.open(image_id)
    bench.until(lambda: bench.annotator.current)
    bench.settle()
    assert [opened.image_id for opened in bench.opened if opened] == [ids(bench)[4]]


def test_the_way_back_before_the_other_image_was_there(bench: Any) -> None:
    a, b, *_ = ids(bench)
    first = bench.show(a)
    bench.pool.open(b)
    bench.pool.open(a)
    bench.settle()
    assert bench.now is first


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_a_file_that_is_not_the_image_is_not_opened(bench: Any, pictures: Path, how: str) -> None:
    a, b, *_ = ids(bench)
    bench.show(a)
    bench.paint()
    path = pictures / "slide_01.png"
    if how == "missing":
        path.unlink()
    else:
        PIL.Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    bench.pool.open(b)
    bench.until(lambda: bench.opened[-1] is None)
    bench.settle()
    word = "is missing" if how == "missing" else "is not the file that was added"
    assert word in bench.failures[-1]
    assert bench.pool.current == b
    assert bench.revisions(a) == [(1, "draft", 1)], "the one before is saved"


def test_an_image_that_was_missing_is_opened_once_it_is_there(bench: Any, pictures: Path) -> None:
    a = ids(bench)[0]
    away = pictures / "slide_00.png"
    away.rename(pictures / "away.png")
    bench.pool.open(a)
    bench.until(lambda: bench.failures)
    (pictures / "away.png").rename(away)
    told = len(bench.opened)
    bench.pool.open(a)
    assert bench.show(a).image_id == a
    assert len(bench.opened) == told + 1, "it is read once"


def test_a_changed_file_is_taken_where_the_user_says_so(bench: Any, pictures: Path) -> None:
    a = ids(bench)[0]
    bench.show(a)
    bench.paint()
    PIL.Image.fromarray(np.full((30, 40, 3), 9, np.uint8)).save(pictures / "slide_00.png")
    bench.pool.confirm_changed(a)
    bench.until(lambda: bench.annotator.current and bench.now.glands.shape == (30, 40))
    bench.settle()
    assert bench.pool.row(a).annotation == "none"
    assert bench.revisions(a) == [(1, "draft", 1)], "of what the file was"
    assert bench.opened[-2] is None, "the layers were gone before"


# Autosave


def test_it_is_saved_two_seconds_after_the_last_stroke(bench: Any) -> None:
    a = ids(bench)[0]
    bench.show(a)
    bench.paint(1)
    assert bench.state == "dirty"
    bench.turn(1.5)
    bench.paint(2, 25, 25)
    bench.turn(1.5)
    assert (bench.state, bench.revisions(a)) == ("dirty", [])
    bench.turn(0.5)
    assert bench.state == "saved"
    assert bench.annotator.saving.saved_at == bench.clock.wall()
    assert bench.revisions(a) == [(1, "draft", 2)]
    assert (bench.pool.row(a).annotation, bench.pool.row(a).glands) == ("draft", 2)
    bench.turn(60)
    assert bench.revisions(a) == [(1, "draft", 2)], "what is saved is not again"
    assert not bench.clock.alarms


def test_it_is_saved_every_ten_seconds_while_painting_goes_on(bench: Any) -> None:
    a = ids(bench)[0]
    bench.show(a)
    for stroke in range(25):
        bench.paint(1 + stroke)
        bench.turn(1.0)
    saved = bench.revisions(a)
    assert len(saved) == 2
    bench.turn(2.0)
    assert len(bench.revisions(a)) == 3


@pytest.mark.parametrize("how", ["open", "close", "save_now", "flush", "close_project"])
def test_it_is_saved_at_once_when_it_must_be(bench: Any, how: str) -> None:
    a, b, *_ = ids(bench)
    folder = bench.desk.project.folder
    bench.show(a)
    bench.paint()
    if how == "open":
        bench.pool.open(b)
    elif how == "flush":
        assert bench.annotator.flush(60)
    elif how == "close_project":
        assert bench.workbench.close_project()
    else:
        getattr(bench.annotator, how)()
    bench.settle()
    with Project.open(folder, read_only=True) as project:
        assert revisions(project, a) == [(1, "draft", 1)]


def test_strokes_between_asking_for_an_image_and_its_coming_are_saved(bench: Any) -> None:
    a, b, *_ = ids(bench)
    first = bench.show(a)
    bench.paint(1)
    bench.pool.open(b)  # the draft of one gland is on its way
    bench.desk.disk.flush(60)
    bench.paint(2, 25, 25)
    bench.until(lambda: bench.now.image_id == b)
    bench.settle()
    assert same(bench.desk.project.read(a).glands, first.glands)
    assert bench.revisions(a)[-1][2] == 2


def test_a_stroke_while_a_copy_is_made_is_saved_too(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = ids(bench)[0]
    bench.show(a)
    writing, go_on = threading.Event(), threading.Event()
    save = Project.save_draft

    def slow(*args: object, **kwargs: object) -> object:
        writing.set()
        assert go_on.wait(60)
        return save(*args, **kwargs)

    monkeypatch.setattr(Project, "save_draft", slow)
    bench.paint(1)
    bench.annotator.save_now()
    assert writing.wait(60)
    bench.paint(2, 25, 25)  # after the copy was made
    go_on.set()
    bench.settle()
    assert bench.state == "dirty"
    bench.turn(2)
    assert bench.state == "saved"
    assert [glands for _, _, glands in bench.revisions(a)] == [1, 2]


# Accepting


def test_accept_and_next(bench: Any) -> None:
    a, b, *_ = bench.pool.order
    bench.show(a)
    bench.paint()
    bench.annotator.accept(then_next=True)
    bench.until(lambda: bench.now.image_id == b)
    assert bench.accepted == [a]
    row = bench.pool.row(a)
    assert (row.annotation, row.glands) == ("accepted", 1)
    found = bench.desk.project.read(a)
    assert (found.facts.state, found.facts.revision) == ("accepted", 1)
    assert (found.region == 1).all(), "all of it counts as reviewed"


def test_accepting_marks_the_region_that_is_shown_in_place(bench: Any) -> None:
    a = ids(bench)[0]
    opened = bench.show(a)
    opened.region[:4] = 2
    bench.annotator.accept()
    bench.settle()
    assert bench.now is opened
    assert (opened.region[:4] == 2).all(), "what is not known stays so"
    assert (opened.region[4:] == 1).all()
    bench.paint()
    bench.turn(2)
    found = bench.desk.project.read(a)
    assert same(found.region, opened.region)
    assert bench.revisions(a) == [(1, "accepted", 0), (2, "draft", 1)]


def test_an_image_on_which_nothing_was_done_is_not_accepted(bench: Any) -> None:
    a = ids(bench)[0]
    opened = bench.show(a)
    found: list[list[Any]] = []
    bench.annotator.checked.connect(found.append)
    bench.annotator.accept(then_next=True)
    bench.settle()
    assert [[finding.kind for finding in findings] for findings in found] == [["nothing"]]
    assert (bench.accepted, bench.revisions(a)) == ([], [])
    assert bench.now is opened, "it does not go on"
    opened.region[...] = 1  # as No glands here does
    bench.annotator.edited()
    bench.annotator.accept()
    bench.settle()
    assert bench.accepted == [a]
    assert bench.desk.project.read(a).facts.glands == 0


def test_accepting_takes_nothing_back_that_was_changed_meanwhile(bench: Any) -> None:
    a = ids(bench)[0]
    opened = bench.show(a)
    opened.region[:4] = 1
    bench.annotator.edited()
    bench.annotator.accept()
    assert bench.desk.disk.flush(60), "the copy is made, its answer not heard"
    opened.region[:2] = 0
    bench.annotator.edited()
    bench.settle()
    assert (opened.region[:2] == 0).all()
    assert (opened.region[2:] == 1).all()


def test_accepting_can_leave_what_was_not_reviewed(bench: Any) -> None:
    a = ids(bench)[0]
    opened = bench.show(a)
    opened.region[:4] = 1
    bench.annotator.edited()
    bench.annotator.accept(keep_region=True)
    bench.settle()
    assert not opened.region[4:].any()
    assert same(bench.desk.project.read(a).region, opened.region)


def test_accepting_the_same_twice_adds_nothing(bench: Any) -> None:
    a = ids(bench)[0]
    bench.show(a)
    bench.paint()
    for _ in range(3):
        bench.annotator.accept()
        bench.settle()
    assert bench.accepted == [a, a, a]
    assert bench.revisions(a) == [(1, "accepted", 1)]


@pytest.mark.parametrize("strict", [False, True])
def test_what_looks_wrong_is_listed(bench: Any, strict: bool) -> None:
    a = ids(bench)[0]
    found: list[list[object]] = []
    bench.annotator.checked.connect(found.append)
    bench.show(a)
    bench.paint(1, size=20)
    bench.paint(1, row=30, column=40, size=3)
    bench.paint(2, row=40, column=10, size=3)
    bench.annotator.accept(strict=strict)
    bench.settle()
    assert [(f.label, f.kind) for f in found[0]] == [(1, "pieces"), (2, "speck")]
    assert [bench.now.glands[tuple(map(int, f.place))] for f in found[0]] == [1, 2]
    assert bench.accepted == ([] if strict else [a])
    state = "draft" if strict else "accepted"
    assert bench.revisions(a) == [(1, state, 2)], "kept either way"
    bench.annotator.check()
    bench.settle()
    assert found[1] == found[0]


def test_checks_of_what_is_right_find_nothing(bench: Any) -> None:
    found: list[list[object]] = []
    bench.annotator.checked.connect(found.append)
    bench.show(ids(bench)[0])
    bench.paint(size=30)
    bench.annotator.accept()
    bench.settle()
    assert found == []
    bench.annotator.check()
    bench.settle()
    assert found == [[]]


# History


def test_a_former_revision_comes_back_as_a_new_draft(bench: Any) -> None:
    a = ids(bench)[0]
    bench.show(a)
    bench.paint(1)
    bench.annotator.accept()
    bench.settle()
    bench.paint(2, 25, 25)
    bench.annotator.restore(1)
    bench.until(lambda: bench.now.revision and bench.now.revision.parent == 1)
    assert set(np.unique(bench.now.glands)) == {0, 1}
    assert bench.revisions(a) == [
        (1, "accepted", 1),
        (2, "draft", 2),
        (3, "draft", 1),
    ]
    heard: list[list[object]] = []
    bench.annotator.history(a, heard.append)
    bench.until(lambda: heard)
    assert [facts.revision for facts in heard[0]] == [1, 2, 3]


def test_a_revision_that_is_not_there_changes_nothing(bench: Any) -> None:
    opened = bench.show(ids(bench)[0])
    bench.paint()
    bench.annotator.restore(7)
    bench.until(lambda: bench.failures)
    bench.settle()
    assert "has no revision 7" in bench.failures[0]
    assert bench.now is opened
    assert opened.glands.any()


# Read-only


def test_a_project_open_elsewhere_can_be_looked_at_and_not_changed(
    make_bench: Any, project: Project
) -> None:
    bench = make_bench()
    image = next(iter(project.images))
    bench.open(project.folder, read_only=True)
    assert bench.show(image).read_only
    bench.paint()
    assert bench.state == "failed"
    assert "read-only" in bench.annotator.saving.message
    bench.turn(30)
    bench.annotator.accept()
    bench.until(lambda: bench.failures)
    assert "read-only" in bench.failures[0]
    assert revisions(project, image) == []
    assert bench.workbench.close_project()


def test_nothing_happens_where_nothing_is_open(make_bench: Any) -> None:
    bench = make_bench()
    annotator = bench.annotator
    for call in (annotator.edited, annotator.save_now, annotator.close, annotator.check):
        call()
    annotator.accept()
    annotator.restore(1)
    assert annotator.flush(10)
    annotator.open("nobody")
    assert bench.failures == ["No project is open: open one, or make one."]
