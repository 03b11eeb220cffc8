"""Index, thinning, scores, models and runs."""

import json
import os
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble import shipped
from napari_qsa.errors import EnsembleFileError, ProjectError
from napari_qsa.images import sha256
from napari_qsa.project import Project, Revision, Score, annotations, clock
from napari_qsa.project.index import cache_folder
from napari_qsa.project.thinning import superfluous

# The index


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


# Thinning

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def revision(number: int, ago: timedelta, state: str = "draft") -> Revision:
    when = clock.stamp(NOON - ago)
    return Revision("i", number, state, "", "", when, "", (1, 1), 0, None, "")


def test_what_is_kept_of_drafts() -> None:
    minutes = [4000, 3990, 3000, 2990, 200, 190, 125, 122, 61, 20, 15, 10, 5, 4, 3]
    found = [revision(n, timedelta(minutes=m)) for n, m in enumerate(minutes, 1)]
    # Newest five: 11 to 15. Then of each hour: 8 (09:58), 9 (10:59), 6 (08:50); of each day:
    # 2 (7 March), 4 (8 March). Hour of 10 (11:40) has 15, and that of 7 (09:55) has 8.
    assert sorted(superfluous(found, NOON)) == [1, 3, 5, 7, 10]


def test_accepted_and_newest_are_kept_for_ever() -> None:
    old = timedelta(days=900)
    found = [revision(n, old, "accepted") for n in range(1, 20)]
    assert superfluous(found, NOON) == []
    found = [revision(n, old) for n in range(1, 20)] + [revision(20, old, "accepted")]
    assert sorted(superfluous(found, NOON)) == list(range(1, 15))


def test_thinning_removes_files_and_no_number_comes_again(
    project: Project, drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next(iter(project.images))
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start)
    project.accept(image, *drawing(0))
    for seed in range(1, 9):
        project.save_draft(image, *drawing(seed))
    damaged = project.folder / "annotations" / image / "000003.tif"
    damaged.write_bytes(b"")
    assert project.thin_drafts() == 2
    assert [r.revision for r in project.history(image)] == [1, 5, 6, 7, 8, 9]
    names = sorted(os.listdir(damaged.parent))
    assert {name[:6] for name in names} == {f"00000{n}" for n in (1, 3, 5, 6, 7, 8, 9)}
    assert len(names) == 14
    assert project.thin_drafts() == 0
    assert project.save_draft(image, *drawing(9)).revision == 10
    assert (project.read(image, 9).glands == drawing(8)[0]).all()


# Scores


def score(project: Project, image: str, value: float, size: int = 4) -> Score:
    return Score(value, 3, np.full(size, value, np.float32), project.image(image).sampled_hash)


def same(one: dict[str, Score], two: dict[str, Score]) -> bool:
    return one.keys() == two.keys() and all(
        (a.uncertainty, a.n_glands, a.image_hash) == (b.uncertainty, b.n_glands, b.image_hash)
        and a.descriptor.dtype == b.descriptor.dtype
        and (a.descriptor == b.descriptor).all()
        for a, b in ((one[i], two[i]) for i in one)
    )


def test_scores_are_merged_and_read_again(project: Project) -> None:
    a, b, c, *_ = project.images
    assert project.read_scores("m") == {}
    old = {a: score(project, a, 0.1), b: score(project, b, 0.2)}
    project.save_scores("m", old)
    new = {b: score(project, b, 0.3), c: score(project, c, 0.4)}
    project.save_scores("m", new)
    assert same(project.read_scores("m"), old | new)
    assert project.read_scores("other") == {}
    path = project.folder / "scores" / "m" / "scores.safetensors"
    before = path.read_bytes()
    project.save_scores("m", {c: new[c], b: new[b]})
    assert path.read_bytes() == before, "the same scores, the same bytes"


def test_scores_of_changed_images_are_ignored(project: Project, pictures, image_writer) -> None:
    a, b, *_ = project.images
    project.save_scores("m", {a: score(project, a, 0.1), b: score(project, b, 0.2)})
    image_writer(pictures / "P0_0.png", 99)
    project.confirm_changed(a)
    assert list(project.read_scores("m")) == [b]


@pytest.mark.parametrize(
    "wrong",
    [
        {"uncertainty": float("nan")},
        {"n_glands": -1},
        {"descriptor": np.array([np.inf], np.float32)},
        {"descriptor": np.zeros(4)},
        {"descriptor": np.zeros((2, 2), np.float32)},
        {"image_hash": "x"},
    ],
    ids=str,
)
def test_scores_that_are_none_are_refused(project: Project, wrong: dict[str, object]) -> None:
    image = next(iter(project.images))
    good = score(project, image, 0.5)
    with pytest.raises(ProjectError, match="predict the image again"):
        project.save_scores("m", {image: Score(**(vars(good) | wrong))})
    assert project.read_scores("m") == {}


def test_scores_of_two_lengths_and_of_no_model(project: Project) -> None:
    a, b, *_ = project.images
    project.save_scores("m", {a: score(project, a, 0.1)})
    with pytest.raises(ProjectError, match="cannot be of one model"):
        project.save_scores("m", {b: score(project, b, 0.1, 5)})
    with pytest.raises(ProjectError, match="is no key"):
        project.save_scores("../m", {a: score(project, a, 0.1)})
    with pytest.raises(ProjectError, match="no image 'nobody'"):
        project.save_scores("m", {"nobody": score(project, a, 0.1)})


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_damaged_scores_hold_nothing_and_are_told(project: Project, cut: int) -> None:
    image = next(iter(project.images))
    project.save_scores("m", {image: score(project, image, 0.1)})
    path = project.folder / "scores" / "m" / "scores.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    assert project.read_scores("m") == {}
    assert "scores.safetensors is damaged" in project.problems()[0]
    project.save_scores("m", {image: score(project, image, 0.2)})
    assert project.problems() == []


# Models


def test_models_are_kept_by_content(project: Project, tmp_path: Path, ensemble_writer) -> None:
    file = ensemble_writer(tmp_path / "a.safetensors", 1)
    key = project.add_model(file)
    assert key == sha256(file)[:16]
    path = project.model_path(key)
    assert path == project.folder / "models" / f"{key}.safetensors"
    assert path.read_bytes() == file.read_bytes()
    written = path.stat().st_mtime_ns
    assert project.add_model(file) == key
    assert path.stat().st_mtime_ns == written, "never written again"
    assert project.models() == (key,)
    path.write_bytes(b"torn")
    assert project.add_model(file) == key
    assert path.read_bytes() == file.read_bytes()


def test_what_is_no_model(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(EnsembleFileError):
        project.add_model(tmp_path / "x.safetensors")
    with pytest.raises(ProjectError, match="no model 'abc'"):
        project.use_model("segmentation", "abc")
    with pytest.raises(ProjectError, match="no model"):
        project.model_path("../project")
    with pytest.raises(ProjectError, match="no slot"):
        project.use_model("other", "abc")
    assert project.models() == ()


def test_going_back_through_models(project: Project, tmp_path: Path, ensemble_writer) -> None:
    keys = [project.add_model(ensemble_writer(tmp_path / "m", seed)) for seed in range(3)]
    assert project.model_in("suggestive") is None
    with pytest.raises(ProjectError, match="No model was used"):
        project.back("suggestive")
    for key in keys:
        project.use_model("suggestive", key)
    assert project.back("suggestive") == keys[1]
    assert project.back("suggestive") == keys[0]
    with pytest.raises(ProjectError, match="No model was used"):
        project.back("suggestive")
    project.use_model("suggestive", keys[2])
    assert project.back("suggestive") == keys[0]
    assert project.model_in("suggestive") == keys[0]
    assert project.model_in("segmentation") is None
    assert len(project.facts.slots["suggestive"]) == 7
    project.close()
    with Project.open(project.folder) as again:
        assert again.facts == project.facts


@pytest.mark.skipif(not shipped.names(), reason="no ensemble is shipped")
def test_shipped_ensembles_can_be_used(project: Project) -> None:
    name = shipped.names()[0]
    project.use_model("segmentation", name)
    assert project.model_in("segmentation") == name
    assert project.model_path(name) == shipped.path(name)


# Runs


@pytest.fixture
def trainable(project: Project, drawing) -> Project:
    ids = list(project.images)
    for seed, image in enumerate(ids[:4]):
        project.accept(image, *drawing(seed))
    project.save_draft(ids[0], *drawing(9))
    project.set_role([ids[1]], "validation")
    project.set_role([ids[2]], "excluded")
    return project


def test_run_freezes_its_inputs(trainable: Project, drawing, pictures: Path) -> None:
    ids = list(trainable.images)
    (pictures / "P1_3.png").unlink()
    run = trainable.new_run({"iterations": 7}, "segmentation")
    assert [(i.image, i.revision, i.role) for i in run.inputs] == [
        (ids[0], 1, "train"),
        (ids[1], 1, "validation"),
    ]
    tif = trainable.folder / "annotations" / ids[0] / "000001.tif"
    assert run.inputs[0].sha256 == sha256(tif)
    assert run.inputs[0].group == trainable.image(ids[0]).group
    assert len(run.left_out) == 1
    assert "P1_3" in run.left_out[0]
    assert "is missing" in run.left_out[0]
    trainable.accept(ids[0], *drawing(30))
    trainable.set_role([ids[0]], "excluded")
    assert trainable.runs() == [run]
    document = json.loads((run.folder / "inputs.json").read_text())
    assert document["project"] == trainable.facts.id
    assert document["options"] == {"iterations": 7}
    assert len(document["inputs"]) == 2


def test_a_run_from_start_to_adoption(trainable: Project, tmp_path: Path, ensemble_writer) -> None:
    run = trainable.new_run({}, "segmentation")
    assert run.state == "new"
    with pytest.raises(ProjectError, match="is not finished"):
        trainable.adopt(run.id)
    ensemble_writer(run.result, 4)
    trainable.close()
    with Project.open(trainable.folder) as again:
        assert [r.state for r in again.runs()] == ["finished"]
        key = again.adopt(run.id)
        assert again.model_in("segmentation") == key
        assert again.model_in("suggestive") is None
        assert again.facts.slots["segmentation"][0].run == run.id
        assert [r.state for r in again.runs()] == ["adopted"]
        for change in (again.adopt, again.discard):
            with pytest.raises(ProjectError, match="was adopted"):
                change(run.id)


def test_a_discarded_run_can_be_adopted_after_all(trainable: Project, ensemble_writer) -> None:
    run = trainable.new_run({}, "suggestive")
    ensemble_writer(run.result, 4)
    trainable.discard(run.id)
    trainable.discard(run.id)
    assert trainable.runs()[0].state == "discarded"
    assert trainable.facts.discarded == (run.id,)
    trainable.adopt(run.id)
    assert trainable.runs()[0].state == "adopted"
    assert trainable.facts.discarded == ()


def test_runs_that_are_none(trainable: Project) -> None:
    run = trainable.new_run({}, "suggestive")
    (trainable.folder / "runs" / "begun").mkdir()
    (trainable.folder / "runs" / "torn").mkdir()
    (trainable.folder / "runs" / "torn" / "inputs.json").write_text('{"schema": 1, "id')
    (trainable.folder / "runs" / "copy").mkdir()
    (trainable.folder / "runs" / "copy" / "inputs.json").write_bytes(
        (run.folder / "inputs.json").read_bytes()
    )
    assert trainable.runs() == [run]
    assert len(trainable.problems()) == 2
    for name in ("begun", "nowhere", "../project"):
        with pytest.raises(ProjectError, match="has no run"):
            trainable.adopt(name)


def test_nothing_to_train_on(project: Project, drawing) -> None:
    image = next(iter(project.images))
    project.save_draft(image, *drawing(1))
    with pytest.raises(ProjectError, match="accept one first"):
        project.new_run({}, "segmentation")
    project.accept(image, *drawing(1))
    project.set_role([image], "validation")
    with pytest.raises(ProjectError, match="accept one first"):
        project.new_run({}, "segmentation")
    with pytest.raises(ProjectError, match="no slot"):
        project.new_run({}, "other")
    assert not (project.folder / "runs").exists()


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
