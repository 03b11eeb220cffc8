"""New images: what is recorded of them, and what is not added twice."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from napari_qsa.errors import ImageError
from napari_qsa.images import Dataset, Item, open_dataset, open_images, read_image
from napari_qsa.project import ImageRecord, Project
from napari_qsa.project.groups import group_of
from napari_qsa.project.probe import measure
from napari_qsa.project.records import new_id, read_records, write_records


def first(project: Project) -> ImageRecord:
    return next(iter(project.images.values()))


def test_record_of_an_image(project: Project, pictures: Path) -> None:
    record = first(project)
    file = pictures / "P0_0.png"
    assert record.id == f"p0-0-{record.sampled_hash[:8]}"
    assert (record.name, record.path, record.page) == ("P0_0", "pictures/P0_0.png", None)
    assert (record.width, record.height) == (32, 24)
    assert (record.size, record.mtime_ns) == (file.stat().st_size, file.stat().st_mtime_ns)
    assert (record.sha256, record.pixel_size, record.grade) == (None, None, None)
    assert (record.role, record.role_from, record.round, record.asked_for) == (
        "train",
        "default",
        None,
        None,
    )
    assert project.path_of(record.id) == file
    assert project.pixel_size_of(record.id) == 0.5


def test_known_ids() -> None:
    assert new_id("Müller (Block 3)", "abcdef0123", {}) == "muller-block-3-abcdef01"
    assert new_id("腺", "abcdef0123", {}) == "image-abcdef01"
    assert new_id("a", "abcdef0123", {"a-abcdef01": 1, "a-abcdef01-2": 1}) == "a-abcdef01-3"


def test_glas_facts_are_taken_over(empty: Project, tmp_path: Path, image_writer) -> None:
    item = Item("t", image_writer(tmp_path / "t.png", 1), None, patient="7", grade="benign")
    (image,) = empty.add_images(Dataset(tmp_path, (item,), 0.62)).ids
    record = empty.image(image)
    assert (record.group, record.grade, record.pixel_size) == ("patient:7", "benign", 0.62)
    assert empty.pixel_size_of(image) == 0.62


def test_far_images_have_absolute_paths(empty: Project, tmp_path_factory, image_writer) -> None:
    file = image_writer(tmp_path_factory.mktemp("far") / "x.png", 1)
    (image,) = empty.add_images(open_images([file])).ids
    assert empty.image(image).path == file.as_posix()
    assert empty.path_of(image) == file


def test_unusable_files_are_told(empty: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    items = [Item(n, tmp_path / n, None) for n in ("broken.png", "gone.png")]
    added = empty.add_images(Dataset(tmp_path, tuple(items), None))
    assert added.ids == ()
    assert "broken.png is truncated or damaged" in added.problems[0]
    assert "gone.png does not exist" in added.problems[1]


@pytest.mark.parametrize("suffix", ["png", "bmp", "jpg", "tif"])
def test_a_file_that_was_cut_off_is_told_when_it_is_added(
    empty: Project, tmp_path: Path, image_writer, suffix: str
) -> None:
    for number, kept in enumerate((1.0, 0.99, 0.5)):
        file = image_writer(tmp_path / f"{number}.{suffix}", number, (90, 120))
        whole = file.read_bytes()
        file.write_bytes(whole[: int(kept * len(whole))])
    added = empty.add_images(open_images(sorted(tmp_path.glob(f"*.{suffix}"))))
    assert [empty.image(i).name for i in added.ids] == ["0"]
    for name, problem in zip(("1", "2"), added.problems, strict=True):
        assert f"{name}.{suffix} is truncated or damaged" in problem
        assert problem.endswith("copy or export it again.")


@pytest.mark.parametrize("suffix", ["png", "bmp", "jpg"])
def test_what_follows_a_whole_image_does_no_harm(
    empty: Project, tmp_path: Path, image_writer, suffix: str
) -> None:
    for more in (10, 500):
        file = image_writer(tmp_path / f"{more}.{suffix}", more)
        file.write_bytes(file.read_bytes() + b"\0" * more)
    added = empty.add_images(open_images(sorted(tmp_path.glob(f"*.{suffix}"))))
    assert (len(added.ids), added.problems) == (2, ())


def test_adding_reports_and_can_be_cancelled(empty: Project, pictures: Path) -> None:
    seen: list[tuple[int, int]] = []
    added = empty.add_images(
        open_dataset(pictures), lambda *now: seen.append(now), lambda: len(seen) >= 2
    )
    assert seen == [(1, 6), (2, 6)]
    assert len(added.ids) == 2
    assert added.problems == ("4 images were left out: it was cancelled.",)


@pytest.mark.parametrize("suffix", ["png", "bmp", "jpg", "tif"])
@pytest.mark.parametrize("dpi", [None, (25400 / 0.5, 25400 / 0.5), (72, 72)])
def test_measures_as_the_reader_does(tmp_path: Path, suffix: str, dpi) -> None:
    path = tmp_path / f"a.{suffix}"
    pixels = PIL.Image.fromarray(np.zeros((5, 7, 3), np.uint8))
    pixels.save(path, **({} if dpi is None else {"dpi": dpi}))
    image = read_image(path)
    assert measure(path, None) == (7, 5, image.pixel_size)


def test_no_second_page_in_a_picture(pictures: Path) -> None:
    with pytest.raises(ImageError, match="has no page 2"):
        measure(pictures / "P0_0.png", 1)


def test_what_is_there_is_not_added_again(project: Project, pictures: Path) -> None:
    again = project.add_images(open_dataset(pictures))
    assert (again.ids, again.problems, again.known) == ((), (), tuple(project.images))
    shutil.copy(pictures / "P0_0.png", pictures / "copy.png")
    copy = project.add_images(open_images([pictures / "copy.png"]))
    assert (copy.ids, copy.problems) == ((), ())
    assert copy.known == (first(project).id,)
    (pictures / "P0_0.png").unlink()
    assert "relocate" in project.add_images(open_images([pictures / "copy.png"])).problems[0]
    assert len(project.images) == 6


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_is_the_same_file(project: Project, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures)
    assert project.add_images(open_dataset(tmp_path / "link")).ids == ()


def test_ten_thousand_records(tmp_path: Path, project: Project) -> None:
    one = json.loads((project.folder / "images.json").read_text())["images"][0]
    records = [ImageRecord(**(one | {"id": f"i{n}"})) for n in range(10_000)]
    write_records(tmp_path / "many.json", records)
    assert list(read_records(tmp_path / "many.json").values()) == records
    assert len((tmp_path / "many.json").read_bytes().splitlines()) == 10_002


def test_groups() -> None:
    assert group_of("i", "P3_a", "7", None, "c" * 64, r"^(P\d)") == "patient:7"
    assert group_of("i", "P3_a", None, None, "c" * 64, r"^(P\d)") == "pattern:P3"
    assert group_of("i", "x", None, None, "c" * 64, r"^(P\d)") == "image:i"
    assert group_of("i", "x", None, None, "c" * 64, r"^(P\d)?") == "image:i"
    assert group_of("i", "x", None, 0, "c" * 64, None) == "file:" + "c" * 16
