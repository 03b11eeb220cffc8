"""Revisions: appended, found again bit for bit, and never trusted blindly."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.project import Project, revisions


def folder_of(project: Project, image: str) -> Path:
    return project.folder / "annotations" / image


@pytest.fixture
def image(project: Project) -> str:
    return next(iter(project.images))


def test_files_of_a_revision(project: Project, image: str, drawing) -> None:
    glands, region = drawing(1)
    facts = project.save_draft(image, glands, region, "Ada")
    names = sorted(os.listdir(folder_of(project, image)))
    assert names == ["000001.json", "000001.tif"]
    document = json.loads((folder_of(project, image) / "000001.json").read_text())
    assert document["schema"] == 1
    assert document["author"] == "Ada"
    assert document["state"] == "draft"
    assert document["image"] == image
    assert document["image_hash"] == project.image(image).sampled_hash
    assert document["glands"] == len(np.unique(glands[glands > 0]))
    with tifffile.TiffFile(folder_of(project, image) / "000001.tif") as file:
        assert [page.compression.name for page in file.pages] == ["ADOBE_DEFLATE"] * 2
        assert [page.dtype for page in file.pages] == [np.uint16, np.uint8]
    assert project.history(image) == [facts]


def test_accepting_makes_everything_reviewed_unless_told_otherwise(
    project: Project, image: str, drawing
) -> None:
    glands, region = drawing(1)
    assert set(np.unique(region)) == {0, 1, 2}
    project.accept(image, glands, region)
    assert (project.read(image).region == np.where(region == 0, 1, region)).all()
    project.accept(image, glands, region, keep_region=True)
    assert (project.read(image).region == region).all()


@pytest.mark.parametrize(("highest", "dtype"), [(65535, np.uint16), (65536, np.uint32)])
def test_many_glands_take_32_bits(project: Project, image: str, highest: int, dtype) -> None:
    glands = np.zeros(project.image(image).shape, dtype=np.int64)
    glands[0, 0] = highest
    project.accept(image, glands, glands > 0)
    found = project.read(image).glands
    assert found.dtype == dtype
    assert found[0, 0] == highest


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    arrays.arrays(
        st.sampled_from([np.uint16, np.uint32]),
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=20),
    )
)
def test_pixels_survive_the_file(tmp_path_factory, glands: np.ndarray) -> None:
    region = (glands % 3).astype(np.uint8)
    data = revisions.encode(glands, region)
    assert data == revisions.encode(glands, region)
    facts = revisions.Revision("a", 1, "draft", "", "", "", "", glands.shape, 0, None, "")
    found = revisions.decode(Path("a"), facts, data)
    assert (found.glands == glands).all()
    assert (found.region == region).all()
    assert (found.glands.dtype, found.region.dtype) == (glands.dtype, np.uint8)


@pytest.mark.parametrize(
    ("glands", "region", "sentence"),
    [
        (np.zeros((3, 4), int), np.zeros((24, 32), int), "24 x 32 pixels"),
        (np.zeros((24, 32), int), np.zeros((32, 24), int), "24 x 32 pixels"),
        (np.zeros((24, 32)), np.zeros((24, 32), int), "whole numbers"),
        (np.full((24, 32), -1), np.zeros((24, 32), int), "from 0 to"),
        (np.full((24, 32), 2**32), np.zeros((24, 32), int), "from 0 to"),
        (np.zeros((24, 32), int), np.full((24, 32), 3), "other values than 0, 1 and 2"),
    ],
)
def test_what_is_no_annotation_is_refused(
    project: Project, image: str, glands, region, sentence: str
) -> None:
    with pytest.raises(ProjectError, match=sentence):
        project.save_draft(image, glands, region)
    assert not folder_of(project, image).exists()


def test_unknown_image_and_revision(project: Project, image: str, drawing) -> None:
    with pytest.raises(ProjectError, match="no image 'nobody'"):
        project.save_draft("nobody", *drawing(1))
    with pytest.raises(ProjectError, match="has no annotation"):
        project.read(image)
    project.save_draft(image, *drawing(1))
    with pytest.raises(ProjectError, match="has no revision 2"):
        project.read(image, 2)


def test_summary_tells_the_newest_and_the_accepted(project: Project, image: str, drawing) -> None:
    assert project.summary(image).status == "none"
    project.save_draft(image, *drawing(1))
    project.accept(image, *drawing(2))
    summary = project.summary(image)
    assert (summary.status, summary.newest, summary.accepted) == ("accepted", 2, 2)
    last = project.save_draft(image, *drawing(3))
    summary = project.summary(image)
    assert (summary.status, summary.newest, summary.accepted) == ("draft", 3, 2)
    assert summary.glands == last.glands
    assert [r.parent for r in project.history(image)] == [None, 1, 2]


def test_restoring_appends(project: Project, image: str, drawing) -> None:
    for seed in (1, 2, 3):
        project.accept(image, *drawing(seed))
    facts = project.restore(image, 1)
    assert (facts.revision, facts.parent, facts.state) == (4, 1, "draft")
    assert (project.read(image).glands == drawing(1)[0]).all()
    assert project.summary(image).accepted == 3


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


DAMAGE = {
    "torn pixels": lambda folder: tear(folder / "000003.tif"),
    "flipped pixels": lambda folder: (folder / "000003.tif").write_bytes(
        bytes([77]) + (folder / "000003.tif").read_bytes()[1:] + b"!"
    ),
    "no pixels": lambda folder: (folder / "000003.tif").unlink(),
    "empty pixels": lambda folder: (folder / "000003.tif").write_bytes(b""),
    "torn facts": lambda folder: tear(folder / "000003.json"),
    "empty facts": lambda folder: (folder / "000003.json").write_bytes(b""),
    "others' facts": lambda folder: (folder / "000003.json").write_bytes(
        (folder / "000002.json").read_bytes()
    ),
    "newer facts": lambda folder: (folder / "000003.json").write_bytes(b'{"schema": 99}'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_revision_is_passed_over_and_kept(
    project: Project, image: str, drawing, damage
) -> None:
    project.accept(image, *drawing(1))
    project.save_draft(image, *drawing(2))
    project.accept(image, *drawing(3))
    damage(folder_of(project, image))
    names = sorted(os.listdir(folder_of(project, image)))
    summary = project.summary(image)
    assert (summary.status, summary.newest, summary.accepted) == ("draft", 2, 1)
    assert len(summary.problems) == 1
    assert "000003" in summary.problems[0]
    assert (project.read(image).glands == drawing(2)[0]).all()
    assert [r.revision for r in project.history(image)] == [1, 2]
    with pytest.raises(ProjectError, match="000003"):
        project.read(image, 3)
    assert project.save_draft(image, *drawing(4)).revision == 4
    assert set(names) <= set(os.listdir(folder_of(project, image)))


def test_pixels_without_facts_are_no_revision_but_their_number_is_used(
    project: Project, image: str, drawing
) -> None:
    project.save_draft(image, *drawing(1))
    folder = folder_of(project, image)
    (folder / "000002.tif").write_bytes((folder / "000001.tif").read_bytes())
    assert project.summary(image).newest == 1
    assert project.summary(image).problems == ()
    assert project.save_draft(image, *drawing(3)).revision == 3
    assert (folder / "000002.tif").exists()


def test_pixels_of_another_shape_are_damage(project: Project, image: str, drawing) -> None:
    """The sum is right, and so the file is what was written: but no annotation of this image."""
    facts = project.save_draft(image, *drawing(1))
    folder = folder_of(project, image)
    document = json.loads((folder / "000001.json").read_text())
    (folder / "000001.json").write_text(json.dumps(document | {"shape": [32, 24]}))
    with pytest.raises(ProjectError, match="holds no annotation"):
        project.read(image, facts.revision)


def test_leftovers_are_removed_by_the_next_save(project: Project, image: str, drawing) -> None:
    project.save_draft(image, *drawing(1))
    leftover = folder_of(project, image) / ".000002.tif.00112233.tmp"
    leftover.write_bytes(b"half")
    project.save_draft(image, *drawing(2))
    assert not leftover.exists()


def test_threads_take_turns(project: Project, drawing) -> None:
    images = list(project.images)[:2]
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda n: project.save_draft(images[n % 2], *drawing(n)), range(12)))
    for image in images:
        own = sorted(facts.revision for facts in saved if facts.image == image)
        assert own == [1, 2, 3, 4, 5, 6]
        assert [r.revision for r in project.history(image)] == own
    for number, facts in enumerate(saved):
        assert (project.read(facts.image, facts.revision).glands == drawing(number)[0]).all()


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_loses_nothing(
    project: Project, image: str, drawing, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The pixels, or the facts after them, cannot be written."""
    project.accept(image, *drawing(1))
    calls = []

    def full(source, target, original=os.replace):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(QsaError, match="No space left on device"):
            project.save_draft(image, *drawing(2))
    assert (project.summary(image).newest, project.problems()) == (1, [])
    assert project.save_draft(image, *drawing(3)).revision == 1 + failing
    assert (project.read(image).glands == drawing(3)[0]).all()
