"""Rows, order and what the user does to images."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from napari_qsa.images import open_dataset
from napari_qsa.project import Project
from napari_qsa.session.rows import Row


@dataclass(frozen=True)
class Pick:
    image_id: str
    rank: int
    picked: bool = False
    why: str = ""


@dataclass(frozen=True)
class Score:
    uncertainty: float


def ids(bench: Any) -> list[str]:
    return [row.id for row in bench.pool.rows]


def test_rows_say_what_is_known(make_bench: Any, project: Project, pictures: Path) -> None:
    a, b, c, d, *_ = project.images
    glands = np.zeros((48, 64), np.uint16)
    glands[:9, :9] = 1
    project.save_draft(a, glands, glands * 0)
    project.accept(b, glands, glands * 0)
    project.set_role([c], "validation")
    project.next_round([d], 1)
    (pictures / "slide_04.png").unlink()
    PIL.Image.fromarray(glands.astype(np.uint8)).save(pictures / "slide_05.png")
    project.close()
    bench = make_bench()
    bench.open(project.folder)
    rows = bench.pool.rows
    assert [row.name for row in rows] == [f"slide_{number:02d}" for number in range(12)]
    assert rows[0] == Row(a, "slide_00", annotation="draft", role="train", glands=1)
    assert rows[1] == Row(b, "slide_01", annotation="accepted", role="train", glands=1)
    assert (rows[2].role, rows[2].asked_for, rows[2].round) == ("validation", "validate", 1)
    assert (rows[3].role, rows[3].asked_for, rows[3].round) == ("train", "annotate", 1)
    assert [row.presence for row in rows[3:7]] == ["present", "missing", "changed", "present"]
    assert bench.pool.row(a) is rows[0]
    assert bench.failures == []


def test_asked_for_come_first_by_rank_then_the_rest(bench: Any) -> None:
    names = ids(bench)
    bench.desk.project.next_round(names[3:5], 2)
    order = [names[9], names[4], names[7], names[3]]
    bench.pool.apply_ranking([Pick(i, rank, i in names[3:5]) for rank, i in enumerate(order, 1)])
    first = [names[4], names[3], names[9], names[7]]
    rest = [i for i in names if i not in first]
    assert bench.pool.order == (*first, *rest)
    row = bench.pool.row(names[4])
    assert (row.rank, row.picked, row.asked_for) == (2, True, "annotate")
    assert not bench.pool.row(names[9]).picked


def test_names_are_in_natural_order(make_bench: Any, tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    for number in (10, 2, 1):
        pixels[0, 0] = number
        PIL.Image.fromarray(pixels).save(tmp_path / f"n{number}.png")
    bench = make_bench()
    bench.workbench.new_project(tmp_path / "p.qsa", tmp_path)
    bench.until(lambda: bench.desk.project and bench.pool.complete)
    assert [bench.pool.row(i).name for i in bench.pool.order] == ["n1", "n2", "n10"]


def test_next_skips_what_is_done_and_starts_anew_at_the_end(bench: Any) -> None:
    pool, names = bench.pool, ids(bench)
    pool.next()
    assert pool.current == names[0]
    accepted = bench.desk.project.accept(names[1], *[np.zeros((48, 64), np.uint8)] * 2)
    pool.apply_revision(accepted)
    bench.desk.project.set_role([names[2]], "excluded")
    pool.refresh()
    pool.next()
    assert pool.current == names[3]
    pool.back()
    assert pool.current == names[2], "the way back leaves nothing out"
    pool.back()
    pool.back()
    pool.back()
    assert pool.current == names[0]
    pool.open(names[-1])
    pool.next()
    assert pool.current == names[0]


@pytest.mark.parametrize("clicked", [False, True])
def test_next_after_accepting_is_the_following_one(bench: Any, clicked: bool) -> None:
    pool, names = bench.pool, ids(bench)
    bench.desk.project.next_round(names[5:8], 3)
    pool.apply_ranking([Pick(i, rank, True) for rank, i in enumerate(names[5:8], 1)])
    if clicked:
        pool.open(names[5])
    else:
        pool.next()
    for expected in [*names[5:8], names[0]]:
        assert pool.current == expected
        bench.settle()
        bench.paint()
        bench.annotator.accept(then_next=True)
        bench.until(lambda expected=expected: pool.current != expected)


def test_where_all_is_done_next_goes_through_the_images(bench: Any) -> None:
    pool, names = bench.pool, ids(bench)
    bench.desk.project.set_role(names, "excluded")
    pool.refresh()
    for expected in [*names, names[-1]]:
        pool.next()
        assert pool.current == expected


def test_what_changes_is_told_row_by_row(bench: Any) -> None:
    a, b, c, *_ = ids(bench)
    told: list[str] = []
    bench.pool.row_changed.connect(told.append)
    bench.pool.set_role([a, b], "validation")
    bench.settle()
    assert told == [a, b]
    assert bench.pool.rows[1].role == "validation"
    bench.pool.set_role([a], "validation")
    bench.settle()
    assert told == [a, b], "nothing new"
    bench.pool.set_role(["nobody"], "train")
    bench.settle()
    assert "no image 'nobody'" in bench.failures[0]
    assert bench.pool.row(c).role == "train"


def test_a_group_that_is_split_is_told(make_bench: Any, tmp_path: Path, pictures: Path) -> None:
    with Project.create(tmp_path / "g.qsa", "G", group_rule="(slide)") as project:
        project.add_images(open_dataset(pictures))
        folder, first = project.folder, next(iter(project.images))
    bench = make_bench()
    bench.open(folder)
    bench.pool.set_role([first], "validation")
    bench.settle()
    assert "is split between training and validation" in bench.failures[0]


def test_images_are_added_and_shown(bench: Any, tmp_path: Path) -> None:
    pixels = np.full((40, 50, 3), 7, np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "new.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    current = ids(bench)[2]
    bench.show(current)
    bench.pool.add_images([tmp_path / "new.png", tmp_path / "broken.png", tmp_path / "no.png"])
    assert bench.workbench.running
    bench.until(lambda: not bench.workbench.running)
    bench.settle()
    assert bench.pool.rows[-1].name == "new"
    assert len(bench.pool.rows) == 13
    assert bench.pool.current == current
    status = bench.workbench.status
    assert status.message == "1 image added; 2 problems: see the details."
    assert "broken.png" in status.details
    assert bench.failures == [status.message]


def test_adding_can_be_cancelled(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_qsa.project import adding

    for number in range(6):
        pixels = np.full((40, 50, 3), number, np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"new{number}.png")
    probe = adding.probe
    seen: list[Path] = []

    def watched(path: Path, page: int | None) -> Any:
        seen.append(path)
        if len(seen) == 2:
            bench.workbench.cancel()
        return probe(path, page)

    monkeypatch.setattr(adding, "probe", watched)
    bench.pool.add_images(sorted(tmp_path.glob("new*.png")))
    bench.until(lambda: not bench.workbench.running)
    bench.settle()
    assert len(bench.pool.rows) == 14, "what was added stays"
    assert "4 images were left out: it was cancelled." in bench.workbench.status.details


def test_files_that_moved_are_found(bench: Any, tmp_path: Path, pictures: Path) -> None:
    a, b, *_ = ids(bench)
    (tmp_path / "elsewhere").mkdir()
    for number in (0, 1):
        name = f"slide_{number:02d}.png"
        (pictures / name).rename(tmp_path / "elsewhere" / f"was_{name}")
    bench.pool.look()
    bench.settle()
    assert bench.pool.row(a).presence == bench.pool.row(b).presence == "missing"
    bench.pool.relocate(tmp_path / "elsewhere")
    bench.until(lambda: not bench.workbench.running)
    bench.settle()
    assert bench.pool.row(a).presence == bench.pool.row(b).presence == "present"
    assert bench.workbench.status.message == "2 missing images found."
    assert bench.show(a).image.path == tmp_path / "elsewhere" / "was_slide_00.png"


def test_scores_are_shown_and_taken_back(bench: Any) -> None:
    a, b, *_ = ids(bench)
    bench.pool.apply_scores({a: Score(0.2), "nobody": Score(1)}, trained_on={b})
    assert (bench.pool.row(a).uncertainty, bench.pool.row(a).trained_on) == (0.2, False)
    assert (bench.pool.row(b).uncertainty, bench.pool.row(b).trained_on) == (None, True)
    bench.pool.apply_scores({})
    assert bench.pool.row(a).uncertainty is None
    assert not bench.pool.row(b).trained_on


def test_nothing_of_a_project_is_left_when_another_is_opened(
    bench: Any, make_bench: Any, tmp_path: Path
) -> None:
    Project.create(tmp_path / "empty.qsa", "Empty").close()
    bench.show(ids(bench)[0])
    told: list[object] = []
    bench.pool.current_changed.connect(told.append)
    bench.open(tmp_path / "empty.qsa")
    assert bench.pool.rows == bench.pool.order == ()
    assert bench.pool.current is None
    assert told == [None]
    assert bench.opened[-1] is None
    bench.pool.next()
    bench.pool.back()
    bench.pool.open("nobody")
    assert bench.pool.current is None


def test_ten_thousand_images(make_bench: Any, project: Project) -> None:
    """Rows of a large project, with no look at the disk for each row."""
    records = dict(project.images)
    one = next(iter(records.values()))
    for number in range(10_000):
        new = replace(one, id=f"image-{number}", name=f"image {number}", group=f"image:{number}")
        records[new.id] = new
    project._state.put_records(records.values())
    folder = project.folder
    project.close()
    bench = make_bench()
    bench.open(folder)
    assert len(bench.pool.rows) == 10_012
    told: list[str] = []
    bench.pool.row_changed.connect(told.append)
    bench.pool.apply_ranking([Pick(f"image-{9_999 - n}", n + 1) for n in range(10_000)])
    bench.pool.next()
    assert bench.pool.current == "image-9999"
    for number in range(9_998, 9_948, -1):
        bench.pool.next()
        assert bench.pool.current == f"image-{number}"
    assert told == []
