"""Pixel Dice."""

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.metrics import pixel_dice


def test_known_answers() -> None:
    a, b = np.zeros((2, 4, 5), bool)
    assert pixel_dice(a, b) == 1
    a[:2] = True
    assert pixel_dice(a, b) == 0
    b[1:3] = True
    assert pixel_dice(a, b) == 0.5
    assert pixel_dice(a, a) == 1


def test_labels_count_as_foreground() -> None:
    truth = np.array([[0, 1, 2, 300]], np.int32)
    assert pixel_dice(truth != 0, truth) == 1
    assert pixel_dice(np.array([[0, 9, 0, 0]]), truth) == 0.5


def test_shapes_must_agree() -> None:
    with pytest.raises(QsaError, match="grid of the truth"):
        pixel_dice(np.zeros((3, 4)), np.zeros((3, 5)))
