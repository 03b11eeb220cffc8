"""Runs over data sets: out of fold, seen, and labels made by anybody."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

from napari_qsa.ensemble.card import EnsembleCard, TrainingImage
from napari_qsa.ensemble.prediction import Prediction
from napari_qsa.errors import DatasetError
from napari_qsa.evaluation.runs import (
    Plan,
    evaluate_ensemble,
    evaluate_predictions,
    find_predictions,
    plan,
)
from napari_qsa.images import Image, open_dataset, sha256

SHAPE = (48, 64)


def truth(number: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:20, 4:30] = 1
    labels[26:44, 10 + number : 50] = 2
    return labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three training images and one test image in GlaS layout."""
    random = np.random.default_rng(0)
    data = tmp_path / "data"
    data.mkdir()
    for number, name in enumerate(["train_1", "train_2", "train_3", "testA_1"]):
        pixels = random.integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
        imsave(data / f"{name}.bmp", pixels, check_contrast=False)
        imsave(data / f"{name}_anno.bmp", truth(number), check_contrast=False)
    return data


def card(**changes: Any) -> EnsembleCard:
    facts: dict[str, Any] = {
        "role": "segmentation",
        "network": "unet",
        "network_options": {},
        "in_channels": 3,
        "members": 2,
        "weights": "inq4",
        "activations": "u8",
        "pixel_size": 1.24,
        "source_pixel_size": 0.62,
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
        "halo": 32,
        "stride": 32,
    }
    return EnsembleCard(**(facts | changes))


class FakeEnsemble:
    """Members that predict their own number's picture, and write down what they were asked."""

    def __init__(self, made: EnsembleCard) -> None:
        self.card = made
        self.asked: list[tuple[str, float | None, bool, Sequence[int] | None]] = []

    def predict(
        self,
        image: Image,
        pixel_size: float | None = None,
        tta: bool = False,
        members: Sequence[int] | None = None,
    ) -> Prediction:
        assert image.path is not None
        self.asked.append((image.path.stem, pixel_size, tta, members))
        labels = truth(0).astype(np.int32)
        probability = np.where(labels > 0, 0.8, 0.1).astype(np.float32)
        uncertainty = np.zeros(SHAPE, np.float32) + (members is None) * np.float32(0.1)
        return Prediction(
            probability, uncertainty, probability * 0, labels, np.ones(4, np.float32), 0.62
        )


def records(folder: Path, folds: Sequence[int | None]) -> tuple[TrainingImage, ...]:
    return tuple(
        TrainingImage(f"train_{i}", sha256(folder / f"train_{i}.bmp"), fold)
        for i, fold in enumerate(folds, start=1)
    )


def test_training_images_go_to_the_member_that_never_saw_them(folder: Path) -> None:
    ensemble = FakeEnsemble(card(folds=2, training=records(folder, [0, 1, 0])))
    done: list[tuple[int, int, str]] = []
    found = evaluate_ensemble(
        open_dataset(folder),
        ensemble,  # type: ignore[arg-type]
        tta=True,
        progress=lambda *state: done.append(state),
    )
    assert ensemble.asked == [
        ("testA_1", 0.62, True, None),
        ("train_1", 0.62, True, [0]),
        ("train_2", 0.62, True, [1]),
        ("train_3", 0.62, True, [0]),
    ]
    assert [r.source for r in found.results] == ["ensemble"] + 3 * ["out of fold"]
    assert [r.member for r in found.results] == [None, 0, 1, 0]
    # One member alone has no spread, so nothing can be said about its uncertainty.
    assert [r.uncertainty for r in found.results][1:] == [None] * 3
    assert found.results[0].uncertainty == pytest.approx(0.1)
    assert found.results[1].objects.f1 == 1
    assert found.results[0].pixels.dice < 1
    (note,) = found.notes
    assert "3 of 4 images" in note
    assert "out of fold" in note
    assert done[0] == (0, 4, "testA_1")
    assert done[-1] == (4, 4, "")


def test_images_of_a_bootstrap_ensemble_are_flagged_as_seen(folder: Path) -> None:
    ensemble = FakeEnsemble(card(training=records(folder, [None, None])))
    found = evaluate_ensemble(open_dataset(folder).part("train"), ensemble)  # type: ignore[arg-type]
    assert [r.source for r in found.results] == ["seen in training", "seen in training", "ensemble"]
    assert found.summaries[0].seen == 2
    assert "2 of 3 images were seen in training" in found.notes[0]
    assert all(members is None for *_, members in ensemble.asked)


def test_fewer_members_than_folds_leave_no_honest_member(folder: Path) -> None:
    made = card(folds=5, training=records(folder, [0]))
    assert plan(made, made.training[0].sha256) == Plan("seen in training")


def test_one_bad_image_does_not_stop_the_rest(folder: Path) -> None:
    (folder / "train_2.bmp").write_bytes(b"BM not an image")
    found = evaluate_ensemble(open_dataset(folder), FakeEnsemble(card()))  # type: ignore[arg-type]
    assert [r.name for r in found.results] == ["testA_1", "train_1", "train_3"]
    assert len(found.failures) + len(open_dataset(folder).problems) == 1


def test_given_labels_are_scored(folder: Path, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    tifffile.imwrite(predictions / "train_1_labels.tif", truth(0).astype(np.uint16))
    imsave(predictions / "Train_2_labels.PNG", truth(0), check_contrast=False)
    imsave(predictions / "train_3_labels.bmp", truth(2), check_contrast=False)
    found = evaluate_predictions(open_dataset(folder).part("train"), predictions)
    assert [r.objects.object_dice == 1 for r in found.results] == [True, False, True]
    assert {r.source for r in found.results} == {"predictions"}
    assert found.notes == ()
    assert found.summaries[0].calibration_error is None


def test_a_missing_prediction_is_an_error_and_not_a_zero(folder: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "train_1_labels.tif", truth(0))
    with pytest.raises(DatasetError, match=r"2 of 3 images \(train_2, train_3\)"):
        evaluate_predictions(open_dataset(folder).part("train"), tmp_path)


def test_many_missing_are_not_all_named(folder: Path, tmp_path: Path) -> None:
    item = open_dataset(folder).items[0]
    with pytest.raises(DatasetError, match="and 10 more"):
        find_predictions([item] * 20, tmp_path)


def test_predictions_of_another_size_fail_alone(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        labels = truth(number - 1)
        tifffile.imwrite(tmp_path / f"train_{number}_labels.tif", labels[: 48 - (number == 2)])
    found = evaluate_predictions(open_dataset(folder).part("train"), tmp_path)
    (failure,) = found.failures
    assert failure.name == "train_2"
    assert "train_2_labels.tif" in failure.error
    assert len(found.results) == 2


def test_predictions_must_be_a_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a folder"):
        evaluate_predictions(open_dataset(folder), tmp_path / "nowhere")


def test_unlabelled_data_cannot_be_evaluated(tmp_path: Path) -> None:
    imsave(tmp_path / "a.png", np.zeros((*SHAPE, 3), np.uint8), check_contrast=False)
    with pytest.raises(DatasetError, match="no labelled image"):
        evaluate_predictions(open_dataset(tmp_path), tmp_path)


def test_a_label_of_another_size_is_blamed_not_the_prediction(folder: Path, tmp_path: Path) -> None:
    pixels = imread(folder / "train_1.bmp")
    own, predictions = tmp_path / "own", tmp_path / "predictions"
    own.mkdir()
    predictions.mkdir()
    imsave(own / "a.png", pixels, check_contrast=False)
    whole = np.ones(pixels.shape[:2], np.uint8)
    imsave(own / "a_anno.png", whole[:-3], check_contrast=False)
    imsave(predictions / "a_labels.png", whole, check_contrast=False)
    (failure,) = evaluate_predictions(open_dataset(own), predictions).failures
    assert "a_anno.png has" in failure.error
