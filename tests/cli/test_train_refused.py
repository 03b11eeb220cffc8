"""``napari-qsa train``: what is refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--network", "unet", "--network-option", "width=2", "--device", "cpu")


@pytest.mark.parametrize(
    ("pairs", "message"), [(["depth=7"], "depth"), (["width=wide"], "unet")], ids=["name", "value"]
)
def test_options_the_network_does_not_take(
    pairs: list[str], message: str, run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    options = [part for pair in pairs for part in ("--network-option", pair)]
    ran = run("train", glas, "--out", tmp_path / "f", "--network", "unet", *options)
    assert ran.code == 2
    assert message in ran.err
    assert "it takes width (as 16)" in " ".join(ran.err.split())
    assert not (tmp_path / "f.run").exists()


@pytest.mark.parametrize("layer", ["middle=float", "last=inq44", "last=inq4/u44"])
def test_layers_and_schemes_that_are_none(
    layer: str, run: Callable[..., Any], glas: Path, tmp_path: Path
) -> None:
    ran = run("train", glas, "--out", tmp_path / "f", *SMALL, "--layer", layer)
    assert ran.code == 2
    assert "'--layer'" in ran.err
    assert not (tmp_path / "f.run").exists()


def test_the_target_is_checked_first(run: Callable[..., Any], glas: Path, tmp_path: Path) -> None:
    ran = run("train", glas, "--out", tmp_path, *SMALL)
    assert ran.code == 1
    assert "is a folder" in ran.err


@pytest.mark.parametrize(("out", "folder"), [("f", "file/run"), ("file/f", "run")])
def test_where_nothing_can_be_written_is_said_first(
    out: str, folder: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ran = run(
        *("train", tmp_path / "no images", "--out", tmp_path / out, "--run", tmp_path / folder),
        *SMALL,
    )
    assert ran.code == 1
    assert "cannot be made or written to" in ran.err


def test_unlabelled_images(run: Callable[..., Any], plain_images: Path, tmp_path: Path) -> None:
    ran = run("train", plain_images, "--out", tmp_path / "f", *SMALL)
    assert ran.code == 1
    assert "no labelled image" in ran.err


def test_start_and_network_exclude_each_other(
    run: Callable[..., Any], tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.safetensors"
    ran = run("train", tmp_path, "--out", out, "--start", tiny_ensemble, "--network", "unet")
    assert ran.code == 2
    assert "says which" in " ".join(ran.err.replace("│", " ").split())


def test_start_that_is_no_ensemble(run: Callable[..., Any], tmp_path: Path) -> None:
    ran = run("train", tmp_path, "--out", tmp_path / "o.safetensors", "--start", "nothing")
    assert ran.code == 1
    assert "no ensemble 'nothing'" in ran.err
