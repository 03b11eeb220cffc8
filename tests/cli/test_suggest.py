"""``napari-qsa suggest``."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble.card import TrainingImage
from napari_qsa.images import sha256


def test_ranking_as_json(run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path) -> None:
    ran = run(
        *("suggest", plain_images, "--ensemble", tiny_ensemble, "-k", 2, "--candidates", 3),
        "--json",
    )
    assert ran.code == 1  # one file is broken, and the rest goes on
    document = ran.document
    assert sorted(row["name"] for row in document["images"]) == ["im0", "im1", "im2"]
    assert [row["rank"] for row in document["images"]] == [1, 2, 3]
    assert document["picks"] == [row["name"] for row in document["images"][:2]]
    assert len(document["failed"]) == 1
    assert document["annotated"] == []
    assert all(0 <= row["uncertainty"] <= 0.5 for row in document["images"])


def test_what_decides_nothing_and_what_is_assumed_is_said(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path
) -> None:
    command = ("suggest", plain_images, "--ensemble", tiny_ensemble, "-k", 1)
    told = run(*command).err
    assert "All 3 images are candidates, so uncertainty decides nothing" in told
    assert "The pixel size of 3 of 3 images is unknown: 0.62 µm is assumed" in told
    told = run(*command, "--candidates", 2, "--pixel-size", 0.5).err
    assert "candidates" not in told
    assert "assumed" not in told


def test_what_decided_is_a_column(
    run: Callable[..., Any], plain_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("suggest", plain_images, "--ensemble", tiny_ensemble, "--strategy", "entropy")
    out = tmp_path / "ranking.csv"
    rows = run(*command, "-k", 1, "--out", out, "--json").document["images"]
    scores = [row["score"] for row in rows]
    assert {row["decided_by"] for row in rows} == {"entropy"}
    assert 0 < scores[2] <= scores[1] <= scores[0] <= 1
    with out.open(newline="") as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == pytest.approx(scores)
    header, _, first, *_ = run(*command, "-k", 1).out.splitlines()
    assert header.split()[4:6] == ["decided_by", "score"]
    assert f"{scores[0]:.3f}" in first


def test_few_annotations_are_said(
    run: Callable[..., Any], glas: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "done.txt"
    listed.write_text("train_2\n")
    command = ("suggest", glas, "--ensemble", tiny_ensemble, "--annotated", listed)
    assert "1 image counts as annotated, and below 8" in run(*command).err
    assert "below 8" not in run(*command, "--strategy", "representative").err


def test_what_an_ensemble_was_trained_on_is_said(
    run: Callable[..., Any], glas: Path, ensemble_maker: Callable[..., Path], tmp_path: Path
) -> None:
    training = tuple(
        TrainingImage(name, sha256(glas / f"{name}.bmp"), None) for name in ("train_1", "train_2")
    )
    file = ensemble_maker(tmp_path / "e.safetensors", training=training)
    told = run("suggest", glas, "--ensemble", file, "--ignore-labels").err
    assert "2 of 4 images without annotation were seen in training" in told
    listed = tmp_path / "done.txt"
    listed.write_text("train_1\ntrain_2\n")
    told = run("suggest", glas, "--ensemble", file, "--annotated", listed).err
    assert "seen in training" not in told


def test_one_network_cannot_disagree(
    run: Callable[..., Any], glas: Path, ensemble_maker: Callable[..., Path], tmp_path: Path
) -> None:
    file = ensemble_maker(tmp_path / "e.safetensors", members=1)
    command = ("suggest", glas, "--ensemble", file, "--ignore-labels")
    ran = run(*command, "-k", 1, "--candidates", 2)
    assert "one network, which disagrees with none" in ran.err
    assert "uncertain (" not in ran.out
    assert "one network" not in run(*command, "--strategy", "entropy").err


def test_what_is_labelled_needs_no_annotation(
    run: Callable[..., Any], glas: Path, tiny_ensemble: Path
) -> None:
    ran = run("suggest", glas, "--ensemble", tiny_ensemble)
    assert ran.code == 1
    assert "--ignore-labels" in ran.err
    ran = run("suggest", glas, "--ensemble", tiny_ensemble, "--ignore-labels", "--part", "train")
    assert ran.code == 0
    assert "0 images count as annotated, 3 do not." in ran.out


def test_a_list_and_a_table(
    run: Callable[..., Any], glas: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "done.txt"
    listed.write_text("train_2\ntestA_1.bmp\n")
    out = tmp_path / "ranking.csv"
    ran = run(
        *("suggest", glas, "--ensemble", tiny_ensemble, "--annotated", listed, "-k", 1),
        *("--out", out, "--paper"),
    )
    assert ran.code == 0
    assert "2 images count as annotated, 2 do not." in ran.out
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {"train_1", "train_3"}
    assert [row["picked"] for row in rows] == ["True", "False"]


def test_seeded_random(run: Callable[..., Any], glas: Path, tiny_ensemble: Path) -> None:
    command = ("suggest", glas, "--ensemble", tiny_ensemble, "--ignore-labels", "--json")
    orders = [
        run(*command, "--strategy", "random", "--seed", seed).document["images"]
        for seed in (0, 0, 1, 2, 3)
    ]
    names = [[row["name"] for row in order] for order in orders]
    assert names[0] == names[1]
    assert len({tuple(each) for each in names}) > 1


@pytest.mark.parametrize("strategy", ["bald", "badge", "class_stratified", "coreset"])
def test_every_number_a_strategy_needs_is_scored(
    run: Callable[..., Any], glas: Path, tiny_ensemble: Path, strategy: str
) -> None:
    command = ("suggest", glas, "--ensemble", tiny_ensemble, "--ignore-labels", "--json")
    ran = run(*command, "--strategy", strategy, "-k", 2)
    assert ran.code == 0
    assert ran.document["strategy"] == strategy
    assert [row["picked"] for row in ran.document["images"]] == [True, True, False, False]


def test_an_unknown_strategy_is_a_usage_error(run: Callable[..., Any], glas: Path) -> None:
    ran = run("suggest", glas, "--strategy", "sugestive")
    assert ran.code == 2
    assert "'sugestive' is not one of suggestive" in ran.err


def test_unknown_names_are_bad_input(
    run: Callable[..., Any], glas: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "done.txt"
    listed.write_text("train_77\n")
    ran = run("suggest", glas, "--ensemble", tiny_ensemble, "--annotated", listed)
    assert ran.code == 1
    assert "train_77" in ran.err
