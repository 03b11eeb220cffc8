"""Training images on the network's grid, bootstraps and folds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from skimage.io import imsave

from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import (
    TrainingImage,
    assumption,
    bootstrap_count,
    load_training_images,
    median_pixel_size,
    member_counts,
)
from napari_qsa.errors import TrainingError
from napari_qsa.images import open_dataset

MakeImages = Callable[..., list[TrainingImage]]
NAMES = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4000)]
KNOWN = [1, 1, 1, 1, 4, 1, 2, 0, 2, 0, 2, 0]


def test_bootstrap_counts_are_poisson() -> None:
    counts = np.array([bootstrap_count(0, 0, name) for name in NAMES])
    assert counts.mean() == pytest.approx(1.0, abs=0.06)
    assert counts.var() == pytest.approx(1.0, abs=0.1)
    for value, share in enumerate((0.368, 0.368, 0.184, 0.061)):
        assert (counts == value).mean() == pytest.approx(share, abs=0.03)


def test_bootstrap_counts_never_change() -> None:
    # Files say which seeds trained them: another rule would be another ensemble.
    assert [bootstrap_count(0, 0, name) for name in NAMES[:12]] == KNOWN


def test_bootstraps_are_keyed_by_seed_member_and_image() -> None:
    def bootstrap(seed: int, member: int) -> list[int]:
        return [bootstrap_count(seed, member, name) for name in NAMES[:300]]

    draws = [bootstrap(seed, member) for seed in (0, 1, 10) for member in (0, 1, 10)]
    for n, first in enumerate(draws):
        assert bootstrap(*[(s, m) for s in (0, 1, 10) for m in (0, 1, 10)][n]) == first
        for second in draws[:n]:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.2


def test_other_images_leave_the_counts_alone(make_images: MakeImages) -> None:
    options, images = TrainingOptions(), make_images(12)
    counts = member_counts(images, options, 1)
    assert counts.any()
    assert np.array_equal(member_counts(images[:7], options, 1), counts[:7])
    assert np.array_equal(member_counts(images[::-1], options, 1), counts[::-1])
    expected = [bootstrap_count(options.seed, 1, image.sha256) for image in images]
    assert counts.tolist() == expected


def test_an_empty_bootstrap_takes_all(make_images: MakeImages) -> None:
    images = make_images(1)
    empty = next(m for m in range(50) if bootstrap_count(0, m, images[0].sha256) == 0)
    assert member_counts(images, TrainingOptions(), empty).tolist() == [1.0]


def test_without_bootstrap_every_image_counts_once(make_images: MakeImages) -> None:
    images = make_images(6, folds=(0, 1, 2, 0, 1, 2))
    assert member_counts(images, TrainingOptions(bootstrap=False), 1).tolist() == [1.0] * 6
    options = TrainingOptions(bootstrap=False, folds=3, fold=1)
    assert member_counts(images, options, 1).tolist() == [1, 0, 1, 1, 0, 1]


def test_member_m_never_sees_fold_m(make_images: MakeImages) -> None:
    images = make_images(6, folds=(0, 1, 2, 0, 1, 2))
    options = TrainingOptions(folds=3, members=5)
    for member in range(5):
        counts = member_counts(images, options, member)
        assert counts.tolist() == [float(image.fold != member % 3) for image in images]


def test_one_fold_left_out_for_all(make_images: MakeImages) -> None:
    images = make_images(30, folds=(0, 1, 2) * 10)
    options = TrainingOptions(folds=3, fold=1)
    for member in range(4):
        counts = member_counts(images, options, member)
        bootstrap = [bootstrap_count(0, member, image.sha256) for image in images]
        assert counts.any()
        assert counts.tolist() == [
            float(count * (image.fold != 1)) for count, image in zip(bootstrap, images, strict=True)
        ]


@pytest.mark.parametrize("fold", [None, 0])
def test_a_fold_of_everything_is_refused(make_images: MakeImages, fold: int | None) -> None:
    images = make_images(2, folds=(0, 0))
    with pytest.raises(TrainingError, match="Fold 0 holds every image"):
        member_counts(images, TrainingOptions(folds=2, fold=fold), 0)


@pytest.fixture
def glas(tmp_path: Path) -> Path:
    """Six images of three patients in GlaS's layout, and one without labels."""
    random = np.random.default_rng(0)
    rows = ["name,patient ID, grade (GlaS)"]
    for number in range(1, 7):
        pixels = random.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        labels = np.zeros((20, 30), np.uint8)
        labels[4:16, 4:14], labels[4:16, 14:24] = 1, number + 2
        imsave(tmp_path / f"train_{number}.bmp", pixels, check_contrast=False)
        imsave(tmp_path / f"train_{number}_anno.bmp", labels, check_contrast=False)
        rows.append(f"train_{number}, {number % 3}, benign")
    imsave(tmp_path / "train_7.bmp", pixels, check_contrast=False)
    (tmp_path / "Grade.csv").write_text("\r\n".join(rows))
    return tmp_path


def test_images_come_to_the_networks_grid(glas: Path) -> None:
    images = load_training_images(open_dataset(glas), TrainingOptions(pixel_size=1.24))
    assert [image.name for image in images] == [f"train_{n}" for n in range(1, 7)]
    for image in images:
        assert image.stack.dtype == torch.uint8
        assert image.stack.shape == (5, 10, 15)  # 0.62 to 1.24 µm: halved
        assert image.fold == -1
        file = glas / f"{image.name}.bmp"
        assert image.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (image.stack[3, 3:7, 3:11] == 255).all()
        assert image.stack[4].any()  # the glands touch


def test_full_resolution_keeps_the_pixels(glas: Path) -> None:
    from skimage.io import imread

    images = load_training_images(open_dataset(glas), TrainingOptions(pixel_size=0.62))
    for image in images:
        pixels = imread(glas / f"{image.name}.bmp")
        assert np.array_equal(image.stack[:3].permute(1, 2, 0).numpy(), pixels)
        labels = imread(glas / f"{image.name}_anno.bmp")
        assert np.array_equal(image.stack[3].numpy() == 255, labels > 0)


def test_folds_hold_out_whole_patients(glas: Path) -> None:
    options = TrainingOptions(folds=3, members=3)
    images = load_training_images(open_dataset(glas), options)
    for member in range(3):
        counts = member_counts(images, options, member)
        held_out = {image.name for image, count in zip(images, counts, strict=True) if not count}
        (patient,) = {int(name[6:]) % 3 for name in held_out}
        assert held_out == {f"train_{n}" for n in range(1, 7) if n % 3 == patient}
    assert Counter(image.fold for image in images) == {0: 2, 1: 2, 2: 2}


def test_no_labels_is_said_with_the_remedy(tmp_path: Path) -> None:
    imsave(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), check_contrast=False)
    with pytest.raises(TrainingError, match=r"no labelled image: put NAME_anno.bmp"):
        load_training_images(open_dataset(tmp_path), TrainingOptions())


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Images of 0.31, 0.5 and 0.5 µm, and one that does not say."""
    for number, size in enumerate((0.31, 0.5, 0.5, None)):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        tags = {} if size is None else {"resolution": (1e4 / size,) * 2, "resolutionunit": 3}
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels, **tags)
        labels = np.kron([[1, 0], [0, 2]], np.ones((20, 20), np.uint8)).astype(np.uint8)
        tifffile.imwrite(tmp_path / f"{number}_labels.tif", labels)
    return tmp_path


def test_each_image_has_its_own_pixel_size(mixed: Path) -> None:
    options, data = TrainingOptions(), open_dataset(mixed)
    images = load_training_images(data, options)
    assert [image.stack.shape[1] for image in images] == [10, 16, 16, 20]
    assert [image.source_pixel_size for image in images][2:] == [pytest.approx(0.5), None]
    assert median_pixel_size(images, options) == pytest.approx(0.5)
    (sentence,) = assumption(images, options)
    assert sentence.startswith("The pixel size of 1 of 4 images is unknown: 0.62 µm is assumed")
    given = replace(options, source_pixel_size=0.62)
    images = load_training_images(data, given)
    assert [image.stack.shape[1] for image in images] == [20] * 4
    assert median_pixel_size(images, given) == 0.62
    assert assumption(images, given) == ()


def test_an_impossible_pixel_size_is_refused(mixed: Path) -> None:
    with pytest.raises(TrainingError, match=r"0\.tif has a pixel size of 90 µm"):
        load_training_images(open_dataset(mixed), TrainingOptions(source_pixel_size=90.0))


def test_gray_images_fill_the_channels_asked_for(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    imsave(tmp_path / "a.png", pixels, check_contrast=False)
    imsave(tmp_path / "a_labels.png", (pixels > 128).astype(np.uint8), check_contrast=False)
    data, options = open_dataset(tmp_path), TrainingOptions()
    (image,) = load_training_images(data, options)
    assert torch.equal(image.stack[0], image.stack[2])
    (narrow,) = load_training_images(data, options, in_channels=1)
    assert narrow.stack.shape[0] == 3
    assert torch.equal(narrow.stack[0], image.stack[0])
