"""Whole runs of the loop, small enough for a test."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.images import sha256
from napari_qsa.jobs.engine import Engine
from napari_qsa.jobs.lock import lock
from napari_qsa.simulation import run as run_module
from napari_qsa.simulation.arms import FULL, parse_arm
from napari_qsa.simulation.plan import Plan
from napari_qsa.simulation.run import BUSY, DONE, run
from napari_qsa.simulation.study import Study
from napari_qsa.simulation.working import units, work

ARMS = ("random", "foreground_random", "QSA=suggestive:inq4")
NAMES = ("random", "foreground_random", "QSA")


def _begin(folder: Path, data: Path, plan: Plan) -> Study:
    study = Study.create(folder, data, "train", plan)
    for text in ARMS:
        study.add_arm(parse_arm(text))
    return study


def _results(study: Study, name: str, seed: int) -> list[dict[str, Any]]:
    """All results, without how long they took."""
    found = []
    for number in range(1, study.rounds_of(name) + 1):
        result = study.result(name, seed, number)
        assert result is not None
        found.append({key: value for key, value in result.items() if key != "cpu_seconds"})
    return found


@pytest.fixture(scope="module")
def finished(tiny_glas: Path, tiny_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """All arms and full supervision with one seed, worked out in this process."""
    study = _begin(tmp_path_factory.mktemp("study"), tiny_glas, tiny_plan)
    told: list[float] = []
    outcome = work(study, (*NAMES, FULL), [0], tell=lambda share, about: told.append(share))
    assert (outcome.busy, outcome.failed) == ((), ())
    assert told == sorted(told)
    assert told[-1] == 1.0
    return study


def test_arms_begin_alike_and_go_their_ways(finished: Study) -> None:
    first = {name: _results(finished, name, 0)[0] for name in NAMES}
    assert len({tuple(result["annotated"]) for result in first.values()}) == 1
    assert all(result["scores"] == first["random"]["scores"] for result in first.values())
    assert {result["scored_by"] for result in first.values()} == {"random"}
    for name in NAMES:
        one, two = _results(finished, name, 0)
        assert two["annotated"] == [*one["annotated"], *one["picks"]]
        assert (one["images"], two["images"], two["picks"]) == (2, 4, [])
        assert len(set(two["annotated"])) == 4


def test_only_the_pool_is_annotated_and_only_the_fold_scored(finished: Study) -> None:
    pool = {name for name, _, _ in finished.pool}
    fold = [name for name, _, _ in finished.evaluation]
    for name in (*NAMES, FULL):
        for result in _results(finished, name, 0):
            assert set(result["annotated"]) <= pool
            assert [row["name"] for row in result["scored"]] == fold
            assert {row["source"] for row in result["scored"]} == {"ensemble"}
    assert set(_results(finished, FULL, 0)[0]["annotated"]) == pool


def test_nothing_but_results_is_kept(finished: Study) -> None:
    kept = {path.name for path in (finished.folder / "runs").rglob("*") if path.is_file()}
    assert kept == {"lock", "round-1.json", "round-2.json"}


def test_finished_rounds_are_not_done_again(
    finished: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "train", None)
    path = finished.run_folder("QSA", 0) / "round-2.json"
    before = sha256(path)
    assert run(str(finished.folder), "QSA", 0) == DONE
    assert sha256(path) == before
    assert units(finished, NAMES, [0, 1]) == [(name, 1) for name in NAMES]


def test_killed_and_gone_on_with_it_is_the_same(
    finished: Study, tiny_glas: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    """Its process is killed while it trains to choose the images of the second round."""
    study = _begin(tmp_path, tiny_glas, tiny_plan)
    engine = Engine()
    try:
        job = engine.submit(run, str(tmp_path), "QSA", 0)
        trained = study.run_folder("QSA", 0) / "round-1" / "suggestive" / "members" / "0"
        while not (trained / "events.jsonl").exists() and not job.done():
            time.sleep(0.01)
        assert (trained / "events.jsonl").exists(), "it ended before it could be killed"
        engine.cancel()
    finally:
        engine.shutdown()
    assert study.result("QSA", 0, 2) is None
    assert run(str(tmp_path), "QSA", 0) == DONE
    found, expected = _results(study, "QSA", 0), _results(finished, "QSA", 0)
    assert {row.pop("scored_by") for row in found} == {"QSA"}
    assert expected[0].pop("scored_by") == "random"  # trained by another arm, to the same scores
    expected[1].pop("scored_by")
    assert found == expected


def test_side_by_side_is_the_same(
    finished: Study, tiny_glas: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    study = _begin(tmp_path, tiny_glas, tiny_plan)
    outcome = work(study, ["random", "foreground_random"], [0], workers=2)
    assert (outcome.busy, outcome.failed) == ((), ())
    for name in ("random", "foreground_random"):
        for found, expected in zip(
            _results(study, name, 0), _results(finished, name, 0), strict=True
        ):
            assert found["scores"] == expected["scores"]
            assert found["picks"] == expected["picks"]


def test_volumes_are_looked_at_pixel_by_pixel(
    tiny_volumes: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    study = Study.create(tmp_path, tiny_volumes, "train", replace(tiny_plan, rounds=1))
    study.add_arm(parse_arm("random"))
    assert run(str(tmp_path), "random", 0) == DONE
    (result,) = _results(study, "random", 0)
    assert (result["images"], result["scores"]["images"]) == (2, 2)


def test_a_run_has_one_worker(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    study = _begin(tmp_path, tiny_glas, tiny_plan)
    folder = study.run_folder("random", 0)
    folder.mkdir(parents=True)
    with lock(folder / "lock") as held:
        assert held
        assert run(str(tmp_path), "random", 0) == BUSY
        assert work(study, ["random"], [0]).busy == ("random, seed 0",)
    assert study.result("random", 0, 1) is None


def test_a_failure_does_not_stop_the_others(
    tiny_glas: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    study = _begin(tmp_path, tiny_glas, tiny_plan)
    folder = study.run_folder("random", 0)
    folder.mkdir(parents=True)
    (folder / "round-1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Exception, match=r"round-1\.json is of another version"):
        work(study, ["random", FULL], [0])
    (folder / "round-1.json").unlink()
    (folder / "round-1").write_text("in the way", encoding="utf-8")
    outcome = work(study, ["random", FULL], [0])
    assert len(outcome.failed) == 1
    assert outcome.failed[0].startswith("random, seed 0: ")
    assert study.result(FULL, 0, 1) is not None
