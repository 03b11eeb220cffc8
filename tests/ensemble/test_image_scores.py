"""What a prediction says of the image as a whole, against the members' maps and networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.metrics.member_scores import as_columns, gradient_sums, member_scores

MakeEnsemble = Callable[..., Ensemble]
Tissue = Callable[..., NDArray[np.uint8]]


@pytest.mark.parametrize("pixel_size", [0.8, 1.24])
def test_scores_are_those_of_the_members_maps(
    make_ensemble: MakeEnsemble, tissue: Tissue, pixel_size: float
) -> None:
    ensemble = make_ensemble(members=3)
    image = tissue((50, 70))
    got = ensemble.predict(image, pixel_size)
    expected = member_scores(ensemble.predict_members(image, pixel_size))
    assert got.scores is not None
    assert as_columns(got.scores) == pytest.approx(as_columns(expected), abs=1e-5)
    assert got.scores.uncertainty == pytest.approx(got.image_uncertainty, abs=1e-6)
    assert got.scores.mutual_information > 0


def test_the_embedding_is_the_mean_gradient_tiled_or_not(
    make_ensemble: MakeEnsemble, tissue: Tissue
) -> None:
    ensemble = make_ensemble(members=2)
    image = tissue((272, 288))
    got = ensemble.predict(image, pixel_size=1.24)
    assert got.embedding is not None
    assert got.embedding.shape == (2 * len(got.descriptor),)
    maps, features = [], []
    x = torch.from_numpy((image.astype(np.float32) / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]
    for network in ensemble.networks():
        hook = network.down[4].register_forward_hook(lambda _, __, out: features.append(out[0]))
        with torch.no_grad():
            maps.append(torch.sigmoid(network(x).logits[0, 0]).numpy())
        hook.remove()
    expected = gradient_sums(np.stack(maps), np.stack([each.numpy() for each in features]))
    np.testing.assert_allclose(got.embedding, expected / (272 * 288), rtol=1e-3, atol=1e-6)
    ensemble.max_side = 256
    tiled = ensemble.predict(image, pixel_size=1.24)
    assert tiled.embedding is not None
    np.testing.assert_allclose(tiled.embedding, got.embedding, rtol=1e-2, atol=1e-5)
