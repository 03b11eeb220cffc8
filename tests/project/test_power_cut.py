"""A session is cut off at every moment; whatever was acknowledged by then is found again."""

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_qsa.errors import ProjectError
from napari_qsa.formats import replacing
from napari_qsa.images import open_dataset, open_images
from napari_qsa.project import Project, Score, clock, store

View = dict[tuple[object, ...], object]
EVERY = 40
"""Of so many cases one is opened by an owner, who goes on working."""


def view(project: Project) -> View:
    """All that a project holds, as facts that can be compared one by one."""
    found: View = {("round",): project.round}
    for name in ("name", "pixel_size", "group_rule", "seed", "shares", "settings", "discarded"):
        found["fact", name] = getattr(project.facts, name)
    for slot, uses in project.facts.slots.items():
        found["slot", slot] = uses
    for record in project.images.values():
        for name, value in dataclasses.asdict(record).items():
            found["image", record.id, name] = value
        for revision in project.history(record.id):
            found["revision", record.id, revision.revision] = revision
    for image, summary in project.summaries().items():
        found["summary", image] = summary  # its problems included
    for model in ("m1", "m2"):
        for image, score in project.read_scores(model).items():
            found["score", model, image] = (score.uncertainty, tuple(score.descriptor))
    for key in project.models():
        found["model", key] = hashlib.sha256(project.model_path(key).read_bytes()).hexdigest()[:16]
    for run in project.runs():
        lists = [(run.folder / name).read_text() for name in ("train.json", "validation.json")]
        found["run", run.id] = (run.state, run.inputs, lists)
    return found


class Session:
    """A session that uses everything, recorded, with what is there after each step."""

    def __init__(self, recorder: Any, views: list[View]) -> None:
        self.recorder = recorder
        self.views = views

    def done(self, project: Project) -> None:
        self.views.append(view(project))
        self.recorder.acknowledge()


def work(
    session: Session,
    folder: Path,
    pictures: Path,
    draw: Callable[..., Any],
    image_writer: Callable[..., Path],
    ensemble_writer: Callable[..., Path],
    later: Callable[[timedelta], None],
) -> None:
    def scores(images: list[str], seed: int) -> dict[str, Score]:
        return {
            i: Score(seed + 0.5, 1, np.full(3, seed, np.float32), project.image(i).sampled_hash)
            for i in images
        }

    def trained(run_folder: Path, seed: int) -> None:
        made = ensemble_writer(pictures.parent / "made.safetensors", seed)
        for slot in ("suggestive", "segmentation"):
            with replacing(run_folder / f"{slot}.safetensors") as file:
                file.write(made.read_bytes())

    project = Project.create(folder, "Cut", seed=3)
    session.done(project)

    def step(action: Callable[[], object]) -> None:
        action()
        session.done(project)

    files = sorted(pictures.glob("*.png"))
    step(lambda: project.add_images(open_images(files[:4])))
    images = list(project.images)
    step(lambda: project.set_pixel_size(0.5))
    for seed, image in enumerate((images[0], images[1], images[0], images[0])):
        step(lambda image=image, seed=seed: project.save_draft(image, *draw(seed)))
    step(lambda: project.accept(images[0], *draw(10)))
    step(lambda: project.accept(images[1], *draw(11)))
    step(lambda: project.set_group_rule(r"^(P\d)"))
    step(lambda: project.assign_roles((0.2, 0.5)))
    step(lambda: project.set_role(images[:1], "train"))
    step(lambda: project.add_images(open_dataset(pictures)))
    images = list(project.images)
    step(lambda: project.set_settings({"k": 3}))
    step(lambda: project.next_round(images, 2))
    step(lambda: project.save_scores("m1", scores(images[:2], 1)))
    step(lambda: project.save_scores("m1", scores(images[1:4], 2)))
    step(lambda: project.save_scores("m2", scores(images[:1], 3)))
    added = ensemble_writer(pictures.parent / "given.safetensors", 9)
    step(lambda: project.add_model(added))
    step(lambda: project.use_model("suggestive", project.models()[0]))
    for seed in (1, 2):
        step(lambda: project.new_run({"iterations": 5}))
        run = project.runs()[-1]
        step(lambda run=run, seed=seed: trained(run.folder, seed))
        step(lambda run=run: project.adopt(run.id))
    step(lambda: project.back("segmentation"))
    step(lambda: project.new_run({}))
    step(lambda: project.discard(project.runs()[-1].id))
    for seed in range(20, 28):
        later(timedelta(minutes=7))
        step(lambda seed=seed: project.save_draft(images[2], *draw(seed)))
    later(timedelta(days=2))
    step(lambda: project.thin_drafts())
    for seed in range(50, 74):
        save = project.accept if seed % 5 == 0 else project.save_draft
        step(lambda save=save, seed=seed: save(images[seed % 5], *draw(seed)))
    step(lambda: project.restore(images[0], 1))
    step(lambda: project.hash_images())
    moved = pictures / "moved" / files[3].name
    moved.parent.mkdir()
    shutil.move(project.path_of(images[3]), moved)
    step(lambda: project.relocate(project.find_moved(pictures)))
    image_writer(project.path_of(images[1]), 99, (20, 28))
    step(lambda: project.confirm_changed(images[1]))
    step(lambda: project.accept(images[1], *draw(40, (20, 28))))
    project.close()
    (folder / ".images.json.0123abcd.tmp").write_bytes(b"left by a killed owner")
    project = Project.open(folder)
    session.done(project)
    step(lambda: project.next_round(images, 1))
    project.close()


@pytest.fixture
def session(
    tmp_path: Path,
    pictures: Path,
    drawing: Callable[..., Any],
    image_writer: Callable[..., Path],
    ensemble_writer: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Session:
    from recorder import Recorder

    # Replicas replace each other in one place faster than time stamps tell: no index here.
    monkeypatch.setenv("NAPARI_QSA_CACHE", "")
    start, offset = clock.now(), [timedelta(0)]

    def later(span: timedelta) -> None:
        offset[0] += span

    def now():
        offset[0] += timedelta(milliseconds=2)
        return start + offset[0]

    monkeypatch.setattr(clock, "now", now)
    folder = tmp_path / "cut.qsa"
    session = Session(Recorder(folder), [])
    with session.recorder.recording():
        work(session, folder, pictures, drawing, image_writer, ensemble_writer, later)
    return session


def cases(log: list[Any]) -> Iterator[tuple[str, int, Any]]:
    """Each state in which the folder can be found: how it came to be, what was acknowledged."""
    from recorder import Disk, Step

    disk, acknowledged = Disk(), 0
    for number, step in enumerate(log):
        if step.kind == "acknowledged":
            acknowledged += 1
        if step.kind == "write":
            before = disk.names[step.path].written
            size = len(step.data)
            for cut in sorted({0, 1, *(size * part // 10 for part in range(1, 10)), size - 1}):
                disk.do(Step("write", step.path, step.offset, step.data[:cut]))
                yield f"{number}: {step.path} torn at {cut}", acknowledged, disk.killed()
                disk.names[step.path].written = before
        disk.do(step)
        what = f"{number}: after {step.kind} {step.path}"
        yield f"{what}, killed", acknowledged, disk.killed()
        if step.kind != "acknowledged":
            yield f"{what}, contents lost", acknowledged, disk.contents_lost()
        yield f"{what}, names lost", acknowledged, disk.names_lost()


def complaints(found: View, before: View, after: View) -> list[str]:
    """Each fact must be as it was acknowledged last, or as the step under way makes it."""
    return [
        f"{key}: {found.get(key)} is neither {before.get(key)} nor {after.get(key)}"
        for key in found.keys() | before.keys() | after.keys()
        if found.get(key) not in (before.get(key), after.get(key))
    ]


def check(folder: Path, acknowledged: int, views: list[View]) -> list[str]:
    nothing: View = {}
    before = views[acknowledged - 1] if acknowledged else nothing
    after = views[acknowledged] if acknowledged < len(views) else before
    try:
        with Project.open(folder, read_only=True) as project:
            return complaints(view(project), before or after, after)
    except ProjectError as error:
        return [] if not acknowledged and "is no project" in str(error) else [str(error)]


def test_log_is_complete(session: Session, tmp_path: Path) -> None:
    """Without this, a write past the recorder would not be cut off anywhere."""
    from recorder import Disk, tree_on_disk

    disk = Disk()
    for step in session.recorder.log:
        disk.do(step)
    assert disk.killed() == tree_on_disk(session.recorder.folder)
    # All names, and all contents but the lock's, which only a living process needs
    folder = session.recorder.folder.name
    durable = disk.names_lost().files
    assert durable | {f"{folder}/lock": b""} == disk.killed().files | {f"{folder}/lock": b""}


@pytest.mark.slow
def test_what_was_acknowledged_survives_every_cut(session: Session, tmp_path: Path) -> None:
    from recorder import Replica

    root = tmp_path / "replica"
    root.mkdir()
    replica, folder = Replica(root), root / session.recorder.folder.name
    seen: dict[int, set[str]] = {}
    count = 0
    for what, acknowledged, tree in cases(session.recorder.log):
        key = hashlib.sha256(repr((sorted(tree.folders), sorted(tree.files.items()))).encode())
        if key.hexdigest() in seen.setdefault(acknowledged, set()):
            continue
        seen[acknowledged].add(key.hexdigest())
        count += 1
        replica.show(tree)
        found = check(folder, acknowledged, session.views)
        assert not found, f"{what}\n" + "\n".join(found)
        if count % EVERY == 0 and acknowledged > 1:
            go_on(folder, tmp_path / "owned", what)
    assert count > 2000, "the session has become too short to prove anything"
    print(f"{count} cases of {len(session.recorder.log)} steps")


def go_on(folder: Path, place: Path, what: str) -> None:
    """An owner opens what is left, loses nothing by that, and can work."""
    copy = place / folder.name
    shutil.copytree(folder, copy)
    with Project.open(copy, read_only=True) as project:
        before = view(project)
    with Project.open(copy) as project:
        assert view(project) == before, what
        image = next(iter(project.images))
        used = [revision.revision for revision in project.history(image)]
        pixels = np.ones(project.image(image).shape, int)
        saved = project.save_draft(image, pixels, pixels)
        assert saved.revision > max(used, default=0), what
        assert project.summary(image).newest == saved.revision
        assert (project.read(image).glands == 1).all()
        project.set_settings({"went": "on"})
    with Project.open(copy) as project:
        assert project.facts.settings["went"] == "on"
        assert project.summary(image).newest == saved.revision
    assert not list(copy.glob(".*.tmp"))
    shutil.rmtree(place)


def careless(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def unflushed(path: Path, data: bytes) -> None:
    hidden = path.with_name(".hidden")
    hidden.write_bytes(data)
    hidden.replace(path)


@pytest.mark.parametrize("writer", [careless, unflushed])
def test_careless_writing_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: Callable[[Path, bytes], None]
) -> None:
    """The proof above can fail: writers that skip a precaution are caught by it."""
    from recorder import Recorder, Replica

    monkeypatch.setenv("NAPARI_QSA_CACHE", "")
    monkeypatch.setattr(store, "write_bytes", writer)
    recorder = Recorder(tmp_path / "cut.qsa")
    session = Session(recorder, [])
    with recorder.recording(), Project.create(recorder.folder, "Cut") as project:
        session.done(project)
        project.set_pixel_size(0.5)
        session.done(project)
    root = tmp_path / "replica"
    root.mkdir()
    replica = Replica(root)
    found = []
    for _, acknowledged, tree in cases(recorder.log):
        replica.show(tree)
        found += check(root / "cut.qsa", acknowledged, session.views)
    assert any("is damaged" in sentence for sentence in found)


def test_views_tell_states_apart(session: Session) -> None:
    """Each acknowledged step changed something that is looked at, or it proves nothing."""
    same = [n for n, (one, two) in enumerate(pairwise(session.views)) if one == two]
    trained_and_reopened = 3
    assert len(same) <= trained_and_reopened
