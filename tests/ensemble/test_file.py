"""The ensemble file: bit-identical weights, small, and one sentence for every damage."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from napari_qsa.ensemble.card import EnsembleCard, read_card
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.file import Spec, read_states, write_states
from napari_qsa.errors import EnsembleFileError, QsaError

MakeEnsemble = Callable[..., Ensemble]
Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def file(make_ensemble: MakeEnsemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "small.safetensors"
    make_ensemble().save(path)
    return path


def rewrite(source: Path, target: Path, change: Callable[[Tensors, dict[str, Any]], None]) -> Path:
    """Change tensors and card of a file, with the right checksum, as a hostile hand would."""
    content = source.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    tensors, card = load(content), json.loads(header["__metadata__"]["ensemble"])
    change(tensors, card)
    text = json.dumps(card)
    data = save(tensors)
    data = data[8 + int.from_bytes(data[:8], "little") :]
    checksum = hashlib.sha256(text.encode() + data).hexdigest()
    target.write_bytes(save(tensors, {"ensemble": text, "sha256": checksum}))
    return target


def bits(ensemble: Ensemble) -> list[dict[str, bytes]]:
    return [
        {key: value.contiguous().numpy().tobytes() for key, value in network.state_dict().items()}
        for network in ensemble.networks()
    ]


def load_or_error(path: Path) -> Ensemble | QsaError:
    try:
        return Ensemble.load(path, device="cpu")
    except QsaError as error:
        return error


@pytest.mark.parametrize(
    ("weights", "activations"), [("inq4", "u8"), ("inq7", "s8"), ("float", "float")]
)
def test_weights_come_back_bit_for_bit(
    make_ensemble: MakeEnsemble, tmp_path: Path, weights: str, activations: str
) -> None:
    ensemble = make_ensemble(weights=weights, activations=activations)
    ensemble.save(tmp_path / "a.safetensors")
    back = Ensemble.load(tmp_path / "a.safetensors", device="cpu")
    assert bits(back) == bits(ensemble)
    assert back.card == ensemble.card
    image = torch.rand(1, 3, 48, 64)
    for one, other in zip(ensemble.networks(), back.networks(), strict=True):
        assert torch.equal(one(image).logits, other(image).logits)
    back.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_networks_are_at_rest(file: Path) -> None:
    for network in Ensemble.load(file).networks():
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(("weights", "times"), [("inq4", 9), ("inq5", 6), ("inq7", 6)])
def test_file_is_small(
    make_ensemble: MakeEnsemble, tmp_path: Path, weights: str, times: int
) -> None:
    ensemble = make_ensemble(members=1, weights=weights, width=16)
    ensemble.save(tmp_path / "a.safetensors")
    values = sum(value.numel() for value in ensemble.networks()[0].state_dict().values())
    assert (tmp_path / "a.safetensors").stat().st_size * times <= 4 * values


def test_reading_the_card_needs_only_the_header(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    data = tmp_path / "header.safetensors"
    data.write_bytes(content[:length] + bytes(len(content) - length))
    assert read_card(data) == read_card(file)
    with pytest.raises(EnsembleFileError, match="checksum"):
        Ensemble.load(data)


def test_every_truncation_is_one_sentence(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [*range(0, 24), *range(24, len(content), len(content) // 30)]:
        cut.write_bytes(content[:length])
        for read in (read_card, Ensemble.load):
            with pytest.raises(EnsembleFileError, match=r"cut\.safetensors"):
                read(cut)


def test_flipped_bits_are_noticed_or_harmless(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    offsets = [
        *rng.integers(0, 16, 10),
        *rng.integers(0, header, 100),
        *rng.integers(header, len(content), 20),
    ]
    expected = bits(Ensemble.load(file))
    flipped = tmp_path / "flipped.safetensors"
    refused = 0
    for offset in offsets:
        damaged = bytearray(content)
        damaged[offset] ^= 1 << int(rng.integers(0, 8))
        flipped.write_bytes(damaged)
        loaded = load_or_error(flipped)
        if isinstance(loaded, QsaError):
            refused += 1
            assert "flipped.safetensors" in str(loaded)
            assert "\n" not in str(loaded)
        else:
            assert bits(loaded) == expected
    assert refused >= 0.9 * len(offsets)


def _set(**values: Any) -> Callable[[Tensors, dict[str, Any]], None]:
    return lambda tensors, card: card.update(values)


def _drop(name: str) -> Callable[[Tensors, dict[str, Any]], None]:
    return lambda tensors, card: tensors.pop(min(n for n in tensors if name in n))


def _replace(name: str, value: Any) -> Callable[[Tensors, dict[str, Any]], None]:
    def change(tensors: Tensors, card: dict[str, Any]) -> None:
        key = min(n for n in tensors if name in n)
        tensors[key] = value(tensors[key]) if callable(value) else value

    return change


def _bomb(tensors: Tensors, card: dict[str, Any]) -> None:
    key = min(n for n in tensors if n.endswith((".zlib", ".pairs")))
    tensors[key] = np.frombuffer(zlib.compress(bytes(200_000_000), 9), dtype=np.uint8)


def _nan(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.nan)


HOSTILE = {
    "unknown network": (_set(network="transformer"), "no network 'transformer'"),
    "unknown option": (_set(network_options={"depth": 3}), "does not take these options"),
    "huge network": (_set(network_options={"width": 4096}), "weights"),
    "huge option": (_set(network_options={"width": 10**9}), "network_options"),
    "zero width": (_set(network_options={"width": 0}), "width"),
    "negative width": (_set(network_options={"width": -3}), "width"),
    "text width": (_set(network_options={"width": "2"}), "width|describe|options"),
    "other width": (_set(network_options={"width": 3}), "fit|exactly|in 0/"),
    "other stride": (_set(stride=32), "stride"),
    "more members": (_set(members=3), "fit|lacks"),
    "fewer members": (_set(members=1), "unexpected"),
    "too many members": (_set(members=10**6), "members"),
    "unknown version": (_set(format_version=2), "format version 2"),
    "no version": (_set(format_version=None), "format version"),
    "unknown role": (_set(role="painter"), "role"),
    "mean of another length": (_set(mean=[0.5]), "mean"),
    "std of zero": (_set(std=[0, 0, 0]), "std"),
    "pixel size of zero": (_set(pixel_size=0), "pixel_size"),
    "pixel size as text": (_set(pixel_size="1"), "pixel_size"),
    "huge halo": (_set(halo=10**9), "halo"),
    "instances of text": (_set(instances={"threshold": "x"}), "threshold"),
    "threshold of NaN": (_set(instances={"threshold": float("nan")}), "NaN"),
    "training malformed": (_set(training=[{"name": "a", "sha256": "../"}]), "training"),
    "seeds malformed": (_set(seeds=["a"]), "seeds"),
    "missing codes": (_drop(".weight."), "fit|lacks|codes|unexpected"),
    "missing codebook": (_drop(".levels"), "fit"),
    "missing rest": (_drop("rest"), "rest"),
    "NaN scales": (_replace("rest", _nan), "finite"),
    "zero scales": (_replace("rest", np.zeros_like), "activation range"),
    "short rest": (_replace("rest", lambda v: v[:-1]), "fit"),
    "rest of integers": (_replace("rest", lambda v: v.view(np.int32)), "fit"),
    "NaN codebook": (_replace(".levels", _nan), "codebook"),
    "unsorted codebook": (_replace(".levels", lambda v: v[::-1].copy()), "codebook"),
    "empty codebook": (_replace(".levels", lambda v: v[:0]), "codebook"),
    "short codebook": (_replace(".levels", lambda v: v[:2]), "levels|bits"),
    "zip bomb": (_bomb, "exactly"),
    "extra tensor": (lambda tensors, card: tensors.update(x=np.zeros(3)), "unexpected"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_one_sentence(file: Path, tmp_path: Path, name: str) -> None:
    change, reason = HOSTILE[name]
    path = rewrite(file, tmp_path / "hostile.safetensors", change)
    with pytest.raises(EnsembleFileError, match=reason) as caught:
        Ensemble.load(path)
    assert "hostile.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def _with_header(text: bytes, claimed: int | None = None) -> bytes:
    return (len(text) if claimed is None else claimed).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no safetensors at all",
        _with_header(b"{}", 2**63),
        _with_header(b"{}", 2**31),
        _with_header(b"[]"),
        _with_header(b"null"),
        _with_header(b"\xff\xfe"),
        _with_header(b"[" * 100_000),
        _with_header(b'{"__metadata__": {"ensemble": 1}}'),
        _with_header(b'{"__metadata__": {"ensemble": "no JSON"}}'),
        _with_header(b'{"__metadata__": {"ensemble": "[]"}}'),
        _with_header(b'{"__metadata__": {"ensemble": "' + b"[" * 100_000 + b'"}}'),
        _with_header(b'{"__metadata__": {}}'),
        _with_header(b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}'),
        _with_header(b'{"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, -16]}}'),
        _with_header(b'{"a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]}}') + b"1234",
        _with_header(b'{"a": {"dtype": "U8", "shape": [2e0], "data_offsets": [0, 2]}}') + b"12",
        _with_header(b'{"a": 5}'),
        _with_header(
            b'{"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},'
            b'"b": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}}'
        )
        + b"1234",
        _with_header(b'{"a": {"dtype": "U8", "shape": [' + b"9" * 5000 + b"]}}"),
    ],
)
def test_other_bytes_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    for read in (read_card, Ensemble.load):
        with pytest.raises(EnsembleFileError, match=r"other\.safetensors"):
            read(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(EnsembleFileError, match="cannot be read"):
        read_card(tmp_path / "none.safetensors")
    with pytest.raises(EnsembleFileError, match="cannot be read"):
        read_card(tmp_path)
    with pytest.raises(EnsembleFileError, match="no ensemble"):
        Ensemble.load(tmp_path / "none.safetensors")
    with pytest.raises(EnsembleFileError, match="no ensemble 'glas-nothing'"):
        Ensemble.load("glas-nothing")


def test_a_failed_write_leaves_the_earlier_file(
    make_ensemble: MakeEnsemble, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "kept.safetensors"
    path.write_bytes(file.read_bytes())
    broken = make_ensemble()
    broken.networks()[0].head.bias.fill_(float("nan"))
    with pytest.raises(EnsembleFileError, match=r"kept\.safetensors was not written.*head\.bias"):
        broken.save(path)
    assert path.read_bytes() == file.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["kept.safetensors"]
    (tmp_path / "a file").write_text("")
    with pytest.raises(EnsembleFileError, match="cannot be written"):
        make_ensemble().save(tmp_path / "a file" / "x.safetensors")


def test_a_full_disk_leaves_the_earlier_file(
    make_ensemble: MakeEnsemble, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.safetensors"
    path.write_bytes(file.read_bytes())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EnsembleFileError, match=r"kept\.safetensors cannot be written \(No space"):
        make_ensemble().save(path)
    assert path.read_bytes() == file.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["kept.safetensors"]


def test_number_of_members_must_agree(file: Path, tmp_path: Path) -> None:
    card = read_card(file)
    with pytest.raises(EnsembleFileError, match="2 members, not 1"):
        write_states(tmp_path / "a.safetensors", card, [{}])


def test_states_of_any_kind(file: Path, tmp_path: Path) -> None:
    """Few values, many values, negative zeros, scalars, integers and empty arrays."""
    rng = np.random.default_rng(0)
    state = {
        "few": rng.choice(np.float32([-0.5, -0.0, 0.0, 0.25]), (64, 64)),
        "constant": np.zeros((50, 50), dtype=np.float32),
        "many": rng.random((40, 30), dtype=np.float32),
        "scalar": np.float32(3).reshape(()),
        "count": np.arange(3),
        "flag": np.array([[True, False]]),
        "empty": np.empty((0, 4), dtype=np.float32),
        "tiny": np.float32([[1, 2], [2, 1]]),
    }
    card = dataclasses.replace(read_card(file), members=1)
    path = tmp_path / "states.safetensors"
    write_states(path, card, [state])
    template = {key: Spec(value.shape, value.dtype) for key, value in state.items()}
    (back,) = read_states(path, template)
    for key, value in state.items():
        assert back[key].dtype == value.dtype
        assert back[key].shape == value.shape
        np.testing.assert_array_equal(back[key], value)
    assert not np.signbit(back["few"][back["few"] == 0]).any()
    assert {name.split(".")[0] for name in load(path.read_bytes())} == {
        "0/few",
        "0/constant",
        "0/rest",
    }


def test_pretrained_start_is_not_part_of_a_card(file: Path) -> None:
    card = dataclasses.replace(read_card(file), network_options={"width": 2, "pretrained": True})
    assert card.network_options == {"width": 2}
    assert EnsembleCard.from_json(card.to_json()) == card
