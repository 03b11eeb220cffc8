"""Predictions: what they mean, on which grid, tiled or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_qsa.ensemble.engines import OutOfMemory, TileOutput
from napari_qsa.ensemble.engines.torch_engine import TorchEngine
from napari_qsa.ensemble.ensemble import Ensemble, measure_halo
from napari_qsa.ensemble.instances import InstanceOptions, find_instances
from napari_qsa.ensemble.prediction import Cancelled, Prediction
from napari_qsa.errors import EngineError, QsaError

MakeEnsemble = Callable[..., Ensemble]
Tissue = Callable[..., NDArray[np.uint8]]


class SmallMemory(TorchEngine):
    """Refuses tiles of more pixels than `limit`, and counts what it is asked for."""

    limit = 10**9
    sides: list[tuple[int, ...]]

    def run(self, tile: NDArray[np.float32], members: Sequence[int]) -> TileOutput:
        self.sides = [*getattr(self, "sides", []), tile.shape[1:]]
        if tile[0].size > self.limit:
            raise OutOfMemory("no memory")
        return super().run(tile, members)


def check_equal(one: Prediction, other: Prediction, atol: float = 0.0) -> None:
    np.testing.assert_allclose(one.probability, other.probability, atol=atol)
    np.testing.assert_allclose(one.uncertainty, other.uncertainty, atol=atol)
    np.testing.assert_allclose(one.separator, other.separator, atol=atol)


def test_maps_are_mean_and_spread_of_the_networks(
    make_ensemble: MakeEnsemble, tissue: Tissue
) -> None:
    """At the networks' own pixel size and a multiple of the stride nothing else comes in."""
    ensemble = make_ensemble(members=3)
    image = tissue((48, 80))
    got = ensemble.predict(image, pixel_size=1.24)
    x = torch.from_numpy((image.astype(np.float32) / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]
    outputs = [network(x) for network in ensemble.networks()]
    members = np.stack([torch.sigmoid(output.logits[0]).numpy() for output in outputs])
    np.testing.assert_allclose(got.probability, members[:, 0].mean(0), atol=1e-5)
    np.testing.assert_allclose(got.uncertainty, members[:, 0].std(0, ddof=0), atol=1e-5)
    np.testing.assert_allclose(got.separator, members[:, 1].mean(0), atol=1e-5)
    descriptor = np.mean([output.descriptor[0].numpy() for output in outputs], axis=0)
    np.testing.assert_allclose(got.descriptor, descriptor, rtol=1e-4, atol=1e-6)
    options = ensemble.card.instances
    expected = find_instances(got.probability, got.separator, 1.24, options, got.uncertainty)
    np.testing.assert_array_equal(got.labels, expected.labels)
    assert got.image_uncertainty == pytest.approx(float(got.uncertainty.mean()))
    assert got.pixel_size == 1.24
    assert got.faint == expected.faint > 0  # untrained networks are sure of little
    (sentence,) = got.notes
    assert f"left out because no member is sure of them: {got.faint} " in sentence
    every = dataclasses.replace(options, min_confidence=0)
    ensemble.card = dataclasses.replace(ensemble.card, instances=every)
    whole = ensemble.predict(image, pixel_size=1.24)
    assert (whole.faint, whole.notes) == (0, ())
    assert whole.labels.max() == got.labels.max() + got.faint


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (2, 3), (15, 16), (53, 91)])
@pytest.mark.parametrize("pixel_size", [0.31, 1.24, 3.0])
def test_every_result_is_on_the_images_own_grid(
    make_ensemble: MakeEnsemble, tissue: Tissue, shape: tuple[int, int], pixel_size: float
) -> None:
    got = make_ensemble().predict(tissue(shape), pixel_size)
    for values in (got.probability, got.uncertainty, got.separator):
        assert values.shape == shape
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1
    assert got.uncertainty.max() <= 0.5
    assert got.labels.shape == shape
    assert got.labels.dtype == np.int32
    assert got.descriptor.shape == (32,)
    assert got.descriptor.dtype == np.float32


def test_members_and_their_subsets(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    ensemble = make_ensemble(members=3)
    image = tissue((60, 70))
    maps = ensemble.predict_members(image)
    assert maps.shape == (3, 60, 70)
    got = ensemble.predict(image)
    np.testing.assert_allclose(got.probability, maps.mean(0), atol=1e-6)
    np.testing.assert_allclose(got.uncertainty, maps.std(0), atol=1e-6)
    one = ensemble.predict(image, members=[2])
    np.testing.assert_array_equal(one.probability, maps[2])
    assert not one.uncertainty.any()
    np.testing.assert_array_equal(ensemble.predict_members(image, members=[1])[0], maps[1])
    for wrong in ([], [3], [-1]):
        with pytest.raises(QsaError, match="0 to 2"):
            ensemble.predict(image, members=wrong)


def test_augmentation_makes_members_symmetric_first(
    make_ensemble: MakeEnsemble, tissue: Tissue
) -> None:
    ensemble = make_ensemble()
    image = tissue((48, 48))
    plain = ensemble.predict_members(image, 1.24)
    averaged = ensemble.predict_members(image, 1.24, tta=True)
    assert np.abs(plain - averaged).max() > 1e-3
    turned = ensemble.predict_members(np.rot90(image)[:, ::-1].copy(), 1.24, tta=True)
    np.testing.assert_allclose(np.rot90(turned[..., ::-1], -1, (1, 2)), averaged, atol=1e-5)
    eight = [
        np.rot90(ensemble.predict_members(np.rot90(view, turns).copy(), 1.24), -turns, axes=(1, 2))[
            ..., :: 1 if view is image else -1
        ]
        for view in (image, image[:, ::-1])
        for turns in range(4)
    ]
    np.testing.assert_allclose(averaged, np.mean(eight, axis=0), atol=1e-5)
    got = ensemble.predict(image, 1.24, tta=True)
    np.testing.assert_allclose(got.uncertainty, averaged.std(0), atol=1e-5)


def test_tiles_with_the_measured_halo_do_not_show(
    make_ensemble: MakeEnsemble, tissue: Tissue
) -> None:
    """Quantized networks are tiled bit for bit, seams, borders, descriptor and all."""
    ensemble = make_ensemble()
    image = tissue((400, 530))
    x = torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1
    halo = max(measure_halo(network, x) for network in ensemble.networks())
    assert 32 <= halo <= 160
    tiled = make_ensemble(halo=halo)
    tiled.max_side = 2 * halo + 48
    tiled._engine = SmallMemory(tiled.networks(), "cpu")
    whole, parts = ensemble.predict(image, 1.24), tiled.predict(image, 1.24)
    assert len(tiled._engine.sides) >= 12
    assert max(max(side) for side in tiled._engine.sides) <= tiled.max_side
    check_equal(whole, parts)
    np.testing.assert_array_equal(whole.labels, parts.labels)
    np.testing.assert_allclose(whole.descriptor, parts.descriptor, rtol=1e-5)
    check_equal(ensemble.predict(image, tta=True), tiled.predict(image, tta=True), atol=1e-6)


def test_a_halo_that_is_too_small_shows(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    """The test above can fail: halo matters for these networks."""
    ensemble, tiled = make_ensemble(), make_ensemble(halo=0)
    tiled.max_side = 128
    image = tissue((400, 530))
    difference = ensemble.predict(image, 1.24).probability - tiled.predict(image, 1.24).probability
    assert np.abs(difference).max() > 1e-2


@pytest.mark.slow
def test_3000_by_3000_labels_agree(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    ensemble = make_ensemble(members=2, halo=128)
    every = InstanceOptions(min_confidence=0)  # untrained networks are confident of nothing
    ensemble.card = dataclasses.replace(ensemble.card, instances=every)
    image = np.tile(tissue((1000, 1500)), (3, 2, 1))
    whole = ensemble.predict(image)
    ensemble.max_side = 512
    tiled = ensemble.predict(image)
    assert whole.labels.max() > 20
    assert (whole.labels != tiled.labels).mean() <= 1e-4


def test_out_of_memory_halves_the_tile(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    ensemble = make_ensemble(halo=112)
    image = tissue((300, 700))
    whole = ensemble.predict(image, 1.24)
    engine = ensemble._engine = SmallMemory(ensemble.networks(), "cpu")
    engine.limit = 300 * 300
    check_equal(whole, ensemble.predict(image, 1.24))
    assert ensemble.max_side == 288
    assert [rows * columns <= engine.limit for rows, columns in engine.sides].count(False) == 5
    engine.limit = 100
    with pytest.raises(EngineError, match="does not hold even a tile of 288 pixels"):
        ensemble.predict(image, 1.24)


def test_progress_counts_tiles_and_may_cancel(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    ensemble = make_ensemble(halo=16)
    ensemble.max_side = 64
    calls: list[tuple[int, int]] = []
    ensemble.predict(tissue((100, 100)), 1.24, progress=lambda *call: calls.append(call))
    assert calls[0] == (0, 16)
    assert calls[-1] == (16, 16)
    assert all(after[0] == before[0] + 1 for before, after in pairwise(calls))

    def cancel(done: int, total: int) -> None:
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        ensemble.predict(tissue((100, 100)), 1.24, progress=cancel)


def test_other_numbers_of_channels(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    gray = tissue((40, 50))[..., 0]
    one = make_ensemble(in_channels=1)
    np.testing.assert_array_equal(
        one.predict(gray).probability,
        one.predict(np.repeat(gray[..., None] / np.float32(255), 1, axis=2)).probability,
    )
    five = make_ensemble(in_channels=5)
    stack = np.random.default_rng(0).integers(0, 2**16, (40, 50, 5), dtype=np.uint16)
    assert five.predict(stack).probability.shape == (40, 50)


def test_weights_that_overflow_are_an_error(make_ensemble: MakeEnsemble, tissue: Tissue) -> None:
    ensemble = make_ensemble(weights="float", activations="float")
    with torch.no_grad():
        ensemble.networks()[0].head.bias.fill_(float("nan"))
    with pytest.raises(EngineError, match="not finite"):
        ensemble.predict(tissue((32, 32)))


def test_card_and_networks_must_agree(make_ensemble: MakeEnsemble) -> None:
    ensemble = make_ensemble()
    with pytest.raises(QsaError, match="2 members, not 1"):
        Ensemble(ensemble.networks()[:1], ensemble.card)
