"""Small studies: eight synthetic images, networks of a thousand weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_qsa.images.synthetic import write_synthetic_glas
from napari_qsa.simulation.arms import Arm
from napari_qsa.simulation.plan import Plan
from napari_qsa.simulation.study import SCHEMA, Study, write_json

SMALL = {
    "network": "unet",
    "network_options": {"width": 2},
    "iterations": 8,
    "batch": 2,
    "crop": 32,
    "pixel_size": 1.24,
}


@pytest.fixture(scope="session")
def tiny_glas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of six patients, in GlaS layout."""
    folder = tmp_path_factory.mktemp("tiny-glas")
    write_synthetic_glas(folder, 8, seed=4, shape=(64, 72))
    return folder


@pytest.fixture(scope="session")
def tiny_volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three volumes of two slices, with pixels of 0.8 mm."""
    folder = tmp_path_factory.mktemp("tiny-volumes")
    for number in range(3):
        labels = np.zeros((40, 44, 2), np.uint8)
        labels[10:30, 10:30] = 1
        noise = np.random.default_rng(number).normal(0, 100, labels.shape).astype(np.int16)
        for values, stem in ((noise + 300 * labels.astype(np.int16), ""), (labels, "_seg")):
            image = nibabel.Nifti1Image(values, np.diag([0.8, 0.8, 3, 1]))
            image.header.set_xyzt_units(xyz="mm")
            nibabel.save(image, folder / f"case_{number}{stem}.nii.gz")
    return folder


@pytest.fixture(scope="session")
def tiny_plan() -> Plan:
    """Two rounds of two images."""
    default = Plan()
    return replace(
        default,
        rounds=2,
        start=2,
        add=2,
        candidates=3,
        folds=3,
        suggestive=replace(default.suggestive, **SMALL, members=2),
        segmentation=replace(default.segmentation, **SMALL),
    )


@pytest.fixture
def by_hand(tmp_path: Path) -> Callable[..., Study]:
    """Write a study whose results are given: scores of each arm, seed and round."""

    def make(results: dict[str, dict[int, list[float]]], rounds: int = 3) -> Study:
        plan = Plan(rounds=rounds, start=10, add=10)
        pool = tuple((f"image {n}", f"{n:064x}", str(n)) for n in range(60))
        study = Study(tmp_path, tmp_path / "glas", "train", plan, pool, pool[:2], {})
        values: dict[str, Any] = {
            "schema": SCHEMA,
            "data": str(study.data),
            "part": study.part,
            "plan": plan.to_json(),
            "budget": {},
            "pool": [list(record) for record in pool],
            "evaluation": [list(record) for record in study.evaluation],
        }
        write_json(tmp_path / "study.json", values)
        for name, seeds in results.items():
            if name != "full":
                study.add_arm(Arm(name, name if name in STRATEGIES else "suggestive"))
            for seed, scores in seeds.items():
                folder = study.run_folder(name, seed)
                folder.mkdir(parents=True)
                for number, score in enumerate(scores, start=1):
                    write_json(folder / f"round-{number}.json", _result(score))
        return study

    return make


STRATEGIES = ("random", "foreground_random", "uncertainty")


def _result(score: float) -> dict[str, Any]:
    pooled = {
        "object_dice": score,
        "f1": score,
        "pixel_dice": score,
        "object_hausdorff": 100 * (1 - score),
    }
    return {"schema": SCHEMA, "scores": {"pooled": pooled}}
