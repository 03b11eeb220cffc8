"""A whole ablation of tiny networks: what is shared, what is cached, and going on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_qsa.ensemble.training import member
from napari_qsa.ensemble.training.run import TrainingRun
from napari_qsa.errors import QsaError
from napari_qsa.images import open_dataset
from napari_qsa.jobs.lock import lock
from napari_qsa.simulation.ablation import AblationOptions
from napari_qsa.simulation.ablation_run import Ablation
from napari_qsa.simulation.ablation_selection import (
    Selection,
    digest_of,
    read_selection,
    write_selection,
)
from napari_qsa.simulation.division import draw_start, split

CONTROL = "float-restarts"
OPTIONS = AblationOptions(
    suggestive=(CONTROL, "inq2"),
    segmentation=(CONTROL, "inq2"),
    against=(CONTROL,),
    members=(1, 2),
    suggestive_members=2,
    seeds=1,
    folds=3,
    start=2,
    add=2,
    candidates=2,
    portions=(0.5, 1.0),
    network="unet",
    network_options={"width": 1},
    iterations=8,
    batch=1,
    crop=32,
)


class Stop(Exception):
    pass


@pytest.fixture(autouse=True)
def few_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "STATISTICS_BATCHES", 2)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs whose members are trained, one entry for each member."""
    found: list[str] = []
    train = TrainingRun.train_member

    def note(self: TrainingRun, number: int, *args: Any, **named: Any) -> None:
        found.append(f"{self.options.role} {self.options.weights} {number}")
        train(self, number, *args, **named)

    monkeypatch.setattr(TrainingRun, "train_member", note)
    return found


def test_every_network_is_trained_once_and_an_ablation_goes_on_after_a_stop(
    tiny_glas: Path, tmp_path: Path, trained: list[str]
) -> None:
    folder = tmp_path / "runs"

    def stop_at_scores(done: int, total: int, about: str) -> None:
        if "scores" in about:
            raise Stop

    with pytest.raises(Stop):
        Ablation.open(folder, tiny_glas, OPTIONS).run(stop_at_scores)
    # Both members of the start, and the one segmentation network of the first cell.
    assert trained == [*(f"suggestive {CONTROL} {n}" for n in (0, 1)), f"segmentation {CONTROL} 0"]
    assert not list(folder.glob("cells/*/*.json"))

    results = Ablation.open(folder, tiny_glas, OPTIONS).run()
    assert len(trained) == len(set(trained)), "a network was trained twice"
    names = {(each["suggestive"], each["segmentation"], each["members"]) for each in results}
    assert names == {
        (CONTROL, CONTROL, 1),
        (CONTROL, CONTROL, 2),
        (CONTROL, "inq2", 1),
        (CONTROL, "inq2", 2),
        ("inq2", CONTROL, 1),
    }

    _check_shared_phases(folder, results)
    before = list(trained)
    assert Ablation.open(folder, tiny_glas, OPTIONS).run() == results
    assert trained == before

    # The same cell again, from what it is made of: the selection is read and not worked out.
    cell = next(folder.glob(f"cells/{CONTROL}__inq2__2/seed-0.json"))
    cell.unlink()
    assert Ablation.open(folder, tiny_glas, OPTIONS).run() == results
    assert trained == before


def _check_shared_phases(folder: Path, results: list[dict[str, Any]]) -> None:
    plans = [each[name] for each in results for name in ("phases", "suggestive_phases")]
    assert all(plan == plans[0] for plan in plans)
    start = folder / "seed-0" / "start"
    assert (start / CONTROL / "members" / "0" / "float.safetensors").exists()
    assert not (start / "inq2" / "members" / "0" / "float.safetensors").exists()
    events = (start / "inq2" / "members" / "1" / "events.jsonl").read_text(encoding="utf-8")
    assert CONTROL in json.loads(events.splitlines()[0])["source"]
    # Candidates are as many as picks here, and both schemes rank two images of their own.
    folders = {path.parent.name for path in (folder / "seed-0").glob("selected-*/images.json")}
    assert folders == {f"selected-{each['images']}" for each in results}


def test_equal_picks_share_the_segmentation_networks(
    tiny_glas: Path, tmp_path: Path, trained: list[str]
) -> None:
    options = replace(OPTIONS, segmentation=(CONTROL,), members=(1,), suggestive_members=1)
    ablation = Ablation.open(tmp_path, tiny_glas, options)
    pool = [item.name for item in ablation.split.pool]
    start = draw_start(ablation.split.pool, 2, 0)
    picks = Selection(tuple(name for name in pool if name not in start)[:2], 0.1)
    for scheme in (CONTROL, "inq2"):
        place = tmp_path / "seed-0" / "start" / scheme
        place.mkdir(parents=True)
        write_selection(place / "selection.json", picks)
        TrainingRun.create(
            tmp_path / "made" / scheme, tiny_glas, options.training("suggestive", scheme, 0)
        )
        (tmp_path / "made" / scheme / "run.json").rename(place / "run.json")
    first, second = ablation.run()
    assert trained == [f"segmentation {CONTROL} 0"]
    assert (first["suggestive"], second["suggestive"]) == (CONTROL, "inq2")
    assert first["scores"] == second["scores"]
    assert first["picks"] == list(picks.picks)


def test_a_folder_of_other_options_is_refused(tiny_glas: Path, tmp_path: Path) -> None:
    Ablation.open(tmp_path, tiny_glas, OPTIONS)
    more = replace(OPTIONS, suggestive=(CONTROL, "inq3"), seeds=2)
    Ablation.open(tmp_path, tiny_glas, more)
    with pytest.raises(QsaError, match="other images or options"):
        Ablation.open(tmp_path, tiny_glas, replace(OPTIONS, iterations=9))


def test_volumes_are_looked_at_pixel_by_pixel(
    tiny_volumes: Path, tmp_path: Path, trained: list[str]
) -> None:
    options = replace(
        OPTIONS, suggestive=(CONTROL,), segmentation=(CONTROL,), members=(1,), suggestive_members=1
    )
    results = Ablation.open(tmp_path, tiny_volumes, options).run()
    assert [len(each["picks"]) for each in results] == [2]
    next(tmp_path.glob("cells/*/*.json")).unlink()
    assert Ablation.open(tmp_path, tiny_volumes, options).run() == results
    assert len(trained) == 2


@pytest.mark.parametrize(
    "changes", [{"crop": 50}, {"portions": (0.5, 0.4)}, {"activations": "u9"}, {"network": "none"}]
)
def test_a_folder_is_not_bound_to_what_no_training_takes(
    tiny_glas: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(QsaError):
        Ablation.open(tmp_path / "runs", tiny_glas, replace(OPTIONS, **changes))
    assert not (tmp_path / "runs").exists()


def test_an_ablation_has_one_worker(tiny_glas: Path, tmp_path: Path, trained: list[str]) -> None:
    ablation = Ablation.open(tmp_path, tiny_glas, OPTIONS)
    with lock(tmp_path / "lock") as held:
        assert held
        with pytest.raises(QsaError, match="Another process"):
            ablation.run()
    assert trained == []


def test_no_patient_of_the_held_out_fold_is_in_the_pool(tiny_glas: Path) -> None:
    dataset = open_dataset(tiny_glas)
    found = split(dataset, 3, 0, 4)
    assert len(found.pool) + len(found.held_out) == len(dataset.items)
    assert found.held_out
    patients = {item.patient for item in found.held_out}
    assert not patients & {item.patient for item in found.pool}


def test_too_few_images_are_named(tiny_glas: Path) -> None:
    with pytest.raises(QsaError, match="20 are to be annotated"):
        split(open_dataset(tiny_glas), 3, 0, 20)


def test_start_depends_on_the_seed_alone(tiny_glas: Path) -> None:
    pool = split(open_dataset(tiny_glas), 3, 0, 4).pool
    draws = [draw_start(pool, 3, seed) for seed in range(6)]
    assert draws == [draw_start(pool, 3, seed) for seed in range(6)]
    assert all(len(set(names)) == 3 for names in draws)
    assert len(set(map(tuple, draws))) > 1


def test_digest_is_of_the_set(tmp_path: Path) -> None:
    names = np.array(["b", "a", "c"])
    assert digest_of(names.tolist()) == digest_of(["a", "b", "c"])
    assert digest_of(["a", "b"]) != digest_of(["ab"])


def test_selection_is_read_back_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "selection.json"
    assert read_selection(path) is None
    selection = Selection(("b", "a"), 0.25)
    write_selection(path, selection)
    assert read_selection(path) == selection
    path.write_text("{", encoding="utf-8")
    with pytest.raises(QsaError, match="damaged"):
        read_selection(path)
