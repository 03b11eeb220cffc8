"""The ensembles that come in the package."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.images import immunohistochemistry, read_image

FOLDER = Path(str(files("napari_qsa"))) / "ensembles"
NAMES = ("glas-segmentation", "glas-suggestive")
MAX_BYTES = 20_000_000


@pytest.mark.parametrize("name", NAMES)
def test_ensemble_is_shipped(name: str) -> None:
    assert (FOLDER / f"{name}.safetensors").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_shipped_ensemble_segments(name: str) -> None:
    ensemble = Ensemble.load(name, device="cpu")
    crop = immunohistochemistry().pixels[100:196, 300:428]
    prediction = ensemble.predict(crop, pixel_size=0.62)
    assert ensemble.card.members == 5
    assert prediction.probability.shape == prediction.labels.shape == (96, 128)
    assert 0 <= prediction.probability.min() < prediction.probability.max() <= 1
    assert 0 < prediction.image_uncertainty < 0.5
    assert np.isfinite(prediction.descriptor).all()


def test_the_shipped_ensemble_shows_glands_where_it_was_not_trained() -> None:
    """Objects are not all left out as faint: the picture of the demo has four glands."""
    ensemble = Ensemble.load("glas-segmentation", device="cpu")
    assert ensemble.predict(immunohistochemistry(), pixel_size=0.62).labels.max() >= 4
    samples = Path(__file__).parents[2] / "sample_data"
    images = [path for path in samples.glob("train_*.bmp") if "anno" not in path.name]
    assert len(images) == 8
    for path in images:
        assert ensemble.predict(read_image(path), pixel_size=0.62).labels.max() >= 1, path.name


def test_no_other_file_is_shipped() -> None:
    assert {p.stem for p in FOLDER.glob("*.safetensors")} == set(NAMES)


def test_shipped_ensembles_are_small() -> None:
    sizes = [p.stat().st_size for p in FOLDER.glob("*.safetensors")]
    assert sizes
    assert sum(sizes) <= MAX_BYTES
