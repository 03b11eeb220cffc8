"""What a model gave for an image, bit for bit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_qsa.errors import ProjectError, QsaError
from napari_qsa.images.predictions import is_prediction
from napari_qsa.project import Project
from napari_qsa.project.predictions import Stored

SHAPE = (24, 32)


def stored(seed: int = 0, highest: int = 5, **changes: object) -> Stored:
    random = np.random.default_rng(seed)
    maps = [random.random(SHAPE, dtype=np.float32) for _ in range(3)]
    labels = random.integers(0, highest + 1, SHAPE).astype(np.int32)
    labels[0, 0] = highest
    return replace(Stored(*maps, labels, 0.62, ("Assumed 0.62 µm.",)), **changes)


def same(one: Stored, two: Stored) -> bool:
    maps = ("probability", "uncertainty", "separator")
    return (
        all(getattr(one, name).tobytes() == getattr(two, name).tobytes() for name in maps)
        and np.array_equal(one.labels, two.labels)
        and (one.pixel_size, one.notes) == (two.pixel_size, two.notes)
    )


@given(
    seed=st.integers(0, 2**16),
    highest=st.sampled_from([0, 1, 255, 65535, 65536, 2**31 - 1]),
    pixel_size=st.floats(1e-6, 1e6),
    notes=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_prediction_comes_back_bit_for_bit(
    project: Project, seed: int, highest: int, pixel_size: float, notes: list[str]
) -> None:
    image = next(iter(project.images))
    given = stored(seed, highest, pixel_size=pixel_size, notes=tuple(notes))
    odd = given.probability.copy()
    odd[0, :4] = np.nan, np.inf, -0.0, 1e-45
    given = replace(given, probability=odd)
    project.save_prediction("m", image, given)
    found = project.read_prediction("m", image)
    assert found is not None
    assert same(found, given)
    assert found.labels.dtype == (np.uint16 if highest < 65536 else np.uint32)


def test_predictions_are_kept_by_model_and_image(project: Project) -> None:
    a, b, *_ = project.images
    assert project.read_prediction("m", a) is None
    assert project.predictions("m") == set()
    for model, image, seed in [("m", a, 1), ("m", b, 2), ("n", a, 3), ("m", a, 4)]:
        project.save_prediction(model, image, stored(seed))
    assert project.predictions("m") == {a, b}
    assert project.predictions("n") == {a}
    for model, image, seed in [("m", a, 4), ("m", b, 2), ("n", a, 3)]:
        found = project.read_prediction(model, image)
        assert found is not None
        assert same(found, stored(seed))
    assert project.read_prediction("n", b) is None
    path = project.folder / "predictions" / "m" / f"{a}.tif"
    before = path.read_bytes()
    project.save_prediction("m", a, stored(4))
    assert path.read_bytes() == before, "the same prediction, the same bytes"
    assert is_prediction(path), "so that it is taken neither as an image nor as labels"


def test_predictions_of_changed_images_are_none(
    project: Project, pictures: Path, image_writer
) -> None:
    a, b, *_ = project.images
    for image in (a, b):
        project.save_prediction("m", image, stored())
    image_writer(pictures / "P0_0.png", 99)
    project.confirm_changed(a)
    assert project.read_prediction("m", a) is None
    assert project.predictions("m") == {b}


@pytest.mark.parametrize("cut", [0, 7, 200, 1000, -1])
def test_a_damaged_prediction_is_none_and_can_be_made_again(project: Project, cut: int) -> None:
    image = next(iter(project.images))
    project.save_prediction("m", image, stored())
    path = project.folder / "predictions" / "m" / f"{image}.tif"
    path.write_bytes(path.read_bytes()[:cut])
    assert project.read_prediction("m", image) is None
    project.save_prediction("m", image, stored(1))
    assert project.predictions("m") == {image}


def test_a_prediction_of_another_image_is_none(project: Project) -> None:
    a, b, *_ = project.images
    project.save_prediction("m", a, stored())
    folder = project.folder / "predictions" / "m"
    (folder / f"{b}.tif").write_bytes((folder / f"{a}.tif").read_bytes())
    (folder / "stranger.tif").write_bytes((folder / f"{a}.tif").read_bytes())
    assert project.read_prediction("m", b) is None
    assert project.predictions("m") == {a}


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": np.zeros(SHAPE)},
        {"separator": np.zeros((24, 33), np.float32)},
        {"labels": np.zeros(SHAPE, np.float32)},
        {"labels": np.zeros((1, 24, 32), np.int32)},
        {"labels": np.full(SHAPE, -1)},
    ],
    ids=range(5),
)
def test_what_does_not_fit_is_refused(project: Project, wrong: dict[str, object]) -> None:
    image = next(iter(project.images))
    with pytest.raises(ProjectError, match=image):
        project.save_prediction("m", image, stored(**wrong))
    assert project.predictions("m") == set()


@pytest.mark.parametrize("key", ["../m", "", ".", "a/b"])
def test_a_key_cannot_lead_out_of_the_project(project: Project, key: str) -> None:
    image = next(iter(project.images))
    with pytest.raises(ProjectError, match="is no key"):
        project.save_prediction(key, image, stored())
    assert project.read_prediction(key, image) is None
    assert project.predictions(key) == set()


def test_a_write_that_fails_leaves_the_former_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next(iter(project.images))
    project.save_prediction("m", image, stored(1))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(QsaError, match="No space left"):
            project.save_prediction("m", image, stored(2))
    found = project.read_prediction("m", image)
    assert found is not None
    assert same(found, stored(1))
    assert len(list((project.folder / "predictions" / "m").iterdir())) == 1


def test_nothing_is_written_to_a_project_that_is_read_only(project: Project) -> None:
    image = next(iter(project.images))
    with Project.open(project.folder, read_only=True) as other:
        with pytest.raises(ProjectError, match="read-only"):
            other.save_prediction("m", image, stored())
        project.save_prediction("m", image, stored())
        assert other.read_prediction("m", image) is not None
