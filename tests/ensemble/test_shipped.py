"""The ensembles that come in the package."""

from importlib.resources import files
from pathlib import Path

import pytest

FOLDER = Path(str(files("napari_qsa"))) / "ensembles"
NAMES = ("glas-segmentation", "glas-suggestive")
MAX_BYTES = 20_000_000


@pytest.mark.parametrize("name", NAMES)
def test_ensemble_is_shipped(name: str) -> None:
    assert (FOLDER / f"{name}.safetensors").is_file()


def test_no_other_file_is_shipped() -> None:
    assert {p.stem for p in FOLDER.glob("*.safetensors")} == set(NAMES)


def test_shipped_ensembles_are_small() -> None:
    sizes = [p.stat().st_size for p in FOLDER.glob("*.safetensors")]
    assert sizes
    assert sum(sizes) <= MAX_BYTES
