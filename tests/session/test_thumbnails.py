"""Small pictures: right, visible ones first, bounded, and never of another file."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_qsa.images import read_image
from napari_qsa.session import thumbnails
from napari_qsa.session.thumbnails import SIDE, picture_of, reduced


def ids(bench: Any) -> list[str]:
    return [row.id for row in bench.pool.rows]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which pictures are made, in order."""
    found: list[str] = []

    def watched(project: Any, image_id: str) -> Any:
        found.append(image_id)
        return picture_of(project, image_id)

    monkeypatch.setattr(thumbnails, "picture_of", watched)
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which images are read for pictures."""
    found: list[Path] = []

    def watched(path: Path, page: int | None = None) -> Any:
        found.append(path)
        return read_image(path, page)

    monkeypatch.setattr(thumbnails, "read_image", watched)
    return found


def test_pictures_come_in_the_order_they_are_asked_for(bench: Any, made: list[str]) -> None:
    ready: list[str] = []
    pictures = bench.workbench.thumbnails
    pictures.ready.connect(ready.append)
    wanted = ids(bench)[4:8]
    pictures.want(wanted)
    assert pictures.get(wanted[0]) is None
    bench.until(lambda: len(ready) == 4)
    assert ready == made == wanted
    picture = pictures.get(wanted[0])
    assert (picture.shape, picture.dtype) == ((48, 64, 3), np.uint8)
    exact = read_image(bench.desk.project.path_of(wanted[0])).pixels
    assert np.abs(picture.astype(int) - exact).mean() < 1, "small images are not enlarged"
    pictures.want(wanted)
    bench.settle()
    assert made == wanted, "what is there is not made again"


def test_a_new_wish_comes_before_the_rest_of_the_old_one(bench: Any, made: list[str]) -> None:
    pictures, names = bench.workbench.thumbnails, ids(bench)
    pictures.want(names[:6])
    pictures.want([names[9], names[2]])
    bench.until(lambda: len(made) == 7 and pictures.get(names[5]) is not None)
    assert made == [names[0], names[9], names[2], names[1], *names[3:6]]


def test_of_what_scrolled_by_only_some_is_made(
    bench: Any, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "EARLIER", 2)
    pictures, names = bench.workbench.thumbnails, ids(bench)
    for name in names[:8]:
        pictures.want([name])
    bench.until(lambda: pictures.get(names[5]) is not None)
    bench.settle()
    assert made == [names[0], names[7], names[6], names[5]]


def test_memory_is_bounded(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "KEPT", 3)
    pictures, names = bench.workbench.thumbnails, ids(bench)
    pictures.want(names[:3])
    bench.until(lambda: pictures.get(names[2]) is not None)
    assert pictures.get(names[0]) is not None, "and is the one that was looked at last now"
    pictures.want(names[3:4])
    bench.until(lambda: pictures.get(names[3]) is not None)
    assert [pictures.get(name) is not None for name in names[:4]] == [True, False, True, True]


def test_the_cache_is_used_and_is_not_needed(bench: Any, cache: Path, reads: list[Path]) -> None:
    pictures, name = bench.workbench.thumbnails, ids(bench)[0]
    image = bench.desk.project.path_of(name)

    def again() -> None:
        pictures.forget([name])
        pictures.want([name])
        bench.until(lambda: pictures.get(name) is not None)

    again()
    again()
    assert reads.count(image) == 1
    (kept,) = (cache / "thumbnails").rglob("*.jpg")
    for damage in (b"", b"\xff\xd8\xffnothing"):
        kept.write_bytes(damage)
        again()
    assert reads.count(image) == 3
    kept.unlink()
    again()
    assert reads.count(image) == 4
    assert bench.failures == []


def test_a_cache_that_cannot_be_written_is_done_without(
    bench: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "thumbnails").write_text("in the way")
    pictures, name = bench.workbench.thumbnails, ids(bench)[0]
    pictures.want([name])
    bench.until(lambda: pictures.get(name) is not None)
    monkeypatch.setenv("NAPARI_QSA_CACHE", "")
    pictures.want(ids(bench)[1:2])
    bench.until(lambda: pictures.get(ids(bench)[1]) is not None)
    assert bench.failures == []


def test_there_is_no_picture_of_a_file_that_is_missing_or_another(
    bench: Any, pictures: Path, made: list[str]
) -> None:
    names, small = ids(bench), bench.workbench.thumbnails
    (pictures / "slide_00.png").unlink()
    PIL.Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(pictures / "slide_01.png")
    small.want(names[:3])
    bench.until(lambda: small.get(names[2]) is not None)
    assert small.get(names[0]) is small.get(names[1]) is None
    small.want(names[:3])
    bench.settle()
    assert made == names[:3], "what failed is not tried again and again"
    bench.pool.confirm_changed(names[1])
    bench.settle()
    small.want(names[1:2])
    bench.until(lambda: small.get(names[1]) is not None)
    assert not small.get(names[1]).any()
    assert bench.failures == []


def test_another_project_has_other_pictures(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names, small = ids(bench), bench.workbench.thumbnails
    small.want(names[:1])
    bench.until(lambda: small.get(names[0]) is not None)
    go_on, ready = threading.Event(), []

    def slow(project: Any, image_id: str) -> Any:
        go_on.wait(60)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(thumbnails, "picture_of", slow)
    small.ready.connect(ready.append)
    small.want(names[1:2])
    bench.workbench.close_project()
    assert small.get(names[0]) is None
    go_on.set()
    small._lane.flush(60)
    bench.settle()
    assert small.get(names[1]) is None
    assert ready == []


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((50, 40), (50, 40)),
        ((1000, 500), (SIDE, SIDE // 2)),
        ((600, 2400), (24, SIDE)),
        ((4000, 3), (SIDE, 1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_image(
    tmp_path: Path, shape: tuple[int, int], expected: tuple[int, int], dtype: Any, channels: int
) -> None:
    pixels = np.zeros((*shape, channels), dtype)
    pixels[: shape[0] // 2] = np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", pixels if channels == 3 else pixels[..., 0])
    picture = reduced(read_image(tmp_path / "a.tif"))
    assert (picture.shape, picture.dtype) == ((*expected, 3), np.uint8)
    edge = expected[0] // 2
    assert (picture[: edge - 1] == 255).all()
    assert (picture[edge + 1 :] == 0).all()
