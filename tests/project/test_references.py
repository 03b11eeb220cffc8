"""Images are found again after a move, a change is told, and no two become one."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_qsa.errors import ImageError, ProjectError
from napari_qsa.images import Dataset, Item, open_dataset, open_images, read_image, sha256
from napari_qsa.project import ImageRecord, Project
from napari_qsa.project.groups import group_of
from napari_qsa.project.probe import SAMPLE, measure, sampled_hash
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


def test_project_moves_with_its_images(project: Project, tmp_path: Path) -> None:
    project.close()
    (tmp_path / "new").mkdir()
    for name in ("glands.qsa", "pictures"):
        shutil.move(tmp_path / name, tmp_path / "new" / name)
    with Project.open(tmp_path / "new" / "glands.qsa") as moved:
        assert set(moved.check_images().values()) == {"present"}


def test_pages_are_images_of_one_group(empty: Project, tmp_path: Path) -> None:
    pages = np.random.default_rng(1).integers(0, 256, (3, 24, 32), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    added = empty.add_images(open_images([tmp_path / "stack.tif"]))
    assert (len(added.ids), added.problems) == (3, ())
    assert [i.rsplit("-", 1)[0] for i in added.ids] == [f"stack-p000{n}" for n in (1, 2, 3)]
    assert len({empty.image(i).group for i in added.ids}) == 1
    assert empty.hash_images() == 3
    assert len(empty.add_images(open_images([tmp_path / "stack.tif"])).problems) == 3
    shutil.move(tmp_path / "stack.tif", tmp_path / "elsewhere.tif")
    found = empty.find_moved(tmp_path)
    assert found == dict.fromkeys(added.ids, tmp_path / "elsewhere.tif")
    empty.relocate(found)
    assert set(empty.check_images().values()) == {"present"}


def test_unusable_files_are_told(empty: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    items = [Item(n, tmp_path / n, None) for n in ("broken.png", "gone.png")]
    added = empty.add_images(Dataset(tmp_path, tuple(items), None))
    assert added.ids == ()
    assert "broken.png is truncated or damaged" in added.problems[0]
    assert "gone.png does not exist" in added.problems[1]


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


def test_sampled_hash_sees_size_start_middle_and_end(tmp_path: Path) -> None:
    data = bytearray(np.random.default_rng(1).bytes(8 * SAMPLE + 10))
    file = tmp_path / "slide"

    def digest(changed: int | None = None, extra: bytes = b"") -> str:
        copy = bytearray(data)
        if changed is not None:
            copy[changed] ^= 1
        file.write_bytes(copy + extra)
        return sampled_hash(file)

    same = digest()
    for place in (0, SAMPLE - 1, len(data) // 2, len(data) - 1):
        assert digest(place) != same
    assert digest(extra=b"x") != same
    assert digest(2 * SAMPLE) == same, "that is between the samples"


def test_what_is_there_is_not_added_again(project: Project, pictures: Path) -> None:
    again = project.add_images(open_dataset(pictures))
    assert again.ids == ()
    assert len(again.problems) == 6
    assert "is in the project as P0_0" in again.problems[0]
    shutil.copy(pictures / "P0_0.png", pictures / "copy.png")
    copy = project.add_images(open_images([pictures / "copy.png"]))
    assert copy.ids == ()
    assert "is in the project as P0_0" in copy.problems[0]
    (pictures / "P0_0.png").unlink()
    assert "relocate" in project.add_images(open_images([pictures / "copy.png"])).problems[0]
    assert len(project.images) == 6


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_is_the_same_file(project: Project, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures)
    assert project.add_images(open_dataset(tmp_path / "link")).ids == ()


def big(path: Path, seed: int) -> Path:
    """Two seeds give files that differ only where samples do not look."""
    pixels = np.random.default_rng(0).integers(0, 256, (400, 800, 3), dtype=np.uint8)
    pixels[100, 100:200] = seed
    PIL.Image.fromarray(pixels).save(path)
    return path


def test_big_files_of_one_sampled_hash_are_told_apart(empty: Project, tmp_path: Path) -> None:
    files = [big(tmp_path / name, seed) for name, seed in (("a.bmp", 1), ("b.bmp", 2))]
    assert sampled_hash(files[0]) == sampled_hash(files[1])
    assert len(empty.add_images(open_images(files)).ids) == 2
    assert empty.hash_images() == 2
    shutil.copy(files[1], tmp_path / "c.bmp")
    assert "as b (" in empty.add_images(open_images([tmp_path / "c.bmp"])).problems[0]
    (tmp_path / "c.bmp").unlink()
    # With whole hashes known, each is found again as itself.
    (tmp_path / "moved").mkdir()
    for file, name in zip(files, ("y.bmp", "x.bmp"), strict=True):
        shutil.move(file, tmp_path / "moved" / name)
    a, b = empty.images
    found = empty.find_moved(tmp_path / "moved")
    assert {i: p.name for i, p in found.items()} == {a: "y.bmp", b: "x.bmp"}
    with pytest.raises(ProjectError, match="is another image"):
        empty.relocate({a: found[b]})


def test_doubtful_files_are_offered_to_no_one(empty: Project, tmp_path: Path) -> None:
    files = [big(tmp_path / name, seed) for name, seed in (("a.bmp", 1), ("b.bmp", 2))]
    empty.add_images(open_images(files))
    (tmp_path / "moved").mkdir()
    shutil.move(files[0], tmp_path / "moved" / "x.bmp")
    files[1].unlink()
    assert empty.find_moved(tmp_path / "moved") == {}


def test_presence(project: Project, pictures: Path, image_writer) -> None:
    ids = list(project.images)
    (pictures / "P0_1.png").unlink()
    image_writer(pictures / "P1_2.png", 99)
    os.utime(pictures / "P1_3.png", ns=(1, 1))
    expected = dict.fromkeys(ids, "present") | {ids[1]: "missing", ids[2]: "changed"}
    assert project.check_images() == expected
    assert project.check_images(quick=True) == expected
    assert project.check_images([ids[1]]) == {ids[1]: "missing"}


def test_same_size_and_time_hide_a_change_only_from_a_quick_look(project: Project) -> None:
    record = first(project)
    path = project.path_of(record.id)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(record.mtime_ns, record.mtime_ns))
    assert project.check_images([record.id], quick=True) == {record.id: "present"}
    assert project.check_images([record.id]) == {record.id: "changed"}


def test_moved_images_are_found_and_verified(project: Project, pictures: Path, drawing) -> None:
    ids = list(project.images)
    project.accept(ids[0], *drawing(1))
    shutil.move(pictures / "P0_0.png", pictures / "renamed.png")
    (pictures / "deep").mkdir()
    shutil.move(pictures / "P0_1.png", pictures / "deep" / "P0_1.png")
    shutil.copy(pictures / "deep" / "P0_1.png", pictures / "a copy.png")
    found = project.find_moved(pictures)
    assert found == {
        ids[0]: pictures / "renamed.png",
        ids[1]: pictures / "deep" / "P0_1.png",
    }
    before = project.images
    for wrong in ({ids[0]: found[ids[1]]}, {ids[0]: pictures / "no.png"}):
        with pytest.raises(ProjectError, match="nothing was changed"):
            project.relocate(found | wrong)
        assert project.images == before
    project.relocate(found)
    assert project.image(ids[0]).path == "pictures/renamed.png"
    assert set(project.check_images().values()) == {"present"}
    assert project.summary(ids[0]).status == "accepted"
    assert project.find_moved(pictures) == {}


def test_two_images_never_share_a_file(empty: Project, tmp_path: Path) -> None:
    files = [big(tmp_path / name, seed) for name, seed in (("a.bmp", 1), ("b.bmp", 2))]
    a, b = empty.add_images(open_images(files)).ids
    with pytest.raises(ProjectError, match="would be two images"):
        empty.relocate({a: files[1]})
    empty.relocate({a: files[0], b: files[1]})


def test_whole_hashes_are_filled_in(project: Project, pictures: Path, image_writer) -> None:
    image_writer(pictures / "P0_0.png", 99)
    (pictures / "P0_1.png").unlink()
    seen: list[tuple[int, int]] = []
    assert project.hash_images(lambda *now: seen.append(now)) == 4
    assert seen[-1] == (6, 6)
    records = list(project.images.values())
    assert [r.sha256 is None for r in records] == [True, True] + [False] * 4
    assert records[2].sha256 == sha256(pictures / "P1_2.png")
    assert project.hash_images(cancelled=lambda: True) == 0


def test_a_changed_image_keeps_its_annotations_unused(
    project: Project, pictures: Path, image_writer, drawing
) -> None:
    image = first(project).id
    project.accept(image, *drawing(1))
    image_writer(pictures / "P0_0.png", 99)
    assert project.check_images([image]) == {image: "changed"}
    with pytest.raises(ProjectError, match="is changed, so it is not trained on"):
        project.new_run({}, "segmentation")
    record = project.confirm_changed(image)
    assert record.sampled_hash == sampled_hash(pictures / "P0_0.png")
    assert project.check_images([image]) == {image: "present"}
    summary = project.summary(image)
    assert (summary.status, summary.newest, summary.accepted) == ("none", None, None)
    assert "was changed after it was annotated: 1 of its revisions" in summary.problems[0]
    assert summary.problems[0] in project.problems()
    assert (project.read(image, 1).glands == drawing(1)[0]).all()
    assert project.restore(image, 1).revision == 2
    assert project.summary(image).newest == 2


def test_a_changed_image_of_another_shape(project: Project, pictures, image_writer, drawing):
    image = first(project).id
    project.accept(image, *drawing(1))
    image_writer(pictures / "P0_0.png", 99, (10, 12))
    assert project.confirm_changed(image).shape == (10, 12)
    with pytest.raises(ProjectError, match="10 x 12 pixels"):
        project.restore(image, 1)


def test_a_change_into_another_image_is_not_confirmed(project: Project, pictures: Path) -> None:
    shutil.copy(pictures / "P0_1.png", pictures / "P0_0.png")
    with pytest.raises(ProjectError, match="holds the same as P0_1"):
        project.confirm_changed(first(project).id)


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
