"""Sizes and encodings, read from an ensemble file's bytes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_qsa.ensemble.card import checksum
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.header import lay_out, make_header, read_file
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


def test_a_bomb_is_not_unpacked() -> None:
    blob, encoding = pack(np.zeros(100_000, np.uint8), 200)
    with pytest.raises(EnsembleFileError, match="damaged"):
        inventory._count(blob, encoding, 200, Path("x"), 1000)


def test_what_is_no_ensemble_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not an ensemble at all, but long enough")
    with pytest.raises(EnsembleFileError, match=r"no\.safetensors"):
        take_inventory(path)
    with pytest.raises(EnsembleFileError, match="no ensemble 'nothing'"):
        take_inventory("nothing")


Tensors = dict[str, np.ndarray]


def craft(source: Path, target: Path, change: Callable[[Tensors], None]) -> Path:
    """Change the tensors of a file, with the right checksum, as a hostile hand would."""
    header, data = read_file(source)
    tensors = {
        name: data[entry.start : entry.stop].view(entry.dtype).reshape(entry.shape)
        for name, entry in header.tensors.items()
    }
    change(tensors)
    entries, content = lay_out(tensors)
    card = header.metadata["ensemble"]
    digest = checksum(card, np.frombuffer(content, np.uint8))
    target.write_bytes(make_header(entries, {"ensemble": card, "sha256": digest}) + content)
    return target


def _some_levels(value: np.ndarray) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({min(n for n in tensors if ".levels" in n): value})


HOSTILE: dict[str, tuple[Callable[[Tensors], None], str]] = {
    "codebook without an axis": (_some_levels(np.float32([1.0])[0].reshape(())), "codebook"),
    "codebook of two axes": (_some_levels(np.zeros((2, 2), np.float32)), "codebook"),
    "empty codebook": (_some_levels(np.zeros(0, np.float32)), "codebook"),
    "huge codebook": (_some_levels(np.zeros(2**16 + 1, np.float32)), "codebook"),
    "member of 5,000 digits": (
        lambda t: t.update({f"{'9' * 5000}/{n[2:]}": t[n] for n in list(t) if n[0] == "1"}),
        "unexpected tensor",
    ),
    "member too many": (lambda t: t.update({"2/a": np.zeros(1, np.float32)}), "unexpected"),
    "no member": (lambda t: t.update(a=np.zeros(1, np.float32)), "unexpected"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_one_sentence(tiny_ensemble: Path, tmp_path: Path, name: str) -> None:
    change, reason = HOSTILE[name]
    path = craft(tiny_ensemble, tmp_path / "hostile.safetensors", change)
    with pytest.raises(EnsembleFileError, match=reason) as caught:
        take_inventory(path)
    assert "hostile.safetensors" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_damage_shows_in_the_checksum(tiny_ensemble: Path, tmp_path: Path) -> None:
    path = craft(tiny_ensemble, tmp_path / "good.safetensors", lambda tensors: None)
    assert take_inventory(path).values == take_inventory(tiny_ensemble).values
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(EnsembleFileError, match="checksum"):
        take_inventory(path)


def test_layers_are_bounded_together(tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = take_inventory(tiny_ensemble).layers
    every, largest = sum(each.values for each in layers), max(each.values for each in layers)
    monkeypatch.setattr(inventory, "_MAX_VALUES", every)
    assert take_inventory(tiny_ensemble).layers == layers
    monkeypatch.setattr(inventory, "_MAX_VALUES", largest)
    with pytest.raises(EnsembleFileError, match="absurd size"):
        take_inventory(tiny_ensemble)


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
