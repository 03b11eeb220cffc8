"""Every network the whole way: trained, quantized, saved, loaded, tiled and in integers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.engines.export import IntegerConv2d, for_integers
from napari_qsa.ensemble.ensemble import Ensemble, measure_halo
from napari_qsa.ensemble.training import member as member_module
from napari_qsa.ensemble.training.member import MemberTrainer
from napari_qsa.ensemble.training.options import TrainingOptions
from napari_qsa.ensemble.training.samples import TrainingImage
from napari_qsa.ensemble.training.targets import training_maps
from napari_qsa.errors import QsaError
from napari_qsa.networks import build_network
from napari_qsa.quantization import convolutions, exceptions_of, prepare

Tissue = Callable[..., NDArray[np.uint8]]
REACH = {"suggestive_fcn": 192, "unet_fixed_point": 64, "dcan": 320, "multichannel": 160}
"""No pixel sees further, in pixels: from the sizes of the kernels, rounded up to 32."""
NAMES = sorted(REACH)


@dataclasses.dataclass
class Trained:
    """One narrow member, trained for some iterations in all phases."""

    name: str
    network: nn.Module
    options: TrainingOptions
    losses: list[float]

    def ensemble(self, halo: int) -> Ensemble:
        card = EnsembleCard(
            role="segmentation",
            network=self.name,
            network_options=self.options.network_options,
            in_channels=3,
            members=1,
            weights="inq4",
            activations="u8",
            pixel_size=1.24,
            source_pixel_size=1.24,
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
            halo=halo,
            stride=int(self.network.stride),  # type: ignore[arg-type]
        )
        return Ensemble([self.network], card, device="cpu")


@pytest.fixture(scope="module", params=NAMES)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tissue: Tissue
) -> Trained:
    labels = np.zeros((64, 64), np.int32)
    labels[8:34, 4:60], labels[36:60, 10:50] = 1, 2
    pixels = tissue((64, 64), seed=1).transpose(2, 0, 1) // 2 + 100 * (labels > 0).astype(np.uint8)
    stack = torch.from_numpy(np.concatenate([pixels, training_maps(labels, 1.0, 1.24, 6.0)]))
    options = TrainingOptions(
        network=request.param,
        network_options={"width": 2},
        iterations=40,
        batch=2,
        crop=32,
        float_share=0.8,
        learning_rate=5e-3,
        ema=0.5,
    )
    events: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_module, "REPORT_EVERY", 1)
        patch.setattr(member_module, "CALIBRATION_BATCHES", 2)
        patch.setattr(member_module, "STATISTICS_BATCHES", 4)
        network = MemberTrainer(
            [TrainingImage("a", "0" * 64, -1, stack)],
            options,
            0,
            tmp_path_factory.mktemp("run"),
            ((0.5,) * 3, (0.5,) * 3),
            events.append,
        ).run()
    losses = [e["loss"] for e in events if e["event"] == "progress" and e["phase"] == "float"]
    return Trained(request.param, network, options, losses)


def test_it_learns(trained: Trained) -> None:
    assert np.mean(trained.losses[-8:]) < 0.95 * np.mean(trained.losses[:8])


def test_every_convolution_is_quantized(trained: Trained) -> None:
    kinds = {type(m) for m in trained.network.modules() if hasattr(m, "weight")}
    assert len(kinds) == 1  # QuantizedConv2d: nothing else has weights
    for name, layer in convolutions(trained.network):
        magnitudes = torch.unique(layer.weight.abs())
        magnitudes = magnitudes[magnitudes > 0]
        assert len(magnitudes) <= 4, name
        assert torch.equal(torch.log2(magnitudes), torch.log2(magnitudes).round()), name
        assert layer.input_quantizer.enabled, name


def test_the_layers_that_the_fixed_point_paper_leaves_in_float() -> None:
    network = prepare(build_network("unet_fixed_point", width=2))
    kept = exceptions_of(network, {"paper": "float/float"})
    assert list(kept) == ["down.0.0", "down.0.3", "head"]
    assert {(w.name, a.name if a else "") for w, a in kept.values()} == {("float", "float")}
    with pytest.raises(QsaError, match="no layer 'paper'"):
        exceptions_of(prepare(build_network("dcan", width=2)), {"paper": "float/float"})


def test_saved_and_loaded_bit_for_bit(trained: Trained, tmp_path: Path, tissue: Tissue) -> None:
    ensemble = trained.ensemble(halo=64)
    path = tmp_path / "one.safetensors"
    ensemble.save(path)
    again = Ensemble.load(path, device="cpu")
    image = tissue((50, 70))
    before, after = ensemble.predict(image), again.predict(image)
    for name in ("probability", "separator", "descriptor", "labels"):
        assert getattr(before, name).tobytes() == getattr(after, name).tobytes(), name
    assert before.descriptor.shape == (trained.network.descriptor_size,)
    again.save(tmp_path / "two.safetensors")
    assert path.read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_tiles_with_the_measured_halo_do_not_show(trained: Trained, tissue: Tissue) -> None:
    image = tissue((64, 600))
    probe = torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1
    halo = measure_halo(trained.network, probe, tolerance=0.0, max_halo=REACH[trained.name] + 64)
    assert halo <= REACH[trained.name]
    whole = trained.ensemble(halo)
    tiled = trained.ensemble(halo)
    tiled.max_side = 2 * halo + 64
    one, other = whole.predict(image, 1.24), tiled.predict(image, 1.24)
    assert float(one.probability.std()) > 1e-3
    np.testing.assert_array_equal(one.probability, other.probability)
    np.testing.assert_array_equal(one.separator, other.separator)
    np.testing.assert_allclose(one.descriptor, other.descriptor, rtol=1e-5, atol=1e-6)


def test_integers_give_the_same_values(trained: Trained) -> None:
    rewritten = for_integers(trained.network)
    layers = [module for module in rewritten.modules() if isinstance(module, IntegerConv2d)]
    assert len(layers) == len(list(convolutions(trained.network)))
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected, found = trained.network(image), rewritten(image)
    assert torch.equal(expected.logits, found.logits)
    assert torch.equal(expected.descriptor, found.descriptor)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_openvino_gives_the_same_maps(trained: Trained) -> None:
    openvino = pytest.importorskip("openvino", reason="needs the `fast` extra")
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    model = openvino.convert_model(
        for_integers(trained.network), example_input=image, input=[1, 3, 64, 96]
    )
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(model, "CPU", hints)
    logits, descriptor = (np.asarray(value) for value in compiled(image.numpy()).values())
    with torch.no_grad():
        expected = trained.network(image)
    found = torch.sigmoid(torch.from_numpy(logits))
    assert float((found - torch.sigmoid(expected.logits)).abs().mean()) < 1e-3
    np.testing.assert_allclose(descriptor, expected.descriptor.numpy(), atol=0.05)
