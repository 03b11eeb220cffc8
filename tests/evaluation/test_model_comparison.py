"""The new model against the one in use."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_qsa.errors import ImageError
from napari_qsa.evaluation import model_comparison
from napari_qsa.evaluation.comparison import Interval
from napari_qsa.evaluation.model_comparison import ModelComparison, compare_models, verdict
from napari_qsa.images import Dataset, Image, Item

SHAPE = (40, 60)


class Model:
    """Finds the upper part of each image, as high as it is told, whoever predicts."""

    def __init__(self, rows: int, unseen: dict[str, list[int]] | None = None) -> None:
        self.rows = rows
        self.card = SimpleNamespace(members=3, unseen=unseen or {})
        self.asked: list[tuple[int, Any]] = []

    def predict(self, image: Image, members: Any = None) -> Any:
        number = int(image.pixels[0, 0, 0])
        self.asked.append((number, members))
        if number == 99:
            raise ImageError("It is too small.")
        labels = np.zeros(SHAPE, np.int32)
        labels[: self.rows + number % 3, :30] = 1
        return SimpleNamespace(labels=labels)


def items(folder: Path, numbers: list[int], region: np.ndarray | None = None) -> Dataset:
    folder.mkdir()
    made = []
    for number in numbers:
        image, label = folder / f"{number}.png", folder / f"{number}.tif"
        PIL.Image.fromarray(np.full((*SHAPE, 3), number, np.uint8)).save(image)
        glands = np.zeros(SHAPE, np.uint16)
        glands[:20, :30] = 1
        pages = (glands, np.ones(SHAPE, np.uint8) if region is None else region)
        with tifffile.TiffWriter(label) as writer:
            for page in pages:
                writer.write(page, photometric="minisblack", metadata=None)
        made.append(Item(str(number), image, label, label_page=0, region_page=1))
    return Dataset(folder, tuple(made), None)


@pytest.fixture(autouse=True)
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that never saw an image are what the model says by the image's bytes."""

    def never_saw(card: Any, digest: str, page: Any, find: Any) -> list[int]:
        return card.unseen.get(digest, [0, 1, 2])

    monkeypatch.setattr(model_comparison, "never_saw", never_saw)
    monkeypatch.setattr(model_comparison, "sha256", lambda path: Path(path).stem)


def compare(current: Model, new: Model, train: Dataset, validation: Dataset) -> ModelComparison:
    return compare_models(current, new, train, validation)  # type: ignore[arg-type]


def test_a_better_model_is_told_from_a_worse_one(tmp_path: Path) -> None:
    validation = items(tmp_path / "v", [1, 2, 3, 4, 5, 6])
    train = items(tmp_path / "t", [7])
    bad, good = Model(8), Model(18)
    found = compare(bad, good, train, validation)
    assert (found.source, found.verdict, len(found.images)) == ("validation", "better", 6)
    assert found.new > found.current
    assert 0 < found.low <= found.difference <= found.high
    assert all(pair.new > pair.current for pair in found.images)
    assert compare(good, bad, train, validation).verdict == "worse"
    same = compare(good, good, train, validation)
    assert (same.verdict, same.difference) == ("too few to tell", 0)
    assert {members for _, members in bad.asked} == {None}


def test_few_validation_images_are_joined_by_members_out_of_bag(tmp_path: Path) -> None:
    current = Model(8, {"7": [0, 2], "8": []})
    new = Model(18, {"7": [1], "9": [1]})
    found = compare(current, new, items(tmp_path / "t", [7, 8, 9]), items(tmp_path / "v", [1, 2]))
    assert found.source == "out of bag"
    assert [pair.name for pair in found.images] == ["1", "2", "7", "9"]
    assert current.asked == [(1, None), (2, None), (7, [0, 2]), (9, None)]
    assert new.asked == [(1, None), (2, None), (7, [1]), (9, [1])]
    assert len(found.notes) == 1
    assert "every member of a model was trained on them: 1" in found.notes[0]


def test_only_what_was_reviewed_counts(tmp_path: Path) -> None:
    region = np.zeros(SHAPE, np.uint8)
    region[:6] = 1
    marked = items(tmp_path / "v", [1, 2, 3, 4, 5], region)
    found = compare(Model(8), Model(20), items(tmp_path / "t", []), marked)
    assert (found.current, found.new) == (1, 1)


def test_images_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    found = compare(
        Model(8), Model(18), items(tmp_path / "t", []), items(tmp_path / "v", [1, 2, 99])
    )
    assert len(found.images) == 2
    assert found.notes == ("It is too small.",)


def test_nothing_to_compare_on_is_said(tmp_path: Path) -> None:
    nobody = Model(8, {"7": []})
    found = compare(nobody, Model(18), items(tmp_path / "t", [7]), items(tmp_path / "v", []))
    assert (found.source, found.images, found.verdict) == ("none", (), "too few to tell")
    assert "No image is left" in found.notes[-1]


def test_very_many_images_are_picked_from(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(model_comparison, "MOST", 3)
    validation = items(tmp_path / "v", [1, 2, 3, 4, 5, 6])
    found = compare(Model(8), Model(18), items(tmp_path / "t", []), validation)
    assert [pair.name for pair in found.images] == ["1", "3", "5"]
    assert "evenly picked" in found.notes[0]


@pytest.mark.parametrize(
    ("low", "high", "images", "expected"),
    [
        (0.01, 0.2, 5, "better"),
        (-0.2, -0.01, 5, "worse"),
        (-0.01, 0.2, 5, "too few to tell"),
        (0.0, 0.2, 5, "too few to tell"),
        (0.01, 0.2, 1, "too few to tell"),
    ],
)
def test_the_verdict_needs_an_interval_beside_0(low, high, images, expected) -> None:
    assert verdict(Interval((low + high) / 2, low, high, 0.95), images) == expected


def test_a_comparison_survives_its_file(tmp_path: Path) -> None:
    validation = items(tmp_path / "v", [1, 2, 99])
    found = compare(Model(8), Model(18), items(tmp_path / "t", []), validation)
    assert ModelComparison.from_json(json.loads(json.dumps(found.to_json()))) == found
