"""Training on a project: a process of its own, watched, stopped, resumed and adopted."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble.card import read_card
from napari_qsa.ensemble.training.events import read_events
from napari_qsa.images import sha256
from napari_qsa.jobs import project_training
from napari_qsa.project import Project
from napari_qsa.session import trainer as trainer_module
from napari_qsa.session.state import State

SLOTS = ("suggestive", "segmentation")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, ensemble_maker) -> Iterator[tuple[Any, Project, str]]:
    """A project with one run that is trained to its end."""
    from training_room import Room, make_project

    project = make_project(tmp_path_factory.mktemp("trained"), ensemble_maker)
    room = Room(project)
    try:
        yield room, project, room.train()
    finally:
        room.close()
        project.close()


@pytest.fixture
def small(tmp_path: Path, ensemble_maker) -> Iterator[Project]:
    """A project with two images to train on and none to validate on."""
    from training_room import make_project

    with make_project(tmp_path, ensemble_maker, validation=0, train=2) as project:
        yield project


@pytest.fixture
def room(small: Project) -> Iterator[Any]:
    from training_room import Room

    made = Room(small)
    yield made
    made.close()


def weights(folder: Path) -> dict[str, bytes]:
    """What each file of a run holds besides its card's date."""
    found = {}
    for slot in SLOTS:
        data = (folder / f"{slot}.safetensors").read_bytes()
        found[slot] = data[8 + int.from_bytes(data[:8], "little") :]
    return found


@pytest.mark.slow
def test_a_training_ends_with_both_models(trained) -> None:
    room, project, run_id = trained
    (run,) = room.trainer.runs()
    assert (run.id, run.status, run.images, run.validation) == (run_id, "finished", 3, 1)
    assert (room.finished, room.failures) == ([run_id], [])
    assert room.trainer.status.state is State.DONE
    for slot in SLOTS:
        card = read_card(project.run(run_id).result(slot))
        assert (card.role, card.members, card.weights, card.folds) == (slot, 2, "inq4", 0)
        assert [image.name for image in card.training] == list(project.images)[:3]
        assert card.seeds == (5, 5)  # the project's
        assert card.metrics["training"]["float_share"] == 0.55
        assert card.metrics["training"]["start"] == f"{project.model_in(slot)}.safetensors"


@pytest.mark.slow
def test_each_network_has_a_curve_and_it_is_there_again(trained) -> None:
    from training_room import Room

    room, project, run_id = trained
    curves = room.trainer.curves
    assert set(curves) == {(slot, member) for slot in SLOTS for member in (0, 1)}
    for curve in curves.values():
        assert curve.iterations == tuple(range(1, 21))
        assert len(curve.loss) == curve.total == 20
        assert curve.dice_iterations == tuple(range(2, 21, 2))
        assert all(0 <= value <= 1 for value in curve.dice)
    with Project.open(project.folder, read_only=True) as again:
        other = Room(again)
        assert other.trainer.shown == run_id
        assert other.trainer.curves == curves
        assert other.trainer.comparison(run_id) == room.trainer.comparison(run_id)
        assert other.finished == []
        other.close()


@pytest.mark.slow
def test_the_new_model_is_compared_with_the_one_in_use(trained) -> None:
    room, project, run_id = trained
    found = room.trainer.comparison(run_id)
    assert found is not None
    assert found.source == "out of bag"
    assert list(project.images)[3] in {pair.name for pair in found.images}
    assert 0 <= found.current <= 1
    assert found.low <= found.difference <= found.high


@pytest.mark.slow
def test_adopting_and_going_back(trained) -> None:
    room, project, run_id = trained
    before = {slot: project.model_in(slot) for slot in SLOTS}
    results = {slot: sha256(project.run(run_id).result(slot))[:16] for slot in SLOTS}
    room.trainer.adopt(run_id)
    room.until(lambda: room.trainer.runs()[-1].status == "adopted")
    assert {slot: project.model_in(slot) for slot in SLOTS} == results
    for slot in SLOTS:
        room.trainer.back(slot)
    room.settle()
    assert {slot: project.model_in(slot) for slot in SLOTS} == before
    room.trainer.discard(run_id)
    room.until(lambda: bool(room.failures))
    assert "was adopted" in room.failures.pop()
    room.trainer.resume(run_id)
    room.until(lambda: bool(room.failures))
    assert "nothing to resume" in room.failures.pop()


@pytest.mark.slow
def test_killed_and_cancelled_and_resumed_it_ends_the_same(
    room, small: Project, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill the trainer in several phases, cancel it once, and compare with a quiet run."""
    from training_room import options

    monkeypatch.setattr(trainer_module, "POLL_SECONDS", 0.1)
    trainer = room.trainer
    trainer.start(options(iterations=100, members=1))
    room.until(lambda: trainer.under_way)
    run_id = trainer.shown
    folder = small.run(run_id).folder
    phases = []
    for slot, target in (("suggestive", 3), ("suggestive", 70), ("segmentation", 57)):

        def reached(slot=slot, target=target) -> bool:
            events = read_events(folder / slot)
            return any(e.get("iteration", 0) >= target for e in events) or not trainer.running

        room.until(reached)
        assert trainer.running
        phases.append((slot, trainer.curves[slot, 0].phase if trainer.curves else ""))
        if target == 70:
            trainer.cancel()
        else:
            pid = json.loads((folder / "process.json").read_text())["pid"]
            os.kill(pid, signal.SIGKILL)
        room.until(lambda: not trainer.running)
        assert trainer.runs()[-1].status == "interrupted"
        assert trainer.status.state is State.CANCELLED
        trainer.resume(run_id)
        room.until(lambda: trainer.under_way)
    with capsys.disabled():
        print(" interrupted in", phases, end=" ")
    room.until(lambda: not trainer.running)
    assert trainer.runs()[-1].status == "finished"
    assert room.finished == [run_id]
    quiet = room.train(iterations=100, members=1)
    assert quiet != run_id
    assert weights(folder) == weights(small.run(quiet).folder)


def test_the_plan_says_what_would_be_trained_on(room, small: Project) -> None:
    plans: list[Any] = []
    room.trainer.plan(plans.append)
    room.until(lambda: bool(plans))
    glands = sum(found.glands for found in small.summaries().values())
    (plan,) = plans
    assert (plan.images, plan.validation, plan.glands) == (2, 0, glands)
    assert (plan.minutes, plan.iterations, plan.left_out) == (10.0, None, ())
    assert plan.start == small.model_in("segmentation")
    sizes = {slot: small.model_path(small.model_in(slot)).stat().st_size for slot in SLOTS}
    # The models in use have 2 and 3 networks, the new ones 5.
    assert plan.file_bytes == pytest.approx(
        5 * (sizes["suggestive"] / 2 + sizes["segmentation"] / 3), abs=2
    )


def test_what_cannot_begin_says_why(room, small: Project) -> None:
    from training_room import options

    room.trainer.start(options(segmentation={"speed": 3}))
    room.until(lambda: not room.trainer.running)
    assert "unknown" in room.failures.pop()
    assert room.trainer.status.state is State.FAILED
    small.set_role(small.images, "validation")
    room.trainer.start(options())
    room.until(lambda: not room.trainer.running)
    assert "No training image" in room.failures.pop()
    room.desk.put_project(None)
    for action in (room.trainer.start, lambda: room.trainer.adopt("x")):
        action()
        assert "No project is open" in room.failures.pop()
    assert room.trainer.runs() == ()


def test_a_process_that_dies_at_once_is_no_endless_training(
    room, small: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training_room import options

    monkeypatch.setattr(project_training.sys, "executable", "/bin/false")
    room.trainer.start(options())
    room.until(lambda: not room.trainer.running)
    (run,) = room.trainer.runs()
    assert run.status == "interrupted"
    assert not small.run(run.id).result("segmentation").exists()
    assert room.finished == []


def test_one_training_at_a_time(room, small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from training_room import options

    monkeypatch.setattr(project_training, "start", lambda folder, keep: None)
    monkeypatch.setattr(project_training, "is_running", lambda folder: True)
    room.trainer.start(options())
    room.until(lambda: room.trainer.under_way)
    room.trainer.start(options())
    assert "runs already" in room.failures.pop()
    assert len(room.trainer.runs()) == 1
    monkeypatch.setattr(project_training, "is_running", lambda folder: False)
    room.until(lambda: not room.trainer.running)


def test_a_start_that_was_taken_back_stops_no_training_of_another_project(
    room, small: Project, tmp_path: Path, ensemble_maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training_room import make_project, options

    begun = threading.Event()
    monkeypatch.setattr(project_training, "start", lambda folder, keep: begun.wait())
    monkeypatch.setattr(project_training, "is_running", lambda folder: True)
    with make_project(tmp_path / "other", ensemble_maker) as other:
        running = other.new_run({})
        room.trainer.start(options())
        room.trainer.cancel()
        room.desk.put_project(other)
        begun.set()
        room.until(lambda: room.trainer.under_way)
        room.settle()
        (unwanted,) = small.runs()
        assert (unwanted.folder / "cancel").exists()
        assert not (running.folder / "cancel").exists()
        monkeypatch.setattr(project_training, "is_running", lambda folder: False)
        room.until(lambda: not room.trainer.running)
        room.desk.put_project(None)


def test_who_only_reads_resumes_nothing(room, small: Project) -> None:
    run = small.new_run({})
    with Project.open(small.folder, read_only=True) as reader:
        room.desk.put_project(reader)
        room.trainer.resume(run.id)
        room.until(lambda: not room.trainer.running)
        assert "read-only" in room.failures.pop()
        assert not (run.folder / "process.json").exists()
        room.desk.put_project(None)
