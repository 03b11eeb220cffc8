"""The choice of engine and device, and the PyTorch engine's failures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_qsa.ensemble.engines import ENGINES, OutOfMemory, create_engine
from napari_qsa.ensemble.engines.torch_engine import TorchEngine, find_device
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.errors import EngineError

MakeEnsemble = Callable[..., Ensemble]


def test_choice(make_ensemble: MakeEnsemble) -> None:
    networks = make_ensemble().networks()
    for name in ENGINES:
        assert create_engine(networks, name, "cpu").device.lower().startswith("cpu")
    assert create_engine(networks, "torch").device == str(find_device("auto"))
    with pytest.raises(EngineError, match="no engine 'caffe'"):
        create_engine(networks, "caffe")
    for device in ("abacus", "cuda:99", "meta"):
        with pytest.raises(EngineError, match=device):
            create_engine(networks, "torch", device)


@pytest.mark.parametrize("network", ["unet", "efficient_fcn"])
def test_features_are_found(make_ensemble: MakeEnsemble, network: str) -> None:
    """Not only their mean: their spatial mean is the network's own descriptor."""
    from napari_qsa.networks import build_network
    from napari_qsa.quantization import freeze, prepare

    module = freeze(prepare(build_network(network)))
    tile = np.random.default_rng(0).normal(size=(3, 64, 96)).astype(np.float32)
    output = TorchEngine([module], "cpu").run(tile, [0])
    stride = int(module.stride)
    assert output.features.shape == (1, module.descriptor_size, 64 // stride, 96 // stride)
    with torch.no_grad():
        expected = module(torch.from_numpy(tile)[None]).descriptor[0].numpy()
    np.testing.assert_allclose(output.features[0].mean((1, 2)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_an_ensemble_too_large_for_the_device(
    error: Exception, make_ensemble: MakeEnsemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise error

    ensemble = make_ensemble()
    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(EngineError, match="memory of cpu does not hold the ensemble"):
        Ensemble(ensemble.networks(), ensemble.card, device="cpu")


class Failing(torch.nn.Module):
    stride = 16

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "match"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), OutOfMemory, "memory of cpu"),
        (MemoryError(), OutOfMemory, "memory of cpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OutOfMemory, "memory"),
        (RuntimeError("the driver fell over\nat 0x0"), EngineError, "the driver fell over"),
        (RuntimeError("CUDA error: an illegal memory access"), EngineError, "illegal memory"),
        (RuntimeError(), EngineError, "cpu"),
    ],
)
def test_failures(error: Exception, kind: type[EngineError], match: str) -> None:
    engine = TorchEngine([Failing(error)], "cpu")
    with pytest.raises(kind, match=match) as caught:
        engine.run(np.zeros((3, 16, 16), np.float32), [0])
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
