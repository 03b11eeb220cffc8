"""The index of a project makes it faster and changes no answer."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from napari_qsa.project import Project, annotations
from napari_qsa.project.index import cache_folder


@pytest.fixture
def annotated(project: Project, drawing) -> Project:
    ids = list(project.images)
    for seed, image in enumerate(ids[:4]):
        project.accept(image, *drawing(seed))
        project.save_draft(image, *drawing(seed + 10))
    project.accept(ids[0], *drawing(20))
    torn = project.folder / "annotations" / ids[1] / "000002.tif"
    torn.write_bytes(torn.read_bytes()[:-3])
    return project


def index_file(cache: Path) -> Path:
    (found,) = cache.glob("projects/*.sqlite")
    return found


def summarizing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the images whose files are read, as they are read."""
    read: list[str] = []
    original = annotations._summarize

    def noting(folder, record):
        read.append(record.id)
        return original(folder, record)

    monkeypatch.setattr(annotations, "_summarize", noting)
    return read


def test_index_spares_reading(annotated: Project, monkeypatch: pytest.MonkeyPatch, drawing):
    expected = annotated.summaries()
    assert [s.status for s in expected.values()] == [
        "accepted",
        "accepted",
        "draft",
        "draft",
        "none",
        "none",
    ]
    read = summarizing(monkeypatch)
    assert annotated.summaries() == expected
    assert read == []
    last = list(annotated.images)[5]
    annotated.save_draft(last, *drawing(1))
    assert annotated.summaries()[last].status == "draft"
    assert set(read) == {last}


def delete(path: Path) -> None:
    path.unlink()


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def lie(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE rows SET text = replace(text, 'accepted', 'draft')")
    database.close()


def change_tables(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE rows")
        database.execute("CREATE TABLE rows (x)")
    database.close()


@pytest.mark.parametrize("harm", [delete, overwrite, tear, lie, change_tables])
def test_index_is_never_needed(annotated: Project, cache: Path, harm) -> None:
    expected = annotated.summaries()
    harm(index_file(cache))
    assert annotated.summaries() == expected
    assert annotated.summaries() == expected


def test_damaged_index_is_made_anew(annotated: Project, cache: Path, monkeypatch) -> None:
    expected = annotated.summaries()
    overwrite(index_file(cache))
    annotated.summaries()
    annotated.summaries()
    read = summarizing(monkeypatch)
    assert annotated.summaries() == expected
    assert read == []


def test_stale_index_is_noticed(annotated: Project, drawing) -> None:
    ids = list(annotated.images)
    before = annotated.summaries()
    folder = annotated.folder / "annotations" / ids[2]
    (folder / "000002.json").unlink()  # by a synchronizing program, for one
    after = annotated.summaries()
    assert (after[ids[2]].newest, after[ids[2]].status) == (1, "accepted")
    assert {i: s for i, s in after.items() if i != ids[2]} == {
        i: s for i, s in before.items() if i != ids[2]
    }
    torn = annotated.folder / "annotations" / ids[3] / "000002.tif"
    data = bytearray(torn.read_bytes())
    data[-1] ^= 1
    torn.write_bytes(data)
    os.utime(torn, ns=(5, 5))
    assert annotated.summary(ids[3]).newest == 1


def test_no_index_gives_the_same(annotated: Project, monkeypatch, tmp_path: Path) -> None:
    expected = annotated.summaries()
    (tmp_path / "file").write_text("no folder")
    for place in ("", str(tmp_path / "file"), str(tmp_path / "new")):
        monkeypatch.setenv("NAPARI_QSA_CACHE", place)
        with Project.open(annotated.folder, read_only=True) as reader:
            assert reader.summaries() == expected
            assert reader.summaries() == expected


def test_places_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NAPARI_QSA_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for system, place in (
        ("linux", tmp_path / ".cache"),
        ("darwin", tmp_path / "Library" / "Caches"),
    ):
        monkeypatch.setattr(sys, "platform", system)
        assert cache_folder() == place / "napari-qsa"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert cache_folder() == tmp_path / "Local" / "napari-qsa"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "napari-qsa"
