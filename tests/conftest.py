"""What tests of several rooms need."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes is no property of the code: speed is measured in benchmarks/.
settings.register_profile("napari-qsa", deadline=None)
settings.load_profile("napari-qsa")


def make_ensemble(path: Path, members: int = 2, **facts: Any) -> Path:
    """Write an ensemble of untrained U-Nets with 4-bit weights; `facts` go into its card."""
    import torch

    from napari_qsa.ensemble.card import EnsembleCard
    from napari_qsa.ensemble.ensemble import Ensemble
    from napari_qsa.networks import build_network
    from napari_qsa.quantization import convolutions, freeze, prepare, weight_scheme

    scheme = weight_scheme("inq4")
    networks = []
    for member in range(members):
        torch.manual_seed(member)
        network = prepare(build_network("unet", width=4))
        with torch.no_grad():
            for _, layer in convolutions(network):
                layer.weight.copy_(scheme.quantize(layer.weight, scheme.codebook(layer.weight)))
        networks.append(freeze(network))
    card: dict[str, Any] = {
        "role": "segmentation",
        "network": "unet",
        "network_options": {"width": 4},
        "in_channels": 3,
        "members": members,
        "weights": "inq4",
        "activations": "float",
        "pixel_size": 1.24,
        "source_pixel_size": 0.62,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "halo": 32,
        "stride": 16,
        "seeds": tuple(range(members)),
        "version": "0.1.0",
        "date": "2026-01-01",
        "notes": ("For tests only.",),
    }
    Ensemble(networks, EnsembleCard(**(card | facts))).save(path)
    return path


@pytest.fixture(scope="session", autouse=True)
def rescue_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep copies of what cannot be saved out of the user's own folders."""
    folder = tmp_path_factory.mktemp("rescue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_QSA_RESCUE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def no_low_priority() -> Iterator[None]:
    """Let trainings not starve behind the other tests that run at the same time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_QSA_NICE", "0")
        yield


@pytest.fixture(scope="session")
def tiny_ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of two small untrained networks."""
    return make_ensemble(tmp_path_factory.mktemp("ensemble") / "tiny.safetensors")


@pytest.fixture(scope="session")
def ensemble_maker() -> Callable[..., Path]:
    """`make_ensemble`, for an ensemble of another card."""
    return make_ensemble
