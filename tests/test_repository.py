"""What lies in the repository, whatever the code does."""

import hashlib
import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAPARI_QSA_DATA", ROOT.parent / "shared" / "data"))
UNTRACKED = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "runs",
    "site",
}


def repository_files() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in UNTRACKED]
        found += [Path(folder) / name for name in names]
    return found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_third_party_pixels() -> None:
    pixels = [p for p in DATA.rglob("*") if p.suffix.lower() in {".bmp", ".png", ".tif", ".jpg"}]
    if not pixels:
        pytest.skip("the third-party images are not on this machine (set NAPARI_QSA_DATA)")
    sizes = {path.stat().st_size for path in pixels}
    suspects = [path for path in repository_files() if path.stat().st_size in sizes]
    hashes = {sha256(path) for path in pixels} if suspects else set()
    assert [str(path) for path in suspects if sha256(path) in hashes] == []


def test_both_licences_are_declared_and_present() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "BSD-3-Clause AND LicenseRef-napari-qsa-weights"
    for name in project["license-files"]:
        assert (ROOT / name).is_file()
    assert "LicenseRef-napari-qsa-weights" in (ROOT / "LICENSE-WEIGHTS").read_text()


def test_citation_names_the_released_version() -> None:
    source = (ROOT / "src" / "napari_qsa" / "__init__.py").read_text()
    version = re.search(r'__version__ = "(.+)"', source)
    assert version is not None
    assert f"\nversion: {version[1]}\n" in (ROOT / "CITATION.cff").read_text()
