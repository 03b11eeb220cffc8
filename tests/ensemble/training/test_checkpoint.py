"""Checkpoints: whole or not at all, and bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from napari_qsa.ensemble.training.checkpoint import read_checkpoint, write_bytes, write_checkpoint
from napari_qsa.errors import TrainingError

TENSORS = {
    "a": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "b": torch.tensor(7),
    "c": torch.tensor([True, False]),
    "d": torch.tensor([0.0, -0.0, float("inf")]),
}
FACTS = {"iteration": 12, "optimizer": True, "name": "é"}


def test_round_trip(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", TENSORS, FACTS)
    tensors, facts = read_checkpoint(tmp_path / "c")
    assert facts == FACTS
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert tensors[name].contiguous().numpy().tobytes() == value.contiguous().numpy().tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_named_with_the_remedy(tmp_path: Path, share: float) -> None:
    path = tmp_path / "c"
    write_checkpoint(path, TENSORS, FACTS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TrainingError, match=r"is damaged .*; delete it"):
        read_checkpoint(path)


def test_a_file_without_facts_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "c")
    with pytest.raises(TrainingError, match="is damaged"):
        read_checkpoint(tmp_path / "c")


def test_a_failed_write_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    write_bytes(path, b"earlier")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\)"):
        write_bytes(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["c"]
