"""Sizes and encodings, read from an ensemble file's bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.errors import EnsembleFileError
from napari_qsa.quantization import convolutions
from napari_qsa.quantization.packing import pack
from napari_qsa.session import inventory
from napari_qsa.session.inventory import by_layer, take_inventory


def test_sizes_are_those_of_the_networks(tiny_ensemble: Path) -> None:
    found = take_inventory(tiny_ensemble)
    networks = Ensemble.load(tiny_ensemble).networks()
    values = sum(v.numel() for network in networks for v in network.state_dict().values())
    assert found.bytes == tiny_ensemble.stat().st_size
    # The first layer's 108 weights lie in bit planes of 8, and count as 112.
    assert values <= found.values <= values + 7 * len(found.layers)
    assert found.float32_bytes == 4 * found.values
    assert found.ratio == pytest.approx(4 * values / found.bytes, rel=1e-3)
    assert found.card.members == 2


def test_layers_are_told_apart_and_brought_together(tiny_ensemble: Path) -> None:
    found = take_inventory(tiny_ensemble)
    network = Ensemble.load(tiny_ensemble).networks()[0]
    counts = {f"{name}.weight": layer.weight.numel() for name, layer in convolutions(network)}
    groups = by_layer(found.layers)
    assert len(groups) > 10
    assert {layer.member for layer in found.layers} == {0, 1}
    for group in groups:
        assert counts[group.name] <= group.values <= counts[group.name] + 7
        assert 3 <= group.levels <= 9
        assert 1 < group.bits_per_weight < 9
    big = max(groups, key=lambda group: group.values)
    assert big.bits_per_weight < 4
    assert found.bits_per_weight is not None
    assert 2 < found.bits_per_weight < 5


@pytest.mark.parametrize("levels", [1, 2, 3, 9, 16, 17, 129, 256])
@pytest.mark.parametrize("count", [8, 1000, 70_000])
def test_codes_are_counted_in_every_encoding(levels: int, count: int) -> None:
    codes = (np.random.default_rng(0).random(count) ** 3 * levels).astype(np.uint8)
    blob, encoding = pack(codes, levels)
    if encoding != "planes" or levels > 1:
        assert inventory._count(blob, encoding, levels, Path("x")) == count


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    blob, encoding = pack(np.zeros(100_000, np.uint8), 200)
    monkeypatch.setattr(inventory, "_MAX_VALUES", 1000)
    with pytest.raises(EnsembleFileError, match="damaged"):
        inventory._count(blob, encoding, 200, Path("x"))


def test_what_is_no_ensemble_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not an ensemble at all, but long enough")
    with pytest.raises(EnsembleFileError, match=r"no\.safetensors"):
        take_inventory(path)
    with pytest.raises(EnsembleFileError, match="no ensemble 'nothing'"):
        take_inventory("nothing")


def test_nothing_heavy_is_loaded(tiny_ensemble: Path) -> None:
    code = (
        "import sys; from napari_qsa.session.inventory import take_inventory;"
        "take_inventory(sys.argv[1]);"
        "sys.exit(' '.join({'torch', 'scipy', 'skimage', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_ensemble)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == ""
