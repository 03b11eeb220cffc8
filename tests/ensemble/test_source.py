"""What images are taken, and how the others are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.source import prepare_source
from napari_qsa.errors import ImageError
from napari_qsa.images import Image

Tissue = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def card(make_ensemble: Callable[..., Ensemble]) -> EnsembleCard:
    return make_ensemble().card


def test_the_same_picture_in_any_dtype(card: EnsembleCard, tissue: Tissue) -> None:
    image = tissue((40, 60))
    expected = prepare_source(image, card, 1.24).grid
    np.testing.assert_allclose(expected, image / 255.0, atol=1e-6)
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    for same in (
        image / 255.0,
        (image / 255.0).astype(np.float16),
        opaque,
        opaque / 255.0,
        image.astype(np.uint16) * 257,
        Image(image),
    ):
        np.testing.assert_allclose(prepare_source(same, card, 1.24).grid, expected, atol=2e-3)
    gray = image[..., 0]
    three = prepare_source(np.repeat(gray[..., None], 3, 2), card, 1.24).grid
    for same in (gray, gray[..., None], gray / 255.0):
        np.testing.assert_allclose(prepare_source(same, card, 1.24).grid, three, atol=1e-6)


def test_transparency_is_white(card: EnsembleCard) -> None:
    clear = np.zeros((4, 5, 4), dtype=np.uint8)
    assert (prepare_source(clear, card, 1.24).grid == 1).all()


def test_pixel_size(card: EnsembleCard, tissue: Tissue) -> None:
    image = tissue((40, 61))
    unknown = prepare_source(image, card)
    assert unknown.pixel_size == 0.62
    assert unknown.grid.shape == (20, 30, 3)
    assert unknown.shape == (40, 61)
    assert any("0.62 µm" in note for note in unknown.notes)
    own = prepare_source(Image(image, 2.48), card)
    assert own.grid.shape == (80, 122, 3)
    assert own.notes == ()
    assert prepare_source(Image(image, 2.48), card, 1.24).grid.shape == (40, 61, 3)


@pytest.mark.parametrize("pixel_size", [0, -1, float("nan"), float("inf"), 1e-3, 1e3])
def test_impossible_pixel_size(card: EnsembleCard, tissue: Tissue, pixel_size: float) -> None:
    with pytest.raises(ImageError, match="pixel size"):
        prepare_source(tissue((40, 60)), card, pixel_size)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.zeros((5, 0, 3), np.uint8), "empty"),
        (np.zeros((5, 5, 2), np.uint8), "shape"),
        (np.zeros((2, 5, 5, 3), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.float32(0.5), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.zeros((5, 5), bool), "bool"),
        (np.zeros((5, 5), complex), "complex"),
        (np.full((5, 5), np.nan), "NaN"),
        (np.full((5, 5), np.inf), "NaN"),
        (np.full((5, 5), 200.0), "from 200 to 200"),
        (np.full((5, 5), -0.5), "scale them"),
    ],
)
def test_bad_images_are_one_sentence(
    card: EnsembleCard, image: NDArray[np.float32], reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        prepare_source(image, card)
    with pytest.raises(ImageError, match=r"slide\.png"):
        prepare_source(Image(np.asarray(image), None, Path("slide.png")), card)


@pytest.mark.parametrize(
    ("dtype", "value", "share"), [(np.uint16, 4095, "6.2%"), (np.uint8, 0, "0.0%")]
)
def test_a_dark_image_is_told_of(card: EnsembleCard, dtype: type, value: int, share: str) -> None:
    pixels: NDArray[Any] = np.full((40, 60, 3), value, dtype=dtype)
    (note,) = prepare_source(Image(pixels, 0.62, full_scale=np.iinfo(dtype).max), card).notes
    assert f"brightest value {share} of the full scale" in note
    bright = prepare_source(Image(np.full((40, 60, 3), 90, dtype=np.uint8), 0.62), card)
    assert bright.notes == ()
