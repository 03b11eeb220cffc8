"""Plans, arms and the division of the images."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.errors import DatasetError, QsaError
from napari_qsa.images import open_dataset
from napari_qsa.simulation.arms import Arm, parse_arm
from napari_qsa.simulation.budget import Cost, fit
from napari_qsa.simulation.division import split
from napari_qsa.simulation.plan import Plan
from napari_qsa.simulation.run import check_apart
from napari_qsa.simulation.study import Study


def test_no_patient_is_on_both_sides(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    for fold in range(3):
        plan = replace(tiny_plan, fold=fold)
        study = Study.create(tmp_path / str(fold), tiny_glas, "train", plan)
        pool = {patient for _, _, patient in study.pool}
        scored = {patient for _, _, patient in study.evaluation}
        assert None not in pool | scored
        assert pool
        assert scored
        assert not pool & scored
        assert len(study.pool) + len(study.evaluation) == 8


def test_training_on_a_scored_patient_is_refused(
    tiny_glas: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    _, parts = Study.create(tmp_path, tiny_glas, "train", tiny_plan).images()
    check_apart(parts.pool, parts)
    other = replace(parts.pool[0], patient=parts.held_out[0].patient)
    with pytest.raises(QsaError, match=parts.pool[0].name):
        check_apart([other], parts)


def test_a_study_is_read_back(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    made = Study.create(tmp_path, tiny_glas, "train", tiny_plan, {"minutes": 7.0})
    assert Study.open(tmp_path) == made
    with pytest.raises(QsaError, match="already holds a study"):
        Study.create(tmp_path, tiny_glas, "train", tiny_plan)


def test_other_images_are_refused(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tiny_glas, data)
    study = Study.create(tmp_path / "study", data, "train", tiny_plan)
    (data / "train_3.bmp").write_bytes((data / "train_4.bmp").read_bytes())
    with pytest.raises(DatasetError, match="train_3"):
        study.images()


def test_images_stay_on_their_side_when_a_grade_is_corrected(
    tiny_glas: Path, tiny_plan: Plan, tmp_path: Path
) -> None:
    """Folds are balanced in grade, so that another grade deals the patients anew."""
    data = tmp_path / "data"
    shutil.copytree(tiny_glas, data)
    study = Study.create(tmp_path / "study", data, "train", tiny_plan)
    began = [item.name for item in study.images()[1].held_out]
    grades = data / "Grade.csv"
    lines = grades.read_text(encoding="utf-8").splitlines()
    dealt = set()
    for number in range(1, len(lines)):
        other = [*lines]
        other[number] = lines[number].replace(" benign", " other").replace(" malignant", " benign")
        grades.write_text("\n".join(other) + "\n", encoding="utf-8")
        dataset = open_dataset(data)
        dealt.add(tuple(item.name for item in split(dataset, 3, 0, 4).held_out))
        assert [item.name for item in study.images()[1].held_out] == began
        assert [item.name for item in study.images()[1].pool] == [name for name, _, _ in study.pool]
    assert dealt - {tuple(began)}, "no grade mattered, so that this shows nothing"


def test_seeds_pair_arms_and_tell_trainings_apart() -> None:
    plan = Plan()
    seeds = {
        (role, seed, number): plan.training(role, seed, number).seed
        for role in ("suggestive", "segmentation")
        for seed in range(3)
        for number in range(50)
    }
    assert len(set(seeds.values())) == len(seeds)
    quantized = plan.training("suggestive", 1, 2, "inq4")
    assert quantized == replace(plan.training("suggestive", 1, 2), weights="inq4")


@pytest.mark.parametrize(
    ("text", "arm"),
    [
        ("random", Arm("random", "random", "float")),
        ("suggestive:inq4", Arm("suggestive-inq4", "suggestive", "inq4")),
        ("QSA=suggestive:inq7", Arm("QSA", "suggestive", "inq7")),
        ("SA=suggestive", Arm("SA", "suggestive", "float")),
    ],
)
def test_arms_are_parsed(text: str, arm: Arm) -> None:
    assert parse_arm(text) == arm


@pytest.mark.parametrize(
    "text",
    ["best", "suggestive:inq", "full=random", "Full=random", "a/b=random", "=random"],
)
def test_impossible_arms_are_refused(text: str) -> None:
    with pytest.raises(QsaError):
        parse_arm(text)


def test_a_name_stands_for_one_arm(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    study = Study.create(tmp_path, tiny_glas, "train", tiny_plan)
    for _ in range(2):
        study.add_arm(parse_arm("A=suggestive:inq4"))
    assert study.arms() == (Arm("A", "suggestive", "inq4"),)
    with pytest.raises(QsaError, match="another arm"):
        study.add_arm(parse_arm("A=suggestive:inq7"))


def test_a_damaged_arm_is_named(tiny_glas: Path, tiny_plan: Plan, tmp_path: Path) -> None:
    study = Study.create(tmp_path, tiny_glas, "train", tiny_plan)
    study.add_arm(parse_arm("random"))
    (tmp_path / "arms" / "random.json").write_text('{"schema": 1}', encoding="utf-8")
    for use in (study.arms, lambda: study.add_arm(parse_arm("random"))):
        with pytest.raises(QsaError, match=r"random\.json is damaged"):
            use()


@pytest.mark.parametrize(
    "changes",
    [{"network": "none"}, {"network_options": {"breadth": 2}}, {"activations": "u9"}],
)
def test_a_study_is_not_begun_with_what_no_training_takes(
    tiny_glas: Path, tiny_plan: Plan, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Its plan could not be changed any more."""
    plan = replace(tiny_plan, segmentation=replace(tiny_plan.segmentation, **changes))
    with pytest.raises(QsaError):
        Study.create(tmp_path / "study", tiny_glas, "train", plan)
    assert not (tmp_path / "study").exists()


def test_minutes_become_iterations() -> None:
    """Five rounds, four queries of 3 members, 5 of one; 10 and 4 images to predict.

    Apart from iterations: 4 * 3 * 2 + 5 * 1 + 4 * 10 * 0.5 + 5 * 4 * 0.25 = 54 s of 294.6.
    """
    counts = fit(4.91, Plan(), Cost(2.0, 0.1, 0.5), Cost(1.0, 0.2, 0.25), pool=10, scored=4)
    assert counts == (100, 120)
    with pytest.raises(QsaError, match="too few"):
        fit(1.0, Plan(), Cost(2.0, 0.1, 0.5), Cost(1.0, 0.2, 0.25), pool=10, scored=4)
