"""Codebooks in the ensemble file, and every weight scheme through it: bit for bit, at its size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_qsa.ensemble import codebooks
from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.file import Spec, read_states, write_states
from napari_qsa.ensemble.header import read_header
from napari_qsa.quantization import weight_scheme
from napari_qsa.quantization.grids import find_grid

MakeEnsemble = Callable[..., Ensemble]
SIZES = {  # bits of a normal weight in the file: at most, codebooks and their names aside
    "inq2": 1.0,
    "inq3": 1.6,
    "inq4": 2.7,
    "inq5": 3.6,
    "inq6": 3.7,
    "inq8": 3.7,
    "twn": 1.6,
    "dorefa1": 1.0,
    "dorefa2": 2.0,
    "dorefa4": 4.0,
    "dorefa8": 8.0,
    "q0.4": 1.9,
    "q0.7": 4.8,
    "q0.8": 5.8,
    "q0.12": 10.3,
    "qpaper0.4": 1.9,
}


@pytest.fixture(scope="module")
def card(make_ensemble: MakeEnsemble) -> EnsembleCard:
    return make_ensemble(members=1, width=1).card


@pytest.mark.parametrize("name", SIZES)
def test_every_scheme_at_its_size(name: str, card: EnsembleCard, tmp_path: Path) -> None:
    """Normal weights of sigma .05: what a trained layer of this width has, about."""
    scheme = weight_scheme(name)
    weight = 0.05 * torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    state = {"w": scheme.quantize(weight, scheme.codebook(weight)).numpy() + 0.0}
    path = tmp_path / "a.safetensors"
    write_states(path, card, [state])
    (back,) = read_states(path, {"w": Spec((64, 64, 3, 3), np.dtype(np.float32))})
    assert back["w"].tobytes() == state["w"].tobytes()
    tensors = read_header(path).tensors
    codes = next(e for key, e in tensors.items() if not key.endswith(codebooks.FORMS))
    assert 8 * (codes.stop - codes.start) / weight.numel() <= SIZES[name] + 0.01
    codebook = next(e for key, e in tensors.items() if key.endswith(codebooks.FORMS))
    assert codebook.stop - codebook.start <= 400


@pytest.mark.parametrize(
    ("weights", "activations"),
    [("twn", "ternary"), ("dorefa1", "binary"), ("q0.8", "q4.4"), ("inq2", "u3")],
)
def test_ensembles_come_back_bit_for_bit(
    make_ensemble: MakeEnsemble, tmp_path: Path, weights: str, activations: str
) -> None:
    ensemble = make_ensemble(members=1, width=1, weights=weights, activations=activations)
    ensemble.save(tmp_path / "a.safetensors")
    back = Ensemble.load(tmp_path / "a.safetensors", device="cpu")
    (one,), (other,) = ensemble.networks(), back.networks()
    for key, value in one.state_dict().items():
        assert value.numpy().tobytes() == other.state_dict()[key].numpy().tobytes(), key
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(one(image).logits, other(image).logits)


@given(
    st.integers(-200, 100),
    st.integers(1, 9),
    st.integers(18, 400),
    st.floats(2**-20, 10, width=32),
    st.integers(0, 2**31 - 1),
)
@settings(deadline=None, max_examples=60)
def test_a_grid_gives_back_its_levels(
    first: int, stride: int, count: int, step: float, seed: int
) -> None:
    kept = np.random.default_rng(seed).random(count) < 0.7
    codes = (first + stride * np.arange(count))[kept].astype(np.float32)
    levels = codes * np.float32(step)
    for form, stored, all_levels in codebooks.forms(levels):
        again = codebooks.read(form, stored)
        assert again is not None
        assert np.array_equal(again, all_levels)
        assert np.isin(levels, again).all()
        assert codebooks.size(form, stored) == all_levels.size


@pytest.mark.parametrize("name", ["dorefa1", "dorefa4", "dorefa7", "dorefa8", "twn", "q0.7"])
def test_uniform_schemes_are_whole_multiples_of_one_step(name: str) -> None:
    scheme = weight_scheme(name)
    weight = torch.randn(5000, generator=torch.Generator().manual_seed(0))
    levels = np.unique(scheme.quantize(weight, scheme.codebook(weight)).numpy())
    found = find_grid(levels)
    assert found is not None
    step, codes = found
    assert np.array_equal(codes.astype(np.float32) * np.float32(step), levels)
    most = {"dorefa1": 1, "dorefa4": 15, "dorefa7": 127, "dorefa8": 255, "twn": 1, "q0.7": 127}
    assert np.abs(codes).max() == most[name]


@pytest.mark.parametrize("bits", range(2, 8))
def test_few_weights_are_whole_multiples_too(bits: int) -> None:
    """None of them may have a level next to zero, which would be the step."""
    scheme = weight_scheme(f"dorefa{bits}")
    generator = torch.Generator().manual_seed(bits)
    for count in (1, 2, 3, 5, 9, 16) * 5:
        weight = 0.1 * torch.randn(count, generator=generator)
        levels = np.unique(scheme.quantize(weight, scheme.codebook(weight)).numpy())
        found = find_grid(levels)
        assert found is not None
        step, codes = found
        assert np.array_equal(codes.astype(np.float32) * np.float32(step), levels)
        assert np.abs(codes).max() <= 2**bits - 1


def test_float_weights_have_no_grid() -> None:
    assert find_grid(np.random.default_rng(0).standard_normal(20).astype(np.float32)) is None
    assert find_grid(np.zeros(1, np.float32)) == (1.0, np.zeros(1, np.int64))


@pytest.mark.parametrize(
    "stored",
    [
        [0.0, 0, 1, 20],
        [-1.0, 0, 1, 20],
        [np.nan, 0, 1, 20],
        [1.0, 0.5, 1, 20],
        [1.0, 0, 0, 20],
        [1.0, 0, 1, 1e9],
        [1.0, 0, 1, 0],
        [1.0, 1e9, 1, 20],
        [1e38, 1000, 1, 20],
        [1.0, 0, 1],
    ],
)
def test_malformed_grids(stored: list[float]) -> None:
    assert codebooks.read("grid", np.array(stored, np.float32)) is None
    assert codebooks.read("grid", np.array(stored, np.float64)) is None
