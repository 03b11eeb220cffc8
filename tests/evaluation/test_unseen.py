"""Which members can be tested on an image."""

from pathlib import Path
from typing import Any

import pytest

from napari_qsa.ensemble.card import EnsembleCard, TrainingImage, read_card
from napari_qsa.ensemble.training.bootstrap import bootstrap_count
from napari_qsa.errors import EnsembleFileError
from napari_qsa.evaluation.unseen import beside, find_start, never_saw

IMAGES = [f"{number:064x}" for number in range(12)]
STRANGER = "f" * 64


def card(images: list[str] = IMAGES, seed: int = 3, members: int = 4, **facts: Any) -> EnsembleCard:
    given: dict[str, Any] = {
        "role": "segmentation",
        "network": "unet",
        "network_options": {},
        "in_channels": 3,
        "members": members,
        "weights": "float",
        "activations": "float",
        "pixel_size": 1.0,
        "source_pixel_size": 1.0,
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
        "halo": 8,
        "stride": 8,
        "training": tuple(TrainingImage(name[-2:], name) for name in images),
        "metrics": {
            "training": {"seed": seed, "start": facts.pop("start", None)},
            "members": list(range(members)),
        },
    }
    return EnsembleCard(**(given | facts))


def out_of_bag(image: str, seed: int = 3, members: int = 4) -> list[int]:
    return [m for m in range(members) if bootstrap_count(seed, m, image) == 0]


def test_a_stranger_was_seen_by_nobody() -> None:
    assert never_saw(card(), STRANGER) == [0, 1, 2, 3]


def test_members_never_saw_what_is_not_in_their_bootstrap() -> None:
    found = [never_saw(card(), image) for image in IMAGES]
    assert found == [out_of_bag(image) for image in IMAGES]
    assert any(found)
    assert not all(len(members) == 4 for members in found)
    page = never_saw(card(), IMAGES[0], page=2)
    assert page == out_of_bag(f"{IMAGES[0]}/2")


def test_an_empty_bootstrap_is_everything() -> None:
    alone = next(i for i in IMAGES if out_of_bag(i))
    assert never_saw(card([alone]), alone) == []


def test_a_fold_was_seen_by_all_but_one() -> None:
    training = tuple(TrainingImage("x", name, place % 4) for place, name in enumerate(IMAGES))
    folded = card(training=training, folds=4)
    assert [never_saw(folded, image) for image in IMAGES[:5]] == [[0], [1], [2], [3], [0]]


def test_who_does_not_say_how_it_was_trained_saw_all() -> None:
    assert never_saw(card(metrics={}), IMAGES[0]) == []
    assert never_saw(card(metrics={}), STRANGER) == [0, 1, 2, 3]


@pytest.mark.parametrize("there", [True, False])
def test_what_the_start_saw_was_seen(tmp_path: Path, ensemble_maker, there: bool) -> None:
    """Member m begins as member m modulo 2 of the start, and has seen what that has seen."""
    image, seed = next((i, s) for s in range(9) for i in IMAGES if out_of_bag(i, s, 2) == [1])
    training = tuple(TrainingImage("x", name) for name in IMAGES)
    metrics = {"training": {"seed": seed}, "members": [0, 1]}
    file = ensemble_maker(tmp_path / "start.safetensors", training=training, metrics=metrics)
    assert never_saw(read_card(file), image) == [1]
    later = card([STRANGER], start=str(tmp_path / "before it was moved" / file.name))
    if there:
        assert never_saw(later, image, find=beside(tmp_path)) == [1, 3]
        assert never_saw(later, "e" * 64, find=beside(tmp_path)) == [0, 1, 2, 3]
    else:
        assert never_saw(later, image) == []
        with pytest.raises(EnsembleFileError):
            find_start(str(later.metrics["training"]["start"]))


def test_shipped_starts_are_found() -> None:
    seen = read_card(find_start("glas-segmentation")).training[0]
    later = card([STRANGER], start="glas-segmentation", members=5)
    assert never_saw(later, seen.sha256) == [seen.fold]
