"""Making, opening and closing a project."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.images import open_dataset
from napari_qsa.project import Project, ProjectLocked
from napari_qsa.project.predictions import Stored
from napari_qsa.project.rescue import Rescued


def stored(shape: tuple[int, int]) -> Stored:
    """A prediction of nothing."""
    maps = (np.zeros(shape, np.float32) for _ in range(3))
    return Stored(*maps, labels=np.zeros(shape, np.uint16), pixel_size=0.5)


def test_loads_no_torch_and_no_window() -> None:
    source = (
        "import sys, napari_qsa.project\n"
        "print([n for n in ('torch', 'qtpy', 'napari', 'scipy', 'skimage') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_everything_is_found_again(project: Project, drawing) -> None:
    first, second, *_ = project.images
    glands, region = drawing(1)
    project.save_draft(first, glands, region, "Ada")
    project.accept(second, glands, region, "Ada", keep_region=True)
    facts, records, folder = project.facts, project.images, project.folder
    project.close()
    with Project.open(folder) as again:
        assert again.facts == facts
        assert again.images == records
        found = again.read(second)
        assert (found.glands == glands).all()
        assert (found.region == region).all()
        assert [again.summary(i).status for i in (first, second)] == ["draft", "accepted"]


def test_facts(empty: Project) -> None:
    facts = empty.facts
    assert (facts.name, facts.pixel_size, facts.seed, facts.round) == ("Glands", 0.5, 7, 0)
    assert facts.created.endswith("+00:00")


def test_is_not_made_twice(project: Project) -> None:
    before = (project.folder / "images.json").read_bytes()
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.folder, "Again")
    project.close()
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.folder, "Again")
    assert (project.folder / "images.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "title", "sentence"),
    [
        ("plain", "x", "NAME.qsa"),
        ("a.qsa", "  ", "give it a name"),
        ("no/such/a.qsa", "x", "make it first"),
        ("full.qsa", "x", "is not empty"),
        ("file.qsa", "x", "is a file"),
    ],
)
def test_is_not_made_in_a_wrong_place(tmp_path: Path, name: str, title: str, sentence: str) -> None:
    (tmp_path / "full.qsa").mkdir()
    (tmp_path / "full.qsa" / "thesis.doc").write_text("x")
    (tmp_path / "file.qsa").write_text("x")
    with pytest.raises(ProjectError, match=sentence):
        Project.create(tmp_path / name, title)


def test_a_creation_that_was_cut_off_can_be_done_again(tmp_path: Path, empty: Project) -> None:
    folder = empty.folder
    empty.close()
    (folder / "project.json").unlink()
    (folder / ".project.json.0123abcd.tmp").write_text("{")
    with Project.create(folder, "Again") as project:
        assert project.facts.name == "Again"
        assert sorted(p.name for p in folder.iterdir()) == ["images.json", "lock", "project.json"]


def test_images_without_project_are_not_written_over(project: Project) -> None:
    folder = project.folder
    project.close()
    (folder / "project.json").unlink()
    before = (folder / "images.json").read_bytes()
    with pytest.raises(ProjectError, match="is not empty"):
        Project.create(folder, "Again")
    with pytest.raises(ProjectError, match="is no project"):
        Project.open(folder)
    assert (folder / "images.json").read_bytes() == before


@pytest.mark.parametrize("document", ["project.json", "images.json"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b'{"schema": 1, "na', "it is not whole JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "does not name its schema"),
        (b'{"schema": 1}', "is damaged"),
        (b'{"schema": 1, "x": NaN}', "it is not whole JSON"),
        (b'{"schema": 2}', "newer release"),
        (b"[" * 100_000, "it is not whole JSON"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_document_is_named_and_left_alone(
    project: Project, document: str, content: bytes, sentence: str, read_only: bool
) -> None:
    folder = project.folder
    project.close()
    (folder / document).write_bytes(content)
    with pytest.raises(ProjectError, match=sentence) as caught:
        Project.open(folder, read_only)
    assert document in str(caught.value)
    assert (folder / document).read_bytes() == content


def test_missing_records_are_not_taken_for_none(project: Project) -> None:
    project.close()
    (project.folder / "images.json").unlink()
    with pytest.raises(ProjectError, match=r"images\.json is missing"):
        Project.open(project.folder)
    assert not (project.folder / "images.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc"},
        {"id": "a/b"},
        {"role": "boss"},
        {"width": -1},
        {"width": True},
        {"sampled_hash": "00"},
        {"round": 1.5},
        {"path": None},
    ],
    ids=str,
)
def test_a_record_of_nonsense_is_damage(project: Project, change: dict[str, object]) -> None:
    project.close()
    path = project.folder / "images.json"
    document = json.loads(path.read_text())
    document["images"][2].update(change)
    path.write_text(json.dumps(document))
    with pytest.raises(ProjectError, match="image 3"):
        Project.open(project.folder)


def test_read_only_reads_beside_the_owner_and_writes_nothing(project: Project, drawing) -> None:
    image = next(iter(project.images))
    project.save_draft(image, *drawing(1))
    with pytest.raises(ProjectLocked):
        Project.open(project.folder)
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    with Project.open(project.folder, read_only=True) as reader:
        assert (reader.read(image).glands == drawing(1)[0]).all()
        with pytest.raises(ProjectError, match="read-only"):
            reader.save_draft(image, *drawing(2))
    assert {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()} == before
    project.save_draft(image, *drawing(3))


def test_a_closed_project_cannot_be_changed(project: Project, drawing) -> None:
    project.close()
    project.close()
    with pytest.raises(ProjectError, match="was closed"):
        project.save_draft(next(iter(project.images)), *drawing(1))


def test_leftovers_of_a_killed_owner_are_removed(project: Project) -> None:
    project.close()
    leftover = project.folder / ".images.json.89abcdef.tmp"
    leftover.write_text("half")
    Project.open(project.folder, read_only=True).close()
    assert leftover.exists()
    Project.open(project.folder).close()
    assert not leftover.exists()


def test_settings_are_json(project: Project) -> None:
    project.set_settings({"k": 8})
    project.set_settings({"h&e": True})
    assert project.facts.settings == {"k": 8, "h&e": True}
    with pytest.raises(ProjectError, match="as JSON"):
        project.set_settings({"k": object()})
    with pytest.raises(ProjectError, match="above 0"):
        project.set_pixel_size(-1)
    project.set_pixel_size(0.25)
    assert project.pixel_size_of(next(iter(project.images))) == 0.25


def test_a_full_disk_leaves_memory_and_files_alike(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, records = project.facts, project.images

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(QsaError, match="No space left on device"):
            project.set_pixel_size(2.0)
        with pytest.raises(QsaError, match="No space left on device"):
            project.set_role(list(records), "excluded")
    assert (project.facts, project.images) == (facts, records)
    project.close()
    with Project.open(project.folder) as again:
        assert (again.facts, again.images) == (facts, records)


def rescued(project: Project, image: str) -> Rescued:
    """A copy outside the project of something that is not in it."""
    ones = np.ones((24, 32), int)
    project.rescue(image, ones, ones, project.image(image).sampled_hash, None, "ab12")
    return project.rescued()[-1]


WRITING = {
    "set_pixel_size": lambda p, i: p.set_pixel_size(1.0),
    "set_settings": lambda p, i: p.set_settings({}),
    "add_images": lambda p, i: p.add_images(open_dataset(p.folder.parent / "pictures")),
    "save_draft": lambda p, i: p.save_draft(i, np.ones((24, 32), int), np.ones((24, 32), int)),
    "accept": lambda p, i: p.accept(i, np.ones((24, 32), int), np.ones((24, 32), int)),
    "restore": lambda p, i: p.restore(i, 1),
    "thin_drafts": lambda p, i: p.thin_drafts(),
    "relocate": lambda p, i: p.relocate({}),
    "confirm_changed": lambda p, i: p.confirm_changed(i),
    "hash_images": lambda p, i: p.hash_images(),
    "assign_roles": lambda p, i: p.assign_roles(),
    "set_role": lambda p, i: p.set_role([i], "train"),
    "set_group_rule": lambda p, i: p.set_group_rule(None),
    "next_round": lambda p, i: p.next_round([i], 1),
    "save_scores": lambda p, i: p.save_scores("m", {}),
    "save_prediction": lambda p, i: p.save_prediction("m", i, stored(p.image(i).shape)),
    "save_map": lambda p, i: p.save_map("m", i, "0" * 64, np.zeros((2, 2), np.uint8)),
    "take_rescued": lambda p, i: p.take_rescued(rescued(p, i)),
    "add_model": lambda p, i: p.add_model("x"),
    "use_model": lambda p, i: p.use_model("segmentation", "x"),
    "back": lambda p, i: p.back("segmentation"),
    "new_run": lambda p, i: p.new_run({}),
    "adopt": lambda p, i: p.adopt("x"),
    "discard": lambda p, i: p.discard("x"),
}
READING = {
    *("check_images", "close", "create", "facts", "find_moved", "folder", "history", "image"),
    *("images", "model_in", "model_path", "models", "open", "path_of", "pixel_size_of"),
    *(
        "predictions",
        "problems",
        "read",
        "read_map",
        "read_only",
        "read_prediction",
        "read_scores",
        "reload",
        "round",
        "run",
        "runs",
    ),
    *("summaries", "summary", "trainable"),
    # What is kept outside the project
    *("clean_rescued", "discard_rescued", "fits", "forget_rescued", "rescue", "rescued"),
}


@pytest.mark.parametrize("action", WRITING.values(), ids=WRITING.keys())
def test_a_reader_can_change_nothing(project: Project, drawing, action) -> None:
    image = next(iter(project.images))
    project.save_draft(image, *drawing(1))
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    reader = Project.open(project.folder, read_only=True)
    with reader, pytest.raises(ProjectError, match="open read-only"):
        action(reader, image)
    assert {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()} == before


def test_every_method_was_thought_of() -> None:
    public = {name for name in dir(Project) if not name.startswith("_")}
    assert public == WRITING.keys() | READING
