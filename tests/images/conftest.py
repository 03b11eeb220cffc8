"""Where real data lie, if they do."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets, which are no part of the repository."""
    default = Path(__file__).parents[2] / ".." / "shared" / "data"
    return Path(os.environ.get("NAPARI_QSA_DATA", default))


@pytest.fixture(scope="session")
def glas_folder(data_folder: Path) -> Path:
    folder = data_folder / "glas"
    if not (folder / "train_1.bmp").is_file():
        pytest.skip("needs the GlaS training part in NAPARI_QSA_DATA/glas")
    return folder


@pytest.fixture(scope="session")
def ebhi_folder(data_folder: Path) -> Path:
    folder = data_folder / "ebhi"
    if not folder.is_dir():
        pytest.skip("needs the EBHI-SEG images in NAPARI_QSA_DATA/ebhi")
    return folder
