"""Small maps of uncertainty: of the image and the model as they are now, or none."""

from pathlib import Path

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.project import Project

MODEL = "glas-suggestive"


@pytest.fixture
def small() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 16), dtype=np.uint8)


def test_a_map_reads_back_equal(project: Project, small: np.ndarray) -> None:
    image, other, *_ = project.images
    digest = project.image(image).sampled_hash
    assert project.read_map(MODEL, image) is None
    project.save_map(MODEL, image, digest, small)
    assert np.array_equal(project.read_map(MODEL, image), small)
    assert project.read_map(MODEL, other) is None
    assert project.read_map("glas-segmentation", image) is None
    assert project.problems() == []
    with Project.open(project.folder, read_only=True) as reader:
        assert np.array_equal(reader.read_map(MODEL, image), small)


def test_a_map_of_another_image_or_a_damaged_one_counts_for_nothing(
    project: Project, small: np.ndarray
) -> None:
    image, other, *_ = project.images
    project.save_map(MODEL, image, project.image(other).sampled_hash, small)
    assert project.read_map(MODEL, image) is None
    project.save_map(MODEL, image, project.image(image).sampled_hash, small)
    (file,) = Path(project.folder / "scores").rglob("*.png")
    whole = file.read_bytes()
    for damaged in (whole[:-40], whole[:30], b"", b"no picture"):
        file.write_bytes(damaged)
        assert project.read_map(MODEL, image) is None


@pytest.mark.parametrize("shape", [(0, 4), (4, 4, 3), (1000, 4)], ids=str)
def test_what_is_no_small_map_is_refused(project: Project, shape: tuple[int, ...]) -> None:
    image = next(iter(project.images))
    with pytest.raises(QsaError, match="score the image again"):
        project.save_map(MODEL, image, project.image(image).sampled_hash, np.zeros(shape, np.uint8))
