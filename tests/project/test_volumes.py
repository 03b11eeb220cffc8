"""Volumes and stacks: every slice an image of the pool, all slices of a file one group."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from napari_qsa.images import open_dataset
from napari_qsa.project import Project

SHAPE = (24, 20, 6)


def write_volume(path: Path, seed: int, shape: tuple[int, int, int] = SHAPE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(0, 300, shape).astype(np.int16)
    image = nibabel.Nifti1Image(values, np.diag([0.7, 0.7, 3, 1]))
    image.header.set_xyzt_units(xyz="mm")
    nibabel.save(image, path)
    return path


def write_stack(path: Path, seed: int, pages: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (pages, 20, 24), dtype=np.uint8)
    tifffile.imwrite(path, values, photometric="minisblack")
    return path


WRITERS = {"nii": write_volume, "nii.gz": write_volume, "tif": write_stack}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_slice_is_an_image_and_a_file_is_a_group(
    empty: Project, tmp_path: Path, kind: str
) -> None:
    for number in range(5):
        WRITERS[kind](tmp_path / "ct" / f"case_{number}.{kind}", number)
    added = empty.add_images(open_dataset(tmp_path / "ct"))
    assert (len(added.ids), added.problems) == (30, ())
    records = [empty.image(image_id) for image_id in added.ids]
    assert [r.name for r in records[:2]] == ["case_0_p0001", "case_0_p0002"]
    assert [r.page for r in records[:6]] == list(range(6))
    assert {r.shape for r in records} == {(20, 24)}
    size = None if kind == "tif" else pytest.approx(700)
    assert all(r.pixel_size == size for r in records)
    groups = {r.path: {o.group for o in records if o.path == r.path} for r in records}
    assert [len(found) for found in groups.values()] == [1] * 5
    assert len(set.union(*groups.values())) == 5
    assert all(r.group.startswith("file:") for r in records)


@pytest.mark.parametrize("kind", WRITERS)
def test_neighbouring_slices_never_train_and_validate(
    empty: Project, tmp_path: Path, kind: str
) -> None:
    for number in range(6):
        WRITERS[kind](tmp_path / "ct" / f"case_{number}.{kind}", number)
    empty.add_images(open_dataset(tmp_path / "ct"))
    empty.assign_roles()
    roles: dict[str, set[str]] = {}
    for record in empty.images.values():
        roles.setdefault(record.path, set()).add(record.role)
    assert sorted(map(sorted, roles.values())) == [["train"]] * 5 + [["validation"]]


def test_a_rule_may_put_volumes_together(empty: Project, tmp_path: Path) -> None:
    for seed, name in enumerate(("sub-1_a", "sub-1_b", "sub-2_a")):
        write_volume(tmp_path / "ct" / f"{name}.nii.gz", seed)
    empty.add_images(open_dataset(tmp_path / "ct"))
    empty.set_group_rule("^(sub-[0-9]+)")
    assert {r.group for r in empty.images.values()} == {"pattern:sub-1", "pattern:sub-2"}


def test_a_volume_that_is_cut_off_is_told_once(empty: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "ct" / "whole.nii.gz", 1)
    cut = write_volume(tmp_path / "ct" / "cut.nii.gz", 2)
    cut.write_bytes(cut.read_bytes()[:-1000])
    added = empty.add_images(open_dataset(tmp_path / "ct"))
    assert len(added.ids) == 6
    (told,) = added.problems
    assert "cut.nii.gz is truncated or damaged" in told


def test_a_volume_that_is_read_in_another_way_is_another_image(
    empty: Project, tmp_path: Path
) -> None:
    write_volume(tmp_path / "ct" / "a.nii.gz", 1)
    ids = empty.add_images(open_dataset(tmp_path / "ct")).ids
    options = tmp_path / "ct" / "volumes.json"
    for text, wanted in [
        ('{"window": [-100, 300]}', "changed"),
        ('{"plane": "axial"}', "present"),
        ("{", "changed"),
    ]:
        options.write_text(text)
        assert set(empty.check_images(ids).values()) == {wanted}
    options.unlink()
    assert set(empty.check_images(ids).values()) == {"present"}


def test_a_volume_that_moved_is_found(empty: Project, tmp_path: Path) -> None:
    volume = write_volume(tmp_path / "ct" / "a.nii.gz", 1)
    ids = empty.add_images(open_dataset(tmp_path / "ct")).ids
    (tmp_path / "there").mkdir()
    target = volume.rename(tmp_path / "there" / "b.nii.gz")
    assert set(empty.find_moved(tmp_path).values()) == {target}
    empty.relocate(dict.fromkeys(ids, target))
    assert set(empty.check_images(ids).values()) == {"present"}
