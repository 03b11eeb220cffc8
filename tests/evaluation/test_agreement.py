"""Rankings compared, and the reference for brown stain."""

import numpy as np
import pytest

from napari_qsa.errors import QsaError
from napari_qsa.evaluation.agreement import Agreement, ranking_agreement
from napari_qsa.evaluation.stain import brown_mask
from napari_qsa.images import immunohistochemistry


def test_known_answers() -> None:
    values = np.arange(10.0)
    assert ranking_agreement(values, 2 * values + 1, 4) == Agreement(1.0, 4, 4, 1.6)
    assert ranking_agreement(values, -values, 4) == Agreement(-1.0, 0, 4, 1.6)
    assert ranking_agreement(values, -values, 16).overlap == 10
    half = np.array([9, 8, 0, 1, 2, 3, 4, 5, 7, 6.0])  # shares 8 and 9 of the top 4 of `values`
    assert ranking_agreement(values, half, 4).overlap == 2


@pytest.mark.parametrize(("n", "k"), [(3, 4), (4, 0)])
def test_what_cannot_be_compared(n: int, k: int) -> None:
    with pytest.raises(QsaError, match="cannot be compared"):
        ranking_agreement(np.arange(4), np.arange(n), k)


def test_brown_is_told_from_blue() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:] = (190, 195, 225)
    image[10:50, 10:40] = (140, 90, 50)
    mask = brown_mask(image, pixel_size=2.0)
    assert mask[20:40, 20:30].all()
    assert not mask[:, 50:].any()


def test_glands_of_the_embedded_image_are_brown() -> None:
    mask = brown_mask(immunohistochemistry().pixels, 0.62)
    assert mask[420, 320]  # a gland
    assert mask[100, 420]  # another
    assert not mask[300, 200]  # stroma
    assert not mask[330, 10]  # no tissue
