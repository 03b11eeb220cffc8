"""Small ensembles for the tests of prediction and of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_qsa.ensemble.card import EnsembleCard, TrainingImage
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.networks import build_network
from napari_qsa.quantization import (
    activation_scheme,
    calibrate_activations,
    convolutions,
    freeze,
    prepare,
    weight_scheme,
)

MakeEnsemble = Callable[..., Ensemble]


def _tissue(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Smooth blobs with some noise: (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = (np.arange(n)[:, None] for n in shape)
    waves = np.zeros((*shape, 3))
    for _ in range(6):
        frequency = rng.uniform(-0.25, 0.25, 2)
        phase = np.sin(frequency[0] * rows + frequency[1] * columns.T + rng.uniform(0, 6))
        waves += phase[..., None] * rng.uniform(-1, 1, 3)
    values = 128 + 40 * waves + rng.normal(0, 8, waves.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def _small_network(
    weights: str, activations: str, seed: int, in_channels: int, **options: Any
) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = prepare(build_network("unet", in_channels=in_channels, **options))
        scheme = weight_scheme(weights)
        crops = torch.from_numpy(_tissue((64, 64), seed)).permute(2, 0, 1)[None] / 127.5 - 1
        crops = crops.mean(1, keepdim=True).expand(-1, in_channels, -1, -1).contiguous()
        with torch.no_grad():
            for _, layer in convolutions(network):
                if scheme.quantizes:
                    layer.weight.copy_(scheme.quantize(layer.weight, scheme.codebook(layer.weight)))
            for _ in range(20):  # statistics of the batch normalisation
                network(crops)
            network.eval()
            network.head.bias.sub_(network(crops).logits.mean(dim=(0, 2, 3)))
            calibrate_activations(network, activation_scheme(activations), [crops])
    return freeze(network)


def _small_card(members: int, in_channels: int = 3, **changes: Any) -> EnsembleCard:
    values: dict[str, Any] = {
        "role": "segmentation",
        "network": "unet",
        "network_options": {"width": 2},
        "in_channels": in_channels,
        "members": members,
        "weights": "inq4",
        "activations": "u8",
        "pixel_size": 1.24,
        "source_pixel_size": 0.62,
        "mean": (0.5,) * in_channels,
        "std": (0.5,) * in_channels,
        "halo": 96,
        "stride": 16,
        "training": (TrainingImage("a", "0" * 64, 0), TrainingImage("b", "1" * 64, 1)),
        "folds": members,
        "seeds": tuple(range(members)),
        "version": "0.0",
        "date": "2026-01-01",
        "metrics": {"object_dice": 0.5},
        "notes": ("For tests.",),
    }
    return EnsembleCard(**{**values, **changes})


@pytest.fixture(scope="session")
def make_ensemble() -> MakeEnsemble:
    """Make an ensemble of small U-Nets; further arguments go into its card."""

    def make(
        members: int = 2,
        weights: str = "inq4",
        activations: str = "u8",
        in_channels: int = 3,
        width: int = 2,
        **changes: Any,
    ) -> Ensemble:
        networks = [
            _small_network(weights, activations, seed, in_channels, width=width)
            for seed in range(members)
        ]
        changes = {"network_options": {"width": width}, "weights": weights, **changes}
        return Ensemble(networks, _small_card(members, in_channels, **changes), device="cpu")

    return make


@pytest.fixture(scope="session")
def tissue() -> Callable[..., NDArray[np.uint8]]:
    return _tissue
