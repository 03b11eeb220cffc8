"""The package and its manifest load at once; what is heavy waits until it is used."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

import napari_qsa

HEAVY = {
    "PyQt5",
    "PyQt6",
    "PySide2",
    "PySide6",
    "matplotlib",
    "napari",
    "openvino",
    "pandas",
    "qtpy",
    "scipy",
    "skimage",
    "torch",
}
READ_MANIFEST = """
from npe2 import PluginManifest
assert PluginManifest.from_distribution("napari-qsa").name == "napari-qsa"
"""


def modules_after(source: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter that ran `source`."""
    report = "\nimport json, sys\nprint(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", source + report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "source",
    ["import napari_qsa; dir(napari_qsa)", "from napari_qsa import QsaError", READ_MANIFEST],
    ids=["import", "error", "manifest"],
)
def test_loads_nothing_heavy(source: str) -> None:
    assert modules_after(source) & HEAVY == set()


def test_heavy_modules_are_noticed() -> None:
    assert "scipy" in modules_after("import scipy")


@pytest.mark.parametrize("name", napari_qsa.__all__)
def test_public_name_exists(name: str) -> None:
    assert name in dir(napari_qsa)
    assert getattr(napari_qsa, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_qsa.no_such_name  # noqa: B018


def test_version_is_the_installed_one() -> None:
    assert importlib.metadata.version("napari-qsa") == napari_qsa.__version__


def test_base_dependencies_bring_no_qt_binding() -> None:
    requirements = importlib.metadata.requires("napari-qsa") or []
    base = [line for line in requirements if "extra ==" not in line]
    assert any(line.startswith("qtpy") for line in base)
    assert [line for line in base if line.lower().startswith(("pyqt", "pyside", "napari"))] == []
