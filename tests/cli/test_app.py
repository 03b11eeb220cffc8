"""The command as a whole: help, errors, exit codes, and what it loads."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_qsa
from napari_qsa.cli import console

COMMANDS = ["demo", "segment", "suggest", "train", "evaluate", "export", "info", "ensembles"]
GROUPED = [
    *("project new", "project status", "project import", "project next", "images set"),
    *("annotation accept", "annotation history", "annotation restore", "model list", "model use"),
]
HEAVY = "{'torch', 'scipy', 'skimage', 'matplotlib', 'openvino', 'napari', 'qtpy', 'pandas'}"


def test_commands_are_listed_in_order(run: Callable[..., Any]) -> None:
    help_text = run("--help").out
    listed = help_text.split("Commands:")[1]
    places = [listed.index(f"  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert run().code == 2


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPED])
def test_help_has_an_example(name: str, run: Callable[..., Any]) -> None:
    ran = run(*name.split(), "--help")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[lines.index("  Example:") + 1].startswith(f"    napari-qsa {name}")
    assert ran.err == ""


def test_version(run: Callable[..., Any]) -> None:
    assert run("--version").out == f"napari-qsa {napari_qsa.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["segment"],
        ["segment", "x.png"],
        ["segment", "x.png", "--out", "o", "--pixel-size", "-1"],
        ["segment", "x.png", "--out", "o", "--engine", "steam"],
        ["suggest", "x", "-k", "0"],
        ["suggest", "x", "--strategy", "best"],
        ["evaluate", "x"],
        ["evaluate", "x", "--ensemble", "a", "--predictions", "b"],
        ["train", "x"],
        ["train", "x", "--out", "f", "--role", "both"],
        ["train", "x", "--out", "f", "--network", "vgg"],
        ["train", "x", "--out", "f", "--weights", "inq9"],
        ["train", "x", "--out", "f", "--activations", "u9"],
        ["train", "x", "--out", "f", "--layer", "first"],
        ["train", "x", "--out", "f", "--minutes", "1", "--iterations", "10"],
        ["train", "x", "--out", "f", "--fold", "1"],
        ["train", "x", "--out", "f", "--folds", "5", "--members", "3"],
        ["train", "x", "--out", "f", "--network-option", "width"],
        ["train", "x", "--out", "f", "--network", "unet", "--pretrained"],
        ["segment", "x.png", "--out", "o", "--image", "x"],
        ["segment", "x.png", "--out", "o", "--again"],
        ["suggest", "x", "--he-glands"],
        ["export"],
        ["export", "a.qsa", "--what", "drafts"],
        ["export", "a.qsa", "--format", "jpg"],
        ["info"],
        ["project", "fly"],
        ["project", "new"],
        ["project", "new", "a.qsa", "--accept-labels"],
        ["project", "new", "a.qsa", "slides", "--samples"],
        ["project", "new", "a.qsa", "--pixel-size", "0"],
        ["images", "set", "a.qsa", "--role", "train"],
        ["images", "set", "a.qsa", "slide"],
        ["images", "set", "a.qsa", "slide", "--role", "spare"],
        ["annotation", "restore", "a.qsa", "slide", "0"],
        ["model", "use", "a.qsa"],
        ["model", "use", "a.qsa", "key", "--back"],
        ["model", "use", "a.qsa", "--back"],
        ["model", "use", "a.qsa", "key", "--for", "fun"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str], run: Callable[..., Any]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "Usage:" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "nowhere.png", "--out", "out", "--ensemble", "missing"],
        ["suggest", "nowhere"],
        ["train", "nowhere", "--out", "f.safetensors", "--no-pretrained"],
        ["evaluate", "nowhere", "--ensemble", "missing"],
        ["info", "missing"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_bad_input_ends_with_1_and_one_sentence(
    arguments: list[str], run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert ran.code == 1
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("Error: ")
    assert "nowhere" in line or "missing" in line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["segment", "--help"], ["train", "--help"], ["ensembles"], ["info"]]
)
def test_light_commands_load_nothing_heavy(arguments: list[str], tiny_ensemble: Path) -> None:
    if arguments == ["info"]:
        arguments = ["info", str(tiny_ensemble), "--json"]
    code = (
        "import sys\nfrom napari_qsa.cli.app import main\n"
        "try:\n    main()\nfinally:\n"
        f"    sys.stderr.write(' '.join({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_interrupt_is_no_traceback(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_qsa.ensemble.shipped.names", interrupt)
    ran = run("ensembles")
    assert ran.code == 130
    assert ran.err == "Stopped.\n"


def test_json_knows_no_nan_and_no_path(capsys: pytest.CaptureFixture[str]) -> None:
    console.emit(
        {"a": float("nan"), "b": Path("x"), "c": (np.float32(0.5), {1}), "d": {2: np.int64(3)}}
    )
    assert json.loads(capsys.readouterr().out) == {
        "a": None,
        "b": "x",
        "c": [0.5, [1]],
        "d": {"2": 3},
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3600 * 5 + 125, "5 h 2 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 B"), (153196, "153.2 kB"), (5e6, "5.0 MB"), (3e9, "3.0 GB")]
)
def test_sizes(count: float, text: str) -> None:
    assert console.size(count) == text


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with console.bar("Training") as bar:
        for second in range(0, 200, 20):
            now[0] = float(second)
            bar.update(second / 200, "member 0")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Training: 10%, 3 min 0 s left (member 0)",  # the first soon, then one a minute
        "Training: 40%, 2 min 0 s left (member 0)",
        "Training: 70%, 1 min 0 s left (member 0)",
    ]


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None: ...

        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    with console.bar("Segmenting") as bar:
        bar.update(0.5, "[im1]", left=30)
    assert "Segmenting" in terminal.text
    assert "50%" in terminal.text
    assert "30 s left" in terminal.text
    assert "[im1]" in terminal.text
