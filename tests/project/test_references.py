"""Images are found again after a move, a change is told, and no two become one."""

import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_qsa.errors import ProjectError
from napari_qsa.images import open_images, sha256
from napari_qsa.project import ImageRecord, Project
from napari_qsa.project.probe import SAMPLE, sampled_hash


def first(project: Project) -> ImageRecord:
    return next(iter(project.images.values()))


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
    assert empty.add_images(open_images([tmp_path / "stack.tif"])).known == added.ids
    shutil.move(tmp_path / "stack.tif", tmp_path / "elsewhere.tif")
    found = empty.find_moved(tmp_path)
    assert found == dict.fromkeys(added.ids, tmp_path / "elsewhere.tif")
    empty.relocate(found)
    assert set(empty.check_images().values()) == {"present"}


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
    copy = empty.add_images(open_images([tmp_path / "c.bmp"]))
    assert [empty.image(image_id).name for image_id in copy.known] == ["b"]
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
        project.new_run({})
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
