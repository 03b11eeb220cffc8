"""``napari-qsa info`` and ``napari-qsa ensembles``."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble import shipped


def test_info_in_words(run: Callable[..., Any], tiny_ensemble: Path) -> None:
    ran = run("info", tiny_ensemble)
    assert ran.code == 0
    lines = {line.split("  ")[0]: line for line in ran.out.splitlines()}
    assert "unet, width=4" in lines["network"]
    assert "times as much" in lines["size"]
    assert lines["terms"].endswith("For tests only.")
    assert lines["down.4.1.0.weight"].split()[1] == "36864"


def test_info_as_json(run: Callable[..., Any], tiny_ensemble: Path) -> None:
    document = run("info", tiny_ensemble, "--json").document
    assert document["bytes"] == tiny_ensemble.stat().st_size
    assert document["ratio"] == pytest.approx(document["float32_bytes"] / document["bytes"])
    assert document["card"]["weights"] == "inq4"
    assert document["card"]["instances"]["threshold"] == 0.5
    assert 2 < document["bits_per_weight"] < 5
    names = [layer["name"] for layer in document["layers"]]
    assert len(names) == len(set(names))


def test_a_damaged_file_is_one_sentence(
    run: Callable[..., Any], tiny_ensemble: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny_ensemble.read_bytes()[:1000])
    ran = run("info", cut)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "cut.safetensors" in ran.err


def test_shipped_ensembles_are_listed(
    run: Callable[..., Any], tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_ensemble, tmp_path / "glas-tiny.safetensors")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    text = run("ensembles").out
    assert text.splitlines()[0].split() == [
        *("name", "role", "members", "network", "weights", "size")
    ]
    assert text.splitlines()[-1] == "glas-tiny: For tests only."
    (entry,) = run("ensembles", "--json").document["ensembles"]
    assert entry["name"] == "glas-tiny"
    assert entry["members"] == 2
    assert run("info", "glas-tiny").code == 0


def test_no_shipped_ensembles(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert "No ensemble" in run("ensembles").out
    assert run("ensembles", "--json").document == {"ensembles": []}
