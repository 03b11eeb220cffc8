"""Small projects to work on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from napari_qsa.ensemble.card import CARD_KEY, EnsembleCard
from napari_qsa.ensemble.header import lay_out, make_header
from napari_qsa.images import open_dataset
from napari_qsa.project import Project

SHAPE = (24, 32)

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


def write_image(path: Path, seed: int, shape: tuple[int, int] = SHAPE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path


def draw(seed: int, shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """An annotation: some glands, and a region with all three values."""
    random = np.random.default_rng(seed)
    glands = np.zeros(shape, dtype=np.int32)
    for number in range(1, int(random.integers(2, 6))):
        row, column = (int(random.integers(side)) for side in shape)
        glands[row : row + 6, column : column + 8] = number
    return glands, random.integers(0, 3, shape).astype(np.uint8)


def write_ensemble(path: Path, seed: int = 0, role: str = "segmentation") -> Path:
    """A file with an ensemble's card and no network: enough to be kept and adopted."""
    card = EnsembleCard(
        role=role,
        network="unet",
        network_options={},
        in_channels=3,
        members=1,
        weights="float",
        activations="float",
        pixel_size=1.0,
        source_pixel_size=1.0,
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        halo=8,
        stride=8,
        seeds=(seed,),
        version="0",
        date="2026-01-01",
    )
    entries, data = lay_out({"0/weight": np.arange(5, dtype=np.float32)})
    path.write_bytes(make_header(entries, {CARD_KEY: card.to_json()}) + data)
    return path


@pytest.fixture(scope="session", autouse=True)
def helpers() -> Iterator[None]:
    """Let tests import `recorder`, which lies beside them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield


@pytest.fixture
def ensemble_writer() -> Callable[..., Path]:
    return write_ensemble


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index of each test is its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NAPARI_QSA_CACHE", str(folder))
    return folder


@pytest.fixture
def image_writer() -> Callable[..., Path]:
    return write_image


@pytest.fixture
def drawing() -> Draw:
    return draw


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of six images."""
    for number in range(6):
        write_image(tmp_path / "pictures" / f"P{number // 2}_{number}.png", number)
    return tmp_path / "pictures"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "glands.qsa", "Glands", pixel_size=0.5, seed=7) as project:
        yield project


@pytest.fixture
def project(empty: Project, pictures: Path) -> Project:
    """A project of the six images."""
    added = empty.add_images(open_dataset(pictures))
    assert (len(added.ids), added.problems) == (6, ())
    return empty
