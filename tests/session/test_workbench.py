"""Opening and closing projects; the parts work together; and what a window must never load."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_qsa.jobs.lock import lock
from napari_qsa.project import Project
from napari_qsa.session import adding, samples
from napari_qsa.session.state import State


def ids(bench: Any) -> list[str]:
    return [row.id for row in bench.pool.rows]


def hashed(bench: Any) -> bool:
    return all(record.sha256 for record in bench.desk.project.images.values())


def test_importing_the_workbench_loads_neither_torch_nor_a_window() -> None:
    code = """
        import sys
        import napari_qsa.session.workbench
        from napari_qsa.session.dispatch import Inbox
        napari_qsa.session.workbench.Workbench(Inbox().post).close()
        never = ("torch", "openvino", "onnxruntime", "qtpy", "napari", "magicgui", "PyQt6")
        print([name for name in never if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# New projects


def test_a_new_project_has_its_images_roles_and_hashes(
    make_bench: Any, tmp_path: Path, pictures: Path
) -> None:
    bench = make_bench()
    bench.workbench.new_project(tmp_path / "new.qsa", pictures, "New", 0.4, seed=3)
    assert bench.workbench.running
    assert bench.desk.project is None
    bench.until(lambda: not bench.workbench.running)
    project = bench.desk.project
    assert (project.facts.name, project.facts.pixel_size, project.facts.seed) == ("New", 0.4, 3)
    assert bench.workbench.status.message == "12 images added."
    assert bench.workbench.status.state is State.DONE
    roles = [row.role for row in bench.pool.rows]
    assert 2 <= roles.count("validation") <= 3
    assert set(roles) == {"train", "validation"}
    bench.until(lambda: hashed(bench))


def test_a_project_can_be_made_of_nothing_and_named_by_its_folder(
    make_bench: Any, tmp_path: Path
) -> None:
    bench = make_bench()
    bench.workbench.new_project(tmp_path / "bare.qsa")
    bench.until(lambda: not bench.workbench.running)
    assert bench.desk.project.facts.name == "bare"
    assert bench.pool.rows == ()


def test_a_project_is_not_made_of_a_folder_without_images(make_bench: Any, tmp_path: Path) -> None:
    bench = make_bench()
    (tmp_path / "none").mkdir()
    (tmp_path / "text.png").write_text("no image")
    for folder in ("none", "missing", "text.png"):
        bench.workbench.new_project(tmp_path / "new.qsa", tmp_path / folder)
        bench.until(lambda: not bench.workbench.running)
        assert bench.workbench.status.state is State.FAILED
        assert str(tmp_path / folder) in bench.failures[-1]
        assert bench.desk.project is None
        assert not (tmp_path / "new.qsa").exists()
    assert len(bench.failures) == 3


def test_a_failed_start_leaves_the_open_project_open(bench: Any, tmp_path: Path) -> None:
    project = bench.desk.project
    opened = bench.show(ids(bench)[0])
    bench.workbench.new_project(tmp_path / "noproject", None)
    bench.until(lambda: not bench.workbench.running)
    bench.open(tmp_path)
    assert len(bench.failures) == 2
    assert bench.desk.project is project
    assert bench.now is opened


def test_sample_images_make_a_project_without_accepted_labels(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "DRAWN", 2)
    monkeypatch.setattr(samples, "SHAPE", (48, 64))
    bench = make_bench()
    bench.workbench.new_sample_project(tmp_path / "try.qsa")
    bench.until(lambda: not bench.workbench.running)
    bench.settle()
    names = [row.name for row in bench.pool.rows]
    assert names == ["drawn glands 01", "drawn glands 02", "stained glands (IHC)"]
    assert {row.annotation for row in bench.pool.rows} == {"none"}
    sizes = [bench.desk.project.pixel_size_of(i) for i in ids(bench)]
    assert sizes == pytest.approx([0.62] * 3, abs=1e-3)
    assert sorted(path.name for path in (tmp_path / "try images").iterdir()) == [
        "drawn glands 01.png",
        "drawn glands 02.png",
        "stained glands (IHC).png",
    ]
    assert bench.failures == []


def test_a_sample_project_that_was_interrupted_is_filled(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "DRAWN", 2)
    monkeypatch.setattr(samples, "SHAPE", (48, 64))
    folder = tmp_path / "try.qsa"
    assert not adding.is_empty(folder)
    Project.create(folder, "Sample images").close()
    assert adding.is_empty(folder)
    bench = make_bench()
    bench.workbench.new_sample_project(folder)
    bench.until(lambda: not bench.workbench.running)
    bench.settle()
    assert len(bench.pool.rows) == 3
    assert {row.role for row in bench.pool.rows} <= {"train", "validation"}
    assert not adding.is_empty(folder)
    assert bench.failures == []


def test_a_sample_project_that_is_cancelled_is_not_made(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "DRAWN", 2)
    monkeypatch.setattr(samples, "SHAPE", (48, 64))
    bench = make_bench()
    bench.workbench.new_sample_project(tmp_path / "try.qsa")
    bench.workbench.cancel()
    bench.until(lambda: not bench.workbench.running)
    assert bench.desk.project is None
    assert not (tmp_path / "try.qsa").exists()
    assert bench.failures == ["try.qsa was not made: it was cancelled."]


# Opening


def test_a_project_in_use_is_not_opened_and_its_owner_is_named(
    make_bench: Any, project: Project
) -> None:
    bench = make_bench()
    bench.open(project.folder)
    assert bench.desk.project is None
    assert bench.pool.rows == ()
    assert "is in use by" in bench.failures[0]
    assert "open it read-only" in bench.failures[0]
    assert bench.workbench.status.message == bench.failures[0]
    bench.open(project.folder, read_only=True)
    assert bench.desk.project.read_only
    assert len(bench.pool.rows) == 12


def test_the_lock_is_free_again_after_closing(bench: Any) -> None:
    folder = bench.desk.project.folder
    assert bench.workbench.close_project()
    assert bench.desk.project is None
    with lock(folder / "lock") as held:
        assert held
    assert bench.workbench.close_project(), "closing twice is no harm"


def test_another_project_closes_the_first_one_once_it_is_there(bench: Any, tmp_path: Path) -> None:
    first = bench.desk.project
    bench.show(ids(bench)[0])
    bench.paint()
    Project.create(tmp_path / "other.qsa", "Other").close()
    bench.open(tmp_path / "other.qsa")
    assert bench.desk.project.facts.name == "Other"
    with Project.open(first.folder) as again:
        assert again.summary(next(iter(again.images))).status == "draft"


def test_opening_what_is_open_changes_nothing_but_how_it_is_open(bench: Any) -> None:
    project = bench.desk.project
    bench.open(project.folder)
    assert bench.desk.project is project
    bench.open(project.folder, read_only=True)
    assert bench.desk.project.read_only
    bench.open(project.folder)
    assert not bench.desk.project.read_only
    assert bench.failures == []


def test_closing_ends_every_thread_and_saves(make_bench: Any, project: Project) -> None:
    import threading

    folder, image = project.folder, next(iter(project.images))
    project.close()
    before = set(threading.enumerate())
    bench = make_bench()
    bench.open(folder)
    bench.show(image)
    bench.workbench.thumbnails.want([image])
    bench.until(lambda: bench.workbench.thumbnails.get(image) is not None)
    bench.paint()
    bench.workbench.close()
    bench.workbench.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    with Project.open(folder) as again:
        assert again.summary(image).status == "draft"


def test_a_project_opened_while_the_workbench_closes_is_given_free(
    make_bench: Any, project: Project
) -> None:
    folder = project.folder
    project.close()
    bench = make_bench()
    bench.workbench.open_project(folder)
    bench.desk.background.flush(60)
    bench.workbench.close()
    bench.until(lambda: not bench.workbench.running)
    Project.open(folder).close()


# Parts together


def test_a_round_is_shown_kept_and_there_again(bench: Any) -> None:
    workbench = bench.workbench
    batches: list[Any] = []
    workbench.suggester.suggested.connect(batches.append)
    workbench.suggester.suggest(k=3)
    bench.until(lambda: batches)
    bench.settle()
    (batch,) = batches
    picked = {pick.image_id for pick in batch.picks}
    assert len(picked) == 3

    def shown() -> dict[str, tuple[Any, ...]]:
        return {
            row.id: (row.rank, row.picked, row.why, row.uncertainty, row.asked_for)
            for row in bench.pool.rows
        }

    before, order = shown(), bench.pool.order
    assert {i for i, values in before.items() if values[1]} == picked
    assert all(values[3] is not None for values in before.values())
    assert [bench.pool.row(i).rank for i in order[:3]] == [1, 2, 3]
    assert all(bench.pool.row(i).why for i in picked)
    folder = bench.desk.project.folder
    assert workbench.close_project()
    bench.open(folder)
    bench.until(lambda: bench.pool.rows[0].uncertainty is not None)
    assert shown() == before
    assert bench.pool.order == order
    assert bench.failures == []


@pytest.mark.parametrize(
    "kept",
    [None, [], {"order": 3}, {"order": [1, None, "nobody"]}, {"order": [], "why": 2}],
    ids=str,
)
def test_a_ranking_that_is_none_is_passed_over(bench: Any, kept: Any) -> None:
    folder = bench.desk.project.folder
    bench.desk.project.set_settings({"last ranking": kept})
    bench.workbench.close_project()
    bench.open(folder)
    assert {row.rank for row in bench.pool.rows} == {None}
    assert bench.failures == []


def test_another_model_has_other_scores(bench: Any, tiny_ensemble: Path) -> None:
    from napari_qsa.project import Score

    project, image = bench.desk.project, ids(bench)[0]
    key = project.add_model(tiny_ensemble)
    shape = np.zeros(4, np.float32)
    score = Score(0.125, 2, shape, project.image(image).sampled_hash, 0.5)
    project.save_scores(key, {image: score})
    assert bench.pool.row(image).uncertainty is None
    project.use_model("suggestive", key)
    bench.workbench.trainer.changed.emit()
    bench.settle()
    assert bench.pool.row(image).uncertainty == 0.125
