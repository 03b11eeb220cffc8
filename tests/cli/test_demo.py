"""``napari-qsa demo``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from napari_qsa.cli import pictures
from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.jobs import window


def test_pictures_without_a_screen(
    run: Callable[..., Any], tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(window, "window_is_possible", lambda: False)
    ran = run("demo", "--ensemble", tiny_ensemble)
    assert ran.code == 0
    for name in ("immunohistochemistry", "synthetic"):
        picture = imread(tmp_path / "napari-qsa-demo" / f"{name}.png")
        assert picture.shape[1] > 2 * picture.shape[0] > 800
        assert picture[..., :3].std() > 20
    assert "napari-qsa-demo" in ran.out
    assert "mean uncertainty" in ran.out
    assert "assumed" in ran.err  # the pixel size of the first is unknown


def test_window_where_there_is_a_screen(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(window, "window_is_possible", lambda: True)
    monkeypatch.setattr(window, "run_window", lambda *given: started.append(given) or 0)
    assert run("demo").code == 0
    assert started == [("napari_qsa.plugin.demo", "--ensemble", "glas-segmentation")]
    assert list(tmp_path.iterdir()) == []


def test_pictures_after_a_window_that_failed(
    run: Callable[..., Any], tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "window_is_possible", lambda: True)
    monkeypatch.setattr(window, "run_window", lambda *given: 1)
    ran = run("demo", "--ensemble", tiny_ensemble, "--out", tmp_path / "p")
    assert ran.code == 0
    assert len(list((tmp_path / "p").glob("*.png"))) == 2
    assert "pictures are written instead" in ran.err


def test_no_window_is_asked_for(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "window_is_possible", lambda: pytest.fail("not to be asked"))
    (tmp_path / "p").write_text("in the way")
    ran = run("demo", "--no-window", "--out", tmp_path / "p")
    assert ran.code == 1
    assert "cannot be made" in ran.err


@pytest.mark.parametrize(
    ("platform", "display", "installed", "possible"),
    [
        ("linux", {"DISPLAY": ":1"}, ["napari", "PyQt6"], True),
        ("linux", {"WAYLAND_DISPLAY": "w"}, ["napari", "PySide6"], True),
        ("linux", {}, ["napari", "PyQt6"], False),
        ("linux", {"DISPLAY": ""}, ["napari", "PyQt6"], False),
        ("darwin", {}, ["napari", "PyQt6"], True),
        ("linux", {"DISPLAY": ":1"}, ["napari"], False),
        ("win32", {}, ["PyQt6"], False),
    ],
)
def test_when_a_window_is_possible(
    platform: str,
    display: dict[str, str],
    installed: list[str],
    possible: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window.sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in display.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(window, "_is_installed", lambda module: module in installed)
    assert window.window_is_possible() == possible


def test_a_module_is_run_with_its_exit_status(tmp_path: Path, capfd: Any) -> None:
    assert window.run_window("napari_qsa.no_such_module") != 0
    assert "no_such_module" in capfd.readouterr().err


def test_outlines_are_drawn_inside_and_nothing_else_changes() -> None:
    pixels = np.full((40, 50, 3), 255, np.uint8)
    labels = np.zeros((40, 50), np.int32)
    labels[5:35, 5:25], labels[5:35, 25:45] = 1, 2
    drawn = pictures.outlined(pixels, labels)
    changed = (drawn != pixels).any(axis=2)
    assert changed[5, 5:45].all()
    assert changed[15, [5, 24, 25, 44]].all()  # between touching glands too
    assert not changed[15, 10:20].any()
    assert not changed[:3].any()
    assert (pixels == 255).all()


def test_colour_bar_is_fixed(tmp_path: Path) -> None:
    """The same uncertainty has the same colour whatever else the image holds."""
    shape = (64, 64)
    colours = []
    for largest in (0.1, 0.5):
        uncertainty = np.full(shape, 0.1, np.float32)
        uncertainty[0, 0] = largest
        flat = np.zeros(shape, np.float32)
        prediction = Prediction(flat, uncertainty, flat, flat.astype(np.int32), flat[0], 1.0)
        path = tmp_path / f"{largest}.png"
        pictures.write_picture(path, np.zeros((*shape, 3), np.uint8), prediction, "t")
        picture = imread(path)[..., :3]
        middle = picture[picture.shape[0] * 6 // 10]
        colours.append({tuple(c) for c in middle[middle.shape[0] * 7 // 10 :][:100].tolist()})
    assert colours[0] & colours[1] - {(255, 255, 255)}
