"""``napari-qsa model``: which there are, and which is in use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_qsa.images import sha256
from napari_qsa.project import Project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project."""
    Project.create(tmp_path / "a.qsa", "A").close()
    return tmp_path / "a.qsa"


def in_use(run: Callable[..., Any], folder: Path) -> Any:
    return run("model", "list", folder, "--json").document["slots"]


def test_the_shipped_ones_are_in_use(run: Callable[..., Any], folder: Path) -> None:
    document = run("model", "list", folder, "--json").document
    assert {model["key"] for model in document["models"]} == set(document["slots"].values())
    assert all(model["in_use"] for model in document["models"])
    assert "glas-suggestive" in run("model", "list", folder).out


def test_a_file_is_taken_in_and_left_again(
    run: Callable[..., Any], folder: Path, tiny_ensemble: Path
) -> None:
    ran = run("model", "use", folder, tiny_ensemble, "--json")
    key = sha256(tiny_ensemble)[:16]
    assert ran.document == {"slot": "segmentation", "model": key}
    copy = folder / "models" / f"{key}.safetensors"
    assert copy.read_bytes() == tiny_ensemble.read_bytes()
    assert in_use(run, folder) == {"segmentation": key, "suggestive": "glas-suggestive"}
    assert run("model", "use", folder, key, "--for", "suggestive").code == 0
    assert in_use(run, folder) == {"segmentation": key, "suggestive": key}
    run("model", "use", folder, "glas-segmentation")
    ran = run("model", "use", folder, "--back", "--for", "segmentation", "--json")
    assert ran.document["model"] == key
    assert in_use(run, folder)["segmentation"] == key


def test_a_damaged_model_does_not_hide_the_others(
    run: Callable[..., Any], folder: Path, tiny_ensemble: Path
) -> None:
    key = run("model", "use", folder, tiny_ensemble, "--json").document["model"]
    (folder / "models" / f"{key}.safetensors").write_bytes(b"no")
    ran = run("model", "list", folder)
    assert ran.code == 1
    assert f"{key}.safetensors" in ran.err
    assert "glas-segmentation" in ran.out


def test_what_is_no_ensemble_is_refused(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"no")
    ran = run("model", "use", folder, tmp_path / "no.safetensors")
    assert ran.code == 1
    assert "no.safetensors" in ran.err
